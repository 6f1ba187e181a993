package sqlite_test

import (
	"context"
	"database/sql"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"time"

	_ "modernc.org/sqlite"

	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/sqlstore"
)

func Example() {
	dir, err := os.MkdirTemp("", "cloakroom")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	ctx := context.Background()

	file := filepath.Join(dir, "sessions.db")
	db, err := sql.Open("sqlite", "file:"+file+"?_pragma=busy_timeout(5000)&_pragma=synchronous(full)")
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close()
	sessions, err := sqlstore.New(db, sqlstore.SQLite(), nil)
	if err != nil {
		log.Fatal(err)
	}
	if err := sessions.Migrate(ctx); err != nil {
		log.Fatal(err)
	}

	// What a session manager does with it.
	set, err := store.NewFields(store.Field{Name: "visits", Value: "1"}, store.Field{Name: "theme", Value: `"dark"`})
	if err != nil {
		log.Fatal(err)
	}
	owner := "u1"
	_, err = sessions.Save(ctx, "some-key", store.Change{Create: true, Set: set, Owner: &owner, ExpiresAt: time.Now().Add(time.Hour)})
	if err != nil {
		log.Fatal(err)
	}

	// What anybody with access to the file can do.
	var fields string
	var visits int
	row := db.QueryRow(`SELECT fields, fields ->> '$.visits' FROM cloakroom_sessions WHERE owner = 'u1'`)
	if err := row.Scan(&fields, &visits); err != nil {
		log.Fatal(err)
	}
	fmt.Println(fields, visits)
	// Output: {"theme":"dark","visits":1} 1
}
