//go:build !slim

package open

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/go-sql-driver/mysql"

	"github.com/cloakroom-go/cloakroom/store/sqlstore"
)

// openMySQL leaves parameters to the driver, which hands those that it does not know to
// the server as system variables, and that refuses what is none.
func openMySQL(ctx context.Context, url string) (*Opened, error) {
	a, err := parse(url, 3306)
	if err != nil {
		return nil, err
	}
	if err := a.one(); err != nil {
		return nil, err
	}
	if a.path == "" {
		return nil, wrong(url, "names no database")
	}
	config, err := mysql.ParseDSN("/?" + strings.ReplaceAll(a.query, "/", "%2F"))
	if err != nil {
		return nil, wrong(url, "is refused by the driver (%v)", err)
	}
	config.Net, config.Addr = "tcp", a.hosts[0]
	config.User, config.Passwd, config.DBName = a.user, a.password, a.path
	connector, err := mysql.NewConnector(config)
	if err != nil {
		return nil, wrong(url, "is refused by the driver (%v)", err)
	}
	place := fmt.Sprintf("%s, database %s", a.place(), a.path)
	opened, err := openSQL(ctx, sql.OpenDB(connector), sqlstore.MySQL(), "MySQL", place, func(err error) string {
		return mysqlRemedy(err, a.user, a.path)
	})
	var refused *mysql.MySQLError
	if errors.As(err, &refused) && refused.Number == 1193 {
		return nil, wrong(url, "has a parameter that neither the driver nor the server knows (%s)", refused.Message)
	}
	return opened, err
}

// mysqlRemedy goes by the numbers of "Server Error Message Reference" in MySQL's manual.
func mysqlRemedy(err error, user, database string) string {
	var refused *mysql.MySQLError
	if !errors.As(err, &refused) {
		return ""
	}
	switch refused.Number {
	case 1045, 1698:
		return "write the right user and password into the URL, mysql://USER:PASSWORD@HOST/DATABASE"
	case 1044:
		return fmt.Sprintf("let the user in with: GRANT ALL ON `%s`.* TO %s", database, user)
	case 1049:
		return fmt.Sprintf("create it with: CREATE DATABASE `%s`, or name another one in the URL", database)
	}
	return ""
}
