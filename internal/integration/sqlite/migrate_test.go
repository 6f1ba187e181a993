package sqlite_test

import (
	"context"
	"database/sql"
	"errors"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/sqlstore"
)

func newStore(t *testing.T, db *sql.DB, table string) *sqlstore.Store {
	t.Helper()
	s, err := sqlstore.New(db, sqlstore.SQLite(), &sqlstore.Options{Table: table})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// schema returns the text of everything in the database.
func schema(t *testing.T, db *sql.DB) string {
	t.Helper()
	var text string
	err := db.QueryRow(`SELECT group_concat(type || ' ' || name || ': ' || coalesce(sql, '-'), char(10) ORDER BY name) FROM sqlite_schema`).Scan(&text)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func one[T any](t *testing.T, db *sql.DB, query string, args ...any) (v T) {
	t.Helper()
	if err := db.QueryRow(query, args...).Scan(&v); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return v
}

func TestMigrateMayBeCalledByManyAtOnce(t *testing.T) {
	for _, settings := range []string{"", "?_pragma=busy_timeout(5000)"} {
		for range 5 {
			name := "file:" + tempFile(t) + settings
			dbs := [2]*sql.DB{openDB(t, name), openDB(t, name)}
			begin := make(chan struct{})
			var wg sync.WaitGroup
			for i := range 10 {
				s := newStore(t, dbs[i%2], "")
				wg.Go(func() {
					<-begin
					if err := s.Migrate(t.Context()); err != nil {
						t.Errorf("%s: %v", name, err)
					}
				})
			}
			close(begin)
			wg.Wait()
			create(t, newStore(t, dbs[0], ""), "k", "u1")
			if n := one[int](t, dbs[1], `SELECT count(*) FROM cloakroom_schema`); n != 1 {
				t.Errorf("%d rows in cloakroom_schema", n)
			}
		}
	}
}

func TestMigrateAgainChangesNothing(t *testing.T) {
	path := tempFile(t)
	db := openDB(t, dsn(path, "full"))
	execSQL(t, db, `PRAGMA user_version = 42`)
	s := open(t, db)
	create(t, s, "k", "u1", "n", "1")
	before := schema(t, db)
	// data_version moves when another connection commits a change.
	watch := openDB(t, dsn(path, "full"))
	watch.SetMaxOpenConns(1)
	version := one[int](t, watch, `PRAGMA data_version`)
	for range 3 {
		if err := s.Migrate(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if after := schema(t, db); after != before {
		t.Errorf("the schema was\n%s\nand is\n%s", before, after)
	}
	if again := one[int](t, watch, `PRAGMA data_version`); again != version {
		t.Error("something was written")
	}
	if v := one[int](t, db, `PRAGMA user_version`); v != 42 {
		t.Errorf("user_version is %d: it belongs to the program", v)
	}
	if mode := one[string](t, db, `PRAGMA journal_mode`); mode != "wal" {
		t.Errorf("journal mode %q", mode)
	}
	if _, err := s.Load(t.Context(), "k"); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

func TestTheSchemaIsTheOneThatTheDocumentationShows(t *testing.T) {
	db := openDB(t, dsn(tempFile(t), "full"))
	open(t, db)
	const want = `table cloakroom_schema: CREATE TABLE cloakroom_schema (name TEXT NOT NULL PRIMARY KEY COLLATE NOCASE, version INTEGER NOT NULL)
table cloakroom_sessions: CREATE TABLE "cloakroom_sessions" (
	"key"   TEXT    NOT NULL PRIMARY KEY,
	version INTEGER NOT NULL, -- grows with every change
	owner   TEXT    NOT NULL, -- '' while anonymous
	expires INTEGER NOT NULL, -- Unix time in milliseconds
	fields  TEXT    NOT NULL  -- a JSON object, one member per field
)
index cloakroom_sessions_expires: CREATE INDEX "cloakroom_sessions_expires" ON "cloakroom_sessions" (expires)
index cloakroom_sessions_owner: CREATE INDEX "cloakroom_sessions_owner" ON "cloakroom_sessions" (owner, "key") WHERE owner <> ''
index sqlite_autoindex_cloakroom_schema_1: -
index sqlite_autoindex_cloakroom_sessions_1: -`
	if got := schema(t, db); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestTablesOfOneDatabaseAreApart(t *testing.T) {
	db := openDB(t, dsn(tempFile(t), "normal"))
	var stores []*sqlstore.Store
	for _, table := range []string{"", "order", "Other_1"} {
		s := newStore(t, db, table)
		if err := s.Migrate(t.Context()); err != nil {
			t.Fatal(err)
		}
		create(t, s, "k", "u1", "table", `"`+table+`"`)
		stores = append(stores, s)
	}
	// SQLite does not tell names apart by case.
	same := newStore(t, db, "OTHER_1")
	if err := same.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{`""`, `"order"`, `"Other_1"`} {
		rec, err := stores[i].Load(t.Context(), "k")
		if got, _ := rec.Fields.Get("table"); err != nil || got != want {
			t.Errorf("%s: %s, %v", want, got, err)
		}
	}
	if err := stores[1].Delete(t.Context(), "k"); err != nil {
		t.Fatal(err)
	}
	if _, err := same.Load(t.Context(), "k"); err != nil {
		t.Error(err)
	}
}

func TestMigrateLeavesAloneWhatIsNotItsOwn(t *testing.T) {
	db := openDB(t, dsn(tempFile(t), "full"))
	execSQL(t, db, `CREATE TABLE cloakroom_sessions (token TEXT)`)
	execSQL(t, db, `INSERT INTO cloakroom_sessions VALUES ('theirs')`)
	before := schema(t, db)
	err := newStore(t, db, "").Migrate(t.Context())
	if err == nil || !strings.Contains(err.Error(), "cloakroom_sessions") || !strings.Contains(err.Error(), "already exists") {
		t.Errorf("%v", err)
	}
	if after := schema(t, db); after != before || one[string](t, db, `SELECT token FROM cloakroom_sessions`) != "theirs" {
		t.Errorf("a failed Migrate left\n%s", after)
	}
}

func TestMigrateRefusesATableOfALaterRelease(t *testing.T) {
	db := openDB(t, dsn(tempFile(t), "full"))
	s := open(t, db)
	execSQL(t, db, `UPDATE cloakroom_schema SET version = 99`)
	err := s.Migrate(t.Context())
	for _, word := range []string{"cloakroom_sessions", "99", "later"} {
		if err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("%v does not say %q", err, word)
		}
	}
}

func TestMigrateRefusesADatabaseWithoutWAL(t *testing.T) {
	db := openDB(t, "") // a temporary file, private to its connection
	db.SetMaxOpenConns(1)
	err := newStore(t, db, "").Migrate(t.Context())
	if err == nil || !strings.Contains(err.Error(), `"delete"`) || !strings.Contains(err.Error(), "local disk") {
		t.Errorf("%v", err)
	}
}

func TestMigrateWaitsForOthersUntilItsContextEnds(t *testing.T) {
	name := "file:" + tempFile(t)
	db := openDB(t, name)
	open(t, db)
	other, err := openDB(t, name+"?_txlock=immediate").BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := newStore(t, db, "another").Migrate(ctx); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "locked") {
		t.Errorf("%v", err)
	}
	if err := other.Rollback(); err != nil {
		t.Fatal(err)
	}
	if err := newStore(t, db, "another").Migrate(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestWithoutMigrateEveryErrorSaysWhatToDo(t *testing.T) {
	s := newStore(t, openDB(t, dsn(tempFile(t), "full")), "")
	_, load := s.Load(t.Context(), "k")
	_, save := s.Save(t.Context(), "k", store.Change{})
	_, sweep := s.Sweep(t.Context(), 1)
	for what, err := range map[string]error{"load": load, "save": save, "delete": s.Delete(t.Context(), "k"), "sweep": sweep, "ping": s.Ping(t.Context())} {
		if err == nil || errors.Is(err, store.ErrNotFound) || !strings.Contains(err.Error(), "Migrate") ||
			!strings.HasPrefix(err.Error(), "sqlstore: "+what+": ") {
			t.Errorf("%s: %v", what, err)
		}
	}
	for key, err := range s.List(t.Context()) {
		if key != "" || err == nil {
			t.Errorf("list: %q, %v", key, err)
		}
	}
	if err := s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	create(t, s, "k", "")
	if err := s.Ping(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestAFileThatCannotBeOpenedIsAnError(t *testing.T) {
	db := openDB(t, "file:"+filepath.Join(t.TempDir(), "missing", "sessions.db"))
	s := newStore(t, db, "")
	if err := s.Migrate(t.Context()); err == nil {
		t.Error("migrated")
	}
	if _, err := s.Load(t.Context(), "k"); err == nil || errors.Is(err, store.ErrNotFound) {
		t.Error(err)
	}
}
