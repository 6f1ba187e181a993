package postgres_test

import (
	"context"
	"database/sql"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/cloakroom-go/cloakroom/internal/integration/proxy"
)

// through returns a handle to a new database by way of a proxy, which sends no ping to
// connections that were idle for more than a second, as the driver would.
func through(t *testing.T) (*sql.DB, *proxy.Proxy) {
	_, name := postgres.Open(t)
	p := proxy.New(t, shared(t).Addr())
	config, err := pgx.ParseConfig(strings.Replace(name, shared(t).Addr(), p.Addr(), 1))
	if err != nil {
		t.Fatal(err)
	}
	db := stdlib.OpenDB(*config, stdlib.OptionShouldPing(func(context.Context, stdlib.ShouldPingParams) bool { return false }))
	t.Cleanup(func() { db.Close() })
	return db, p
}

func TestRoundTrips(t *testing.T) {
	db, p := through(t)
	postgres.RoundTrips(t, db, p)
}

func TestASaveWhoseAnswerIsLostIsDoneOnce(t *testing.T) {
	db, p := through(t)
	postgres.ALostAnswerIsNotAskedForAgain(t, db, p)
}
