package mariadb_test

import (
	"database/sql"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/go-sql-driver/mysql"

	"github.com/cloakroom-go/cloakroom/internal/integration/servers"
	"github.com/cloakroom-go/cloakroom/internal/integration/sqlchecks"
	"github.com/cloakroom-go/cloakroom/store/sqlstore"
)

var shared = servers.Shared(servers.MariaDB)

func TestMain(m *testing.M) { servers.Main(m) }

var mariadb = &sqlchecks.Kind{
	Dialect:   sqlstore.MySQL,
	Open:      newDatabase,
	OpenAgain: open,
	Key:       "`key`",
	Mark:      func(int) string { return "?" },
}

var databases atomic.Int64

// newDatabase makes a database on the shared server.
func newDatabase(t testing.TB) (db *sql.DB, name string) {
	t.Helper()
	server := shared(t).DSN()
	database := fmt.Sprintf("test%d", databases.Add(1))
	run(t, open(t, server), "CREATE DATABASE "+database)
	t.Cleanup(func() { run(t, open(t, server), "DROP DATABASE "+database) })
	config, err := mysql.ParseDSN(server)
	if err != nil {
		t.Fatal(err)
	}
	config.DBName = database
	return open(t, config.FormatDSN()), config.FormatDSN()
}

func open(t testing.TB, name string) *sql.DB {
	t.Helper()
	db, err := sql.Open("mysql", name)
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
