package sqlstore_test

import (
	"context"
	"database/sql"
	"log"

	// The program imports the driver: _ "modernc.org/sqlite"

	"github.com/cloakroom-go/cloakroom/store/sqlstore"
)

func ExampleNew() {
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
