package sqlstore

import (
	"database/sql"
	"errors"
	"strings"
	"testing"
)

// idle is a database that nobody talks to.
func idle(t *testing.T) *sql.DB {
	db := sql.OpenDB(&fakeDB{t: t, before: func(step, _ string) error {
		t.Errorf("New did %q", step)
		return errors.New("not asked for")
	}})
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func TestNewRefusesWhatCannotWorkAndSaysWhy(t *testing.T) {
	db := idle(t)
	for _, tc := range []struct {
		name    string
		db      *sql.DB
		dialect Dialect
		options *Options
		words   []string
	}{
		{"no database", nil, SQLite(), nil, []string{"db", "nil", "sql.Open"}},
		{"no dialect", db, Dialect{}, nil, []string{"Dialect", "zero", "SQLite()"}},
		{"schema table", db, SQLite(), &Options{Table: "Cloakroom_Schema"}, []string{"Options.Table", "Cloakroom_Schema", "another name"}},
	} {
		s, err := New(tc.db, tc.dialect, tc.options)
		if s != nil || err == nil {
			t.Errorf("%s: taken", tc.name)
			continue
		}
		for _, word := range tc.words {
			if !strings.Contains(err.Error(), word) {
				t.Errorf("%s: %q does not say %q", tc.name, err, word)
			}
		}
	}
}

func TestTableNamesAreCheckedAndQuoted(t *testing.T) {
	db := idle(t)
	for _, table := range []string{
		"1a", "a b", "a-b", `a"b`, "a;b", "a.b", "ä", "a\x00", "a\n", " ", strings.Repeat("a", 64), "a' OR '1'='1",
	} {
		if _, err := New(db, SQLite(), &Options{Table: table}); err == nil || !strings.Contains(err.Error(), "Options.Table") ||
			!strings.Contains(err.Error(), "digits and underscores") {
			t.Errorf("%q: %v", table, err)
		}
	}
	for _, table := range []string{"", "a", "_", "A1_b", "select", "order", strings.Repeat("a", 63)} {
		s, err := New(db, SQLite(), &Options{Table: table})
		if err != nil {
			t.Errorf("%q: %v", table, err)
			continue
		}
		if table == "" {
			table = "cloakroom_sessions"
		}
		for _, text := range []string{
			s.sql.load, s.sql.keys, s.sql.owned, s.sql.lock, s.sql.read, s.sql.insert,
			s.sql.edit, s.sql.extend, s.sql.replace, s.sql.remove, s.sql.sweep,
		} {
			if !strings.Contains(text, ` "`+table+`" `) {
				t.Errorf("%q is not quoted in %s", table, text)
			}
		}
	}
}

func TestBusyIsKnownByTheTextOfAnyDriver(t *testing.T) {
	for text, want := range map[string]bool{
		"database is locked (5) (SQLITE_BUSY)":     true, // modernc.org/sqlite
		"database is locked (517)":                 true, // the same, on a snapshot
		"database is locked":                       true, // mattn/go-sqlite3
		"sqlite3: database is locked":              true, // ncruces/go-sqlite3
		"constraint failed: UNIQUE constraint":     false,
		"database disk image is malformed":         false,
		"no such table: cloakroom_sessions":        false,
		"sqlite3: attempt to write a readonly ...": false,
	} {
		if got := sqliteBusy(errors.New(text)); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}
