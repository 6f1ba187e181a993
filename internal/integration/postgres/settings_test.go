package postgres_test

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom/internal/integration/sqlchecks"
	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/sqlstore"
)

// with returns a data source name with other parameters.
func with(t *testing.T, name string, pairs ...string) string {
	t.Helper()
	u, err := url.Parse(name)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	for i := 0; i < len(pairs); i += 2 {
		q.Set(pairs[i], pairs[i+1])
	}
	u.RawQuery = strings.ReplaceAll(q.Encode(), "+", "%20") // which is how the driver reads a blank
	return u.String()
}

// Whatever else is set on a connection or in a database, the rules hold. A pooler that hands
// each transaction to another connection needs exec or simple_protocol. Several settings share
// a run, since each is to make no difference.
func TestConformsWithOtherSettings(t *testing.T) {
	for name, settings := range map[string][]string{
		"exec, serializable":             {"default_query_exec_mode", "exec", "default_transaction_isolation", "serializable"},
		"simple protocol, repeatable":    {"default_query_exec_mode", "simple_protocol", "default_transaction_isolation", "repeatable read"},
		"described, impatient, language": {"default_query_exec_mode", "cache_describe", "lock_timeout", "1ms"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			options := ""
			if strings.Contains(name, "language") { // words are sorted and compared by its rules
				options = `LOCALE_PROVIDER icu ICU_LOCALE 'en-US' LC_COLLATE 'C' LC_CTYPE 'C'`
			}
			_, database := newDatabase(t, options)
			postgres.ConformanceOver(t, open(t, with(t, database, settings...)))
		})
	}
}

func TestAKVWorksBehindAPooler(t *testing.T) {
	_, database := postgres.Open(t)
	for _, mode := range []string{"simple_protocol", "exec"} {
		db := open(t, with(t, database, "default_query_exec_mode", mode))
		for _, expires := range []struct {
			form sqlstore.Expiry
			kind string
		}{{sqlstore.Timestamp, "timestamptz"}, {sqlstore.UnixSeconds, "integer"}, {sqlstore.UnixMillis, "bigint"}} {
			kv := postgres.NewKV(t, db, sqlchecks.KVTable{
				Name: mode + "_" + expires.kind, Columns: `id text PRIMARY KEY, body json, ends ` + expires.kind, Expires: expires.form,
			})
			postgres.ATextOfTheirs(t, kv)
		}
	}
}

// The clock of the database decides, which is an hour ahead on this connection.
func TestTheClockOfTheDatabaseDecides(t *testing.T) {
	plain, database := postgres.Open(t)
	postgres.Exec(t, plain, `CREATE SCHEMA ahead`)
	for _, clock := range []string{"clock_timestamp", "statement_timestamp"} {
		postgres.Exec(t, plain, `CREATE FUNCTION ahead.`+clock+`() RETURNS timestamptz STABLE LANGUAGE sql AS
			'SELECT pg_catalog.`+clock+`() + interval ''1 hour'''`)
	}
	s := postgres.Store(t, plain, nil)
	ahead := postgres.Store(t, open(t, with(t, database, "search_path", "public,ahead,pg_catalog")), nil)
	postgres.ClockOfTheDatabase(t, s, ahead)
}

func TestADatabaseThatLacksCharactersIsRefused(t *testing.T) {
	db, _ := newDatabase(t, `ENCODING 'LATIN1' LOCALE 'C'`)
	s, err := sqlstore.New(db, sqlstore.PostgreSQL(), nil)
	if err != nil {
		t.Fatal(err)
	}
	err = s.Migrate(t.Context())
	for _, word := range []string{"LATIN1", "UTF8"} {
		if err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("%v does not say %q", err, word)
		}
	}
}

