package postgres_test

import (
	"database/sql"
	"fmt"
	"net/url"
	"sync/atomic"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib"

	"github.com/cloakroom-go/cloakroom/internal/integration/servers"
	"github.com/cloakroom-go/cloakroom/internal/integration/sqlchecks"
	"github.com/cloakroom-go/cloakroom/store/sqlstore"
)

var shared = servers.Shared(servers.PostgreSQL)

func TestMain(m *testing.M) { servers.Main(m) }

var postgres = &sqlchecks.Kind{
	Dialect:   sqlstore.PostgreSQL,
	Open:      func(t testing.TB) (*sql.DB, string) { return newDatabase(t, "") },
	OpenAgain: open,
	Key:       `"key"`,
	Mark:      func(n int) string { return fmt.Sprintf("$%d", n) },
}

var databases atomic.Int64

// newDatabase makes a database on the shared server. options are those of CREATE DATABASE.
func newDatabase(t testing.TB, options string) (db *sql.DB, name string) {
	t.Helper()
	server := shared(t).URL()
	database := fmt.Sprintf("test%d", databases.Add(1))
	run(t, open(t, server), `CREATE DATABASE `+database+` TEMPLATE template0 `+options)
	t.Cleanup(func() { run(t, open(t, server), `DROP DATABASE `+database+` WITH (FORCE)`) })
	u, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	u.Path = "/" + database
	return open(t, u.String()), u.String()
}

func open(t testing.TB, name string) *sql.DB {
	t.Helper()
	db, err := sql.Open("pgx", name)
	if err != nil {
		t.Fatal(err)
	}
	// As the package comment of sqlstore advises.
	db.SetMaxOpenConns(16)
	db.SetMaxIdleConns(16)
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

func run(t testing.TB, db *sql.DB, query string) {
	t.Helper()
	if _, err := db.Exec(query); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
}
