package sqlchecks

import (
	"database/sql"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/sqlstore"
)

func (k *Kind) unmigrated(t testing.TB, db *sql.DB, options *sqlstore.Options) *sqlstore.Store {
	t.Helper()
	s, err := sqlstore.New(db, k.Dialect(), options)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Ten handles call Migrate at once, as ten processes would.
func (k *Kind) MigrateByMany(t *testing.T) {
	for range 3 {
		db, name := k.Open(t)
		begin := make(chan struct{})
		var wg sync.WaitGroup
		for range 10 {
			s := k.unmigrated(t, k.OpenAgain(t, name), nil)
			wg.Go(func() {
				<-begin
				if err := s.Migrate(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		close(begin)
		wg.Wait()
		Create(t, k.unmigrated(t, db, nil), "k", "u1")
		if n := One[int](t, k, db, `SELECT count(*) FROM cloakroom_schema`); n != 1 {
			t.Errorf("%d rows in cloakroom_schema", n)
		}
	}
}

// Tables and schemas keep records apart. other is a schema that is there; it is the name of
// another database where databases are schemas.
func (k *Kind) TablesAreApart(t *testing.T, db *sql.DB, other string) {
	var stores []*sqlstore.Store
	options := []sqlstore.Options{
		{},
		{Table: "order"},
		{Table: "Other_1"},
		{Table: strings.Repeat("a", 63)},
		{Table: strings.Repeat("a", 62) + "b"},
		{Schema: other},
		{Schema: other, Table: "order"},
	}
	for i, o := range options {
		s := k.Store(t, db, &o)
		Create(t, s, "k", "u1", "table", string(rune('0'+i)))
		stores = append(stores, s)
	}
	for i, s := range stores {
		rec, err := s.Load(t.Context(), "k")
		if got, _ := rec.Fields.Get("table"); err != nil || got != string(rune('0'+i)) {
			t.Errorf("%+v: %s, %v", options[i], got, err)
		}
	}
	for i, s := range stores {
		if err := s.Delete(t.Context(), "k"); err != nil {
			t.Error(err)
		}
		for j, s := range stores {
			if _, err := s.Load(t.Context(), "k"); (err == nil) != (j > i) {
				t.Errorf("%+v, after a Delete in %+v: %v", options[j], options[i], err)
			}
		}
	}
	if n := One[int](t, k, db, `SELECT count(*) FROM `+other+`.cloakroom_schema`); n != 2 {
		t.Errorf("%d tables are noted in the other schema", n)
	}
}

// A table of somebody else's is reported and stays as it is.
func (k *Kind) MigrateLeavesAloneWhatIsNotItsOwn(t *testing.T) {
	db, _ := k.Open(t)
	k.Exec(t, db, `CREATE TABLE cloakroom_sessions (token varchar(20))`)
	k.Exec(t, db, `INSERT INTO cloakroom_sessions VALUES ('theirs')`)
	s := k.unmigrated(t, db, nil)
	for range 2 {
		err := s.Migrate(t.Context())
		for _, word := range []string{"cloakroom_sessions", "already exists", "Options.Table"} {
			if err == nil || !strings.Contains(err.Error(), word) {
				t.Errorf("%v does not say %q", err, word)
			}
		}
	}
	if got := One[string](t, k, db, `SELECT token FROM cloakroom_sessions`); got != "theirs" {
		t.Errorf("the table holds %q", got)
	}
	_, err := s.Load(t.Context(), "k")
	if err == nil || errors.Is(err, store.ErrNotFound) || !strings.Contains(err.Error(), "Migrate") {
		t.Errorf("%v does not say what to do", err)
	}
}

// A table that a later release has made is not touched.
func (k *Kind) MigrateRefusesATableOfALaterRelease(t *testing.T) {
	s, db := k.New(t)
	k.Exec(t, db, `UPDATE cloakroom_schema SET version = 99`)
	err := s.Migrate(t.Context())
	for _, word := range []string{"cloakroom_sessions", "99", "later"} {
		if err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("%v does not say %q", err, word)
		}
	}
}

// Without a table, every error says what to do, and nothing has to be made anew afterwards.
func (k *Kind) WithoutMigrate(t *testing.T) {
	db, _ := k.Open(t)
	s := k.unmigrated(t, db, nil)
	for what, err := range Calls(t, s) {
		for _, word := range []string{"sqlstore: " + what + ": ", "cloakroom_sessions", "call Migrate first"} {
			if err == nil || !strings.Contains(err.Error(), word) {
				t.Errorf("%s: %v does not say %q", what, err, word)
			}
		}
	}
	if err := s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	Create(t, s, "k", "")
	if err := s.Ping(t.Context()); err != nil {
		t.Error(err)
	}
}

// Calls calls everything that a Store can do at a key that is not there, and returns the
// errors. They are none of the answers of package store.
func Calls(t *testing.T, s *sqlstore.Store) map[string]error {
	t.Helper()
	_, load := s.Load(t.Context(), "k")
	_, save := s.Save(t.Context(), "k", store.Change{})
	_, sweep := s.Sweep(t.Context(), 1)
	errs := map[string]error{
		"load": load, "save": save, "delete": s.Delete(t.Context(), "k"), "sweep": sweep, "ping": s.Ping(t.Context()),
	}
	for _, err := range s.List(t.Context()) {
		errs["list"] = err
	}
	for what, err := range errs {
		for _, answer := range []error{store.ErrNotFound, store.ErrExists, store.ErrConflict, store.ErrMalformed} {
			if errors.Is(err, answer) {
				t.Errorf("%s: %v is an answer", what, err)
			}
		}
	}
	return errs
}

// A login that is refused, and a database that is not there, are outages that say so. name
// opens a handle with each.
func (k *Kind) WrongSetup(t *testing.T, wrongPassword, wrongDatabase, secret string) {
	for name, words := range map[string][]string{
		wrongPassword: {"correct the user and the password"},
		wrongDatabase: {"nosuchdatabase", "create the database"},
	} {
		s := k.unmigrated(t, k.OpenAgain(t, name), nil)
		errs := Calls(t, s)
		errs["migrate"] = s.Migrate(t.Context())
		for what, err := range errs {
			for _, word := range append(words, "sqlstore: "+what+": ") {
				if err == nil || !strings.Contains(err.Error(), word) {
					t.Errorf("%s: %v does not say %q", what, err, word)
				}
			}
			if strings.Contains(err.Error(), secret) {
				t.Errorf("%s: %v holds the password", what, err)
			}
		}
	}
}
