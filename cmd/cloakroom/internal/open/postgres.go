//go:build !slim

package open

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/cloakroom-go/cloakroom/store/sqlstore"
)

// openPostgres leaves parameters to the driver, which hands those that it does not know to
// the server, and that refuses what is none of its settings.
func openPostgres(ctx context.Context, url string) (*Opened, error) {
	a, err := parse(url, 5432)
	if err != nil {
		return nil, err
	}
	if a.params.Has("password") || a.params.Has("user") {
		return nil, wrong(url, "has the user or the password among the parameters: write postgres://USER:PASSWORD@HOST/DATABASE")
	}
	// Without user and password, which are then in no error of the driver.
	config, err := pgx.ParseConfig("postgres://" + strings.Join(a.hosts, ",") + "/" + escapePath(a.path) + "?" + a.query)
	if err != nil {
		return nil, wrong(url, "is refused by the driver (%v)", bare(err))
	}
	if a.given {
		config.User, config.Password = a.user, a.password
	}
	if config.Database == "" {
		config.Database = config.User // as the server does
	}
	place := fmt.Sprintf("%s, database %s", a.place(), config.Database)
	opened, err := openSQL(ctx, stdlib.OpenDB(*config), sqlstore.PostgreSQL(), "PostgreSQL", place, func(err error) string {
		return postgresRemedy(err, config.User, config.Database)
	})
	var refused *pgconn.PgError
	if errors.As(err, &refused) && refused.Code == "42704" {
		return nil, wrong(url, "has a parameter that neither the driver nor the server knows (%s)", refused.Message)
	}
	return opened, err
}

// bare is what the driver says is wrong, without the URL.
func bare(err error) error {
	var refused *pgconn.ParseConfigError
	if errors.As(err, &refused) && refused.Unwrap() != nil {
		return refused.Unwrap()
	}
	return err
}

// postgresRemedy goes by the codes of "PostgreSQL Error Codes" in its manual.
func postgresRemedy(err error, user, database string) string {
	var refused *pgconn.PgError
	if !errors.As(err, &refused) {
		if strings.Contains(err.Error(), "server refused TLS connection") {
			return "add ?sslmode=disable to the URL, or switch ssl on in the server"
		}
		return ""
	}
	switch refused.Code {
	case "28P01", "28000":
		return fmt.Sprintf("write the right user and password into the URL, postgres://USER:PASSWORD@HOST/DATABASE, or let the user %q in by pg_hba.conf", user)
	case "3D000":
		return fmt.Sprintf("create it with: createdb %s, or name another one in the URL", database)
	}
	return ""
}
