// Package sqlchecks holds the tests that every SQL server has to pass under sqlstore. The
// packages of the servers run them, and add what is true of theirs alone.
package sqlchecks

import (
	"context"
	"database/sql"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/sqlstore"
)

// A Kind is a kind of server.
type Kind struct {
	Dialect func() sqlstore.Dialect
	// Open returns a handle to a new database of a server that is shared, which is the name
	// to open more of them with. It is closed with the test.
	Open func(t testing.TB) (db *sql.DB, name string)
	// OpenAgain returns another handle to a database that Open has made.
	OpenAgain func(t testing.TB, name string) *sql.DB
	// Key is the name of the column, quoted.
	Key string
	// Mark returns the n-th placeholder, from 1.
	Mark func(n int) string
}

// Store returns a Store over db that was migrated. options may be nil.
func (k *Kind) Store(t testing.TB, db *sql.DB, options *sqlstore.Options) *sqlstore.Store {
	t.Helper()
	s, err := sqlstore.New(db, k.Dialect(), options)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s
}

// New returns a Store in a new database, and the handle.
func (k *Kind) New(t testing.TB) (*sqlstore.Store, *sql.DB) {
	t.Helper()
	db, _ := k.Open(t)
	return k.Store(t, db, nil), db
}

// marks replaces each ? by the server's own placeholder, and `key` by the column's name.
func (k *Kind) marks(query string) string {
	parts := strings.Split(strings.ReplaceAll(query, "`key`", k.Key), "?")
	query = parts[0]
	for i, part := range parts[1:] {
		query += k.Mark(i+1) + part
	}
	return query
}

// Exec runs a statement with ? for its placeholders and `key` for that column.
func (k *Kind) Exec(t testing.TB, db *sql.DB, query string, args ...any) {
	t.Helper()
	if _, err := db.ExecContext(context.Background(), k.marks(query), args...); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
}

// One returns the only value that a query finds, which is written as for Exec.
func One[T any](t testing.TB, k *Kind, db *sql.DB, query string, args ...any) (v T) {
	t.Helper()
	if err := db.QueryRowContext(context.Background(), k.marks(query), args...).Scan(&v); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return v
}

// Fields makes fields of names and values.
func Fields(t testing.TB, pairs ...string) store.Fields {
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

// Create makes a record that lives for an hour.
func Create(t testing.TB, s store.Store, key, owner string, pairs ...string) {
	t.Helper()
	_, err := s.Save(t.Context(), key, store.Change{
		Create: true, Owner: &owner, ExpiresAt: time.Now().Add(time.Hour), Set: Fields(t, pairs...),
	})
	if err != nil {
		t.Fatal(err)
	}
}
