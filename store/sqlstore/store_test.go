package sqlstore

import (
	"cmp"
	"database/sql"
	"errors"
	"fmt"
	"reflect"
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
		{"no dialect", db, Dialect{}, nil, []string{"Dialect", "zero", "PostgreSQL()", "MySQL()", "SQLite()"}},
		{"schema on SQLite", db, SQLite(), &Options{Schema: "main"}, []string{"Options.Schema", `"main"`, "SQLite", "leave it empty"}},
		{"bad schema", db, PostgreSQL(), &Options{Schema: `a"b`}, []string{"Options.Schema", `"a\"b"`, "digits and underscores"}},
		{"schema with a dot", db, MySQL(), &Options{Schema: "a.b"}, []string{"Options.Schema", "digits and underscores"}},
		{"unlogged on SQLite", db, SQLite(), &Options{Unlogged: true}, []string{"Options.Unlogged", "PostgreSQL", "leave it false", "synchronous"}},
		{"unlogged on MySQL", db, MySQL(), &Options{Unlogged: true}, []string{"Options.Unlogged", "PostgreSQL", "leave it false", "innodb_flush_log_at_trx_commit"}},
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
		for _, d := range []Dialect{SQLite(), PostgreSQL(), MySQL()} {
			for _, schema := range []string{"", "select"} {
				if schema != "" && !d.hasSchemas {
					continue
				}
				s, err := New(db, d, &Options{Schema: schema, Table: table})
				if err != nil {
					t.Errorf("%s: %q: %v", d.name, table, err)
					continue
				}
				name := d.quote(cmp.Or(table, "cloakroom_sessions"))
				if schema != "" {
					name = d.quote(schema) + "." + name
				}
				texts := reflect.ValueOf(s.sql)
				for i := range texts.NumField() {
					if text := texts.Field(i).String(); text != "" && strings.Count(text+" ", " "+name+" ") == 0 {
						t.Errorf("%s: %q is not quoted in %s", d.name, table, text)
					}
				}
			}
		}
	}
}

func TestErrorsOfServersAreKnownByTheirCodes(t *testing.T) {
	for _, tc := range []struct {
		d       Dialect
		err     error
		busy    bool
		problem problem
	}{
		{PostgreSQL(), stateError("40001"), true, noProblem},
		{PostgreSQL(), fmt.Errorf("commit: %w", stateError("40P01")), true, noProblem},
		{PostgreSQL(), stateError("57014"), false, noProblem}, // cancelled, as by statement_timeout
		{PostgreSQL(), stateError("57P01"), false, noProblem}, // shut down, perhaps after the commit
		{PostgreSQL(), errors.New("SQLSTATE 40001"), false, noProblem},
		{PostgreSQL(), stateError("42P01"), false, missingTable},
		{PostgreSQL(), errors.Join(errors.New("x"), stateError("28P01")), false, refusedLogin},
		{MySQL(), errors.New("Error 1213 (40001): Deadlock found"), true, noProblem},
		{MySQL(), errors.New("Error 1213: Deadlock found"), true, noProblem}, // a server without states
		{MySQL(), fmt.Errorf("commit: %w", errors.New("Error 1205 (HY000): Lock wait timeout exceeded")), true, noProblem},
		{MySQL(), errMigrating, true, noProblem},
		{MySQL(), errors.New("Error 1062 (23000): Duplicate entry 'Error 1213 (40001): ' for key 'PRIMARY'"), false, noProblem},
		{MySQL(), errors.New("Error 1146 (42S02): Table 'x.cloakroom_sessions' doesn't exist"), false, missingTable},
		{MySQL(), errors.New("Error 1045 (28000): Access denied for user 'x'@'localhost'"), false, refusedLogin},
		{MySQL(), errors.New("invalid connection"), false, noProblem},
		{SQLite(), errors.New("SQL logic error: no such table: cloakroom_sessions (1)"), false, missingTable},
	} {
		if busy, problem := tc.d.busy(tc.err), tc.d.diagnose(tc.err); busy != tc.busy || problem != tc.problem {
			t.Errorf("%s: %v: busy %v, problem %d; want %v and %d", tc.d.name, tc.err, busy, problem, tc.busy, tc.problem)
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
