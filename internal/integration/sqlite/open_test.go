package sqlite_test

import (
	"context"
	"database/sql"
	"path/filepath"
	"testing"
	"time"

	_ "modernc.org/sqlite"

	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/sqlstore"
)

// dsn names a database file with the settings that the package comment advises.
func dsn(path, synchronous string) string {
	return "file:" + path + "?_pragma=busy_timeout(5000)&_pragma=synchronous(" + synchronous + ")"
}

func tempFile(t testing.TB) string { return filepath.Join(t.TempDir(), "sessions.db") }

func openDB(t testing.TB, name string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", name)
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxIdleConns(16) // opening one takes a millisecond
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

// open returns a migrated Store over db.
func open(t testing.TB, db *sql.DB) *sqlstore.Store {
	t.Helper()
	s, err := sqlstore.New(db, sqlstore.SQLite(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s
}

func fields(t testing.TB, pairs ...string) store.Fields {
	t.Helper()
	var list []store.Field
	for i := 0; i < len(pairs); i += 2 {
		list = append(list, store.Field{Name: pairs[i], Value: pairs[i+1]})
	}
	f, err := store.NewFields(list...)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func create(t testing.TB, s store.Store, key, owner string, pairs ...string) {
	t.Helper()
	_, err := s.Save(t.Context(), key, store.Change{
		Create: true, Owner: &owner, ExpiresAt: time.Now().Add(time.Hour), Set: fields(t, pairs...),
	})
	if err != nil {
		t.Fatal(err)
	}
}

func execSQL(t testing.TB, db *sql.DB, query string, args ...any) {
	t.Helper()
	if _, err := db.ExecContext(context.Background(), query, args...); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
}
