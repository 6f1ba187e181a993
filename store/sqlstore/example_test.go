package sqlstore_test

import (
	"context"
	"database/sql"
	"fmt"
	"log"

	"github.com/cloakroom-go/cloakroom/store/sqlstore"
)

func ExampleNew_postgreSQL() {
	// The program imports the driver: _ "github.com/jackc/pgx/v5/stdlib"
	db, err := sql.Open("pgx", "postgres://user:password@localhost/shop")
	if err != nil {
		log.Fatal(err)
	}
	db.SetMaxOpenConns(32)
	db.SetMaxIdleConns(32)
	sessions, err := sqlstore.New(db, sqlstore.PostgreSQL(), &sqlstore.Options{Schema: "web"})
	if err != nil {
		log.Fatal(err)
	}
	if err := sessions.Migrate(context.Background()); err != nil {
		log.Fatal(err)
	}
}

func ExampleNew_mariaDB() {
	// The program imports the driver: _ "github.com/go-sql-driver/mysql"
	db, err := sql.Open("mysql", "user:password@tcp(localhost:3306)/shop")
	if err != nil {
		log.Fatal(err)
	}
	db.SetMaxOpenConns(32)
	db.SetMaxIdleConns(32)
	sessions, err := sqlstore.New(db, sqlstore.MySQL(), nil)
	if err != nil {
		log.Fatal(err)
	}
	if err := sessions.Migrate(context.Background()); err != nil {
		log.Fatal(err)
	}
}

// The sessions of an express program that keeps them with connect-pg-simple.
func ExampleNewKV() {
	db, err := sql.Open("pgx", "postgres://user:password@localhost/shop")
	if err != nil {
		log.Fatal(err)
	}
	kv, err := sqlstore.NewKV(db, sqlstore.PostgreSQL(), sqlstore.KVOptions{
		Table: "session", Key: "sid", Value: "sess", Expires: "expire", ExpiresAs: sqlstore.Timestamp,
	})
	if err != nil {
		log.Fatal(err)
	}
	entry, err := kv.Get(context.Background(), "kFlS3Jm4Cc0WaLSgfDYQpWO2Oz5XNcQ2")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(entry.Value, entry.ExpiresAt)
}

func ExampleNew_sqlite() {
	// The program imports the driver: _ "modernc.org/sqlite"
	db, err := sql.Open("sqlite", "file:sessions.db?_pragma=busy_timeout(5000)&_pragma=synchronous(full)")
	if err != nil {
		log.Fatal(err)
	}
	sessions, err := sqlstore.New(db, sqlstore.SQLite(), nil)
	if err != nil {
		log.Fatal(err)
	}
	if err := sessions.Migrate(context.Background()); err != nil {
		log.Fatal(err)
	}
}
