package explorer

import (
	"database/sql"
	"path/filepath"
	"testing"

	_ "modernc.org/sqlite"

	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/sqlstore"
)

// inSQLite returns a store in a file of its own. It is opened in the bubble, so that the
// goroutines of database/sql belong there and the clock of the store is the bubble's.
func inSQLite(t *testing.T) store.Store {
	t.Helper()
	path := filepath.Join(t.TempDir(), "sessions.db")
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=busy_timeout(5000)&_pragma=synchronous(OFF)")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	s, err := sqlstore.New(db, sqlstore.SQLite(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestPromisesHoldOnSQLite(t *testing.T) {
	set := Reduced()
	set["three requests, one of which renews"] = triples(scene{anonymous, fresh, false}, []program{{updateN}, {renew}, {destroy}}, browser)
	Explore(t, inSQLite, set)
}