func TestAnUnloggedTableIsMadeOnDemandAndNeverByAccident(t *testing.T) {
	db, _ := postgres.Open(t)
	unlogged := &sqlstore.Options{Table: "light", Unlogged: true}
	s := postgres.Store(t, db, unlogged)
	sqlchecks.Create(t, s, "k", "u1", "a", "1")
	if got := sqlchecks.One[string](t, postgres, db, `SELECT relpersistence::text FROM pg_class WHERE relname = 'light'`); got != "u" {
		t.Errorf("relpersistence %q", got)
	}
	postgres.Store(t, db, nil)
	for _, o := range []*sqlstore.Options{{Table: "light"}, {Unlogged: true}} {
		s, err := sqlstore.New(db, sqlstore.PostgreSQL(), o)
		if err != nil {
			t.Fatal(err)
		}
		err = s.Migrate(t.Context())
		for _, word := range []string{"logged", "Options.Unlogged", "ALTER TABLE"} {
			if err == nil || !strings.Contains(err.Error(), word) {
				t.Errorf("%+v: %v does not say %q", *o, err, word)
			}
		}
	}
	// The remedy works.
	postgres.Exec(t, db, `ALTER TABLE light SET LOGGED`)
	if _, err := postgres.Store(t, db, &sqlstore.Options{Table: "light"}).Load(t.Context(), "k"); err != nil {
		t.Error(err)
	}
}

// A user who may read and write the tables, and nothing else, may call Migrate when there is
// nothing to do, and is told what is missing when there is.
func TestMigrateNeedsNoRightsWhenNothingIsToBeDone(t *testing.T) {
	db, database := postgres.Open(t)
	s := postgres.Store(t, db, nil)
	for _, query := range []string{
		`CREATE ROLE modest LOGIN`,
		`REVOKE ALL ON SCHEMA public FROM PUBLIC`,
		`GRANT USAGE ON SCHEMA public TO modest`,
		`GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO modest`,
	} {
		postgres.Exec(t, db, query)
	}
	t.Cleanup(func() { postgres.Exec(t, db, `DROP OWNED BY modest; DROP ROLE modest`) })
	as, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	as.User = url.User("modest")
	modest := open(t, as.String())
	sqlchecks.Create(t, postgres.Store(t, modest, nil), "k", "u1")
	if _, err := s.Load(t.Context(), "k"); err != nil {
		t.Error(err)
	}
	another, err := sqlstore.New(modest, sqlstore.PostgreSQL(), &sqlstore.Options{Table: "another"})
	if err != nil {
		t.Fatal(err)
	}
	if err := another.Migrate(t.Context()); err == nil || !strings.Contains(err.Error(), "grant") {
		t.Errorf("%v does not say what to grant", err)
	}
	postgres.Exec(t, db, `REVOKE UPDATE ON cloakroom_sessions FROM modest`)
	own, err := sqlstore.New(modest, sqlstore.PostgreSQL(), nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = own.Save(t.Context(), "k", store.Change{ExpiresAt: time.Now().Add(time.Hour)})
	if err == nil || !strings.Contains(err.Error(), "grant SELECT, INSERT, UPDATE and DELETE") {
		t.Errorf("%v does not say what to grant", err)
	}
}

func TestAWrongSetupIsAnOutageThatSaysWhatToDo(t *testing.T) {
	db, database := postgres.Open(t)
	postgres.Exec(t, db, `CREATE ROLE locked LOGIN PASSWORD 'right'`)
	t.Cleanup(func() { postgres.Exec(t, db, `DROP ROLE locked`) })
	// The server trusts everybody, so a wrong user has to do for a wrong password.
	nobody, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	nobody.User = url.UserPassword("nobody", "s3cret-in-the-name")
	elsewhere := *nobody
	elsewhere.User, elsewhere.Path = url.UserPassword("postgres", "s3cret-in-the-name"), "/nosuchdatabase"
	postgres.WrongSetup(t, nobody.String(), elsewhere.String(), "s3cret")

	s, err := sqlstore.New(db, sqlstore.PostgreSQL(), &sqlstore.Options{Schema: "missing"})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Migrate(t.Context()); err == nil || !strings.Contains(err.Error(), "Options.Schema") {
		t.Errorf("%v does not say what to do", err)
	}
}

func TestTablesAndSchemasAreApart(t *testing.T) {
	db, _ := postgres.Open(t)
	postgres.Exec(t, db, `CREATE SCHEMA "other"`)
	postgres.TablesAreApart(t, db, "other")
	// PostgreSQL tells names apart by case.
	a, b := postgres.Store(t, db, &sqlstore.Options{Table: "Case"}), postgres.Store(t, db, &sqlstore.Options{Table: "case"})
	sqlchecks.Create(t, a, "k", "")
	if _, err := b.Load(t.Context(), "k"); err == nil {
		t.Error("Case and case are one table")
	}
}
