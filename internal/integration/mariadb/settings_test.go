package mariadb_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/cloakroom-go/cloakroom/internal/integration/sqlchecks"
	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/sqlstore"
)

// with returns a data source name that was altered.
func with(t *testing.T, name string, alter func(*mysql.Config)) string {
	t.Helper()
	config, err := mysql.ParseDSN(name)
	if err != nil {
		t.Fatal(err)
	}
	if config.Params == nil {
		config.Params = map[string]string{}
	}
	alter(config)
	return config.FormatDSN()
}

// Whatever else is set on a connection, the rules hold. Several settings share a run, since
// each is to make no difference.
func TestConformsWithOtherSettings(t *testing.T) {
	for name, alter := range map[string]func(*mysql.Config){
		"client's, lax, far away": func(c *mysql.Config) {
			c.ClientFoundRows, c.InterpolateParams, c.ParseTime = true, true, true
			c.Params["sql_mode"], c.Params["time_zone"] = "''", "'-11:30'"
		},
		"serializable, ANSI": func(c *mysql.Config) {
			c.Params["tx_isolation"], c.Collation = "'SERIALIZABLE'", "utf8mb4_unicode_ci"
			c.Params["sql_mode"] = "'ANSI,PIPES_AS_CONCAT,NO_BACKSLASH_ESCAPES'"
		},
		"snapshot isolation, impatient": func(c *mysql.Config) {
			c.Params["innodb_snapshot_isolation"] = "ON" // the default from MariaDB 11.6 on
			c.Params["innodb_lock_wait_timeout"] = "1"
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, database := newDatabase(t)
			mariadb.ConformanceOver(t, open(t, with(t, database, alter)))
		})
	}
}

// Two connections in different time zones agree on what is live, and so they do in the hour
// that a summer time repeats.
func TestTimeZonesDoNotMatter(t *testing.T) {
	_, database := newDatabase(t)
	zoned := func(zone string) *sqlstore.Store {
		return mariadb.Store(t, open(t, with(t, database, func(c *mysql.Config) { c.Params["time_zone"] = "'" + zone + "'" })), nil)
	}
	east, west := zoned("+13:00"), zoned("-12:00")
	sqlchecks.Create(t, east, "k", "")
	if _, err := west.Load(t.Context(), "k"); err != nil {
		t.Error(err)
	}
	if _, err := east.Save(t.Context(), "k", store.Change{ExpiresAt: time.Now().Add(-time.Second)}); err != nil {
		t.Error(err)
	}
	for name, s := range map[string]*sqlstore.Store{"east": east, "west": west} {
		if _, err := s.Load(t.Context(), "k"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The clock of the database decides, which is an hour ahead on this connection.
func TestTheClockOfTheDatabaseDecides(t *testing.T) {
	db, database := newDatabase(t)
	s := mariadb.Store(t, db, nil)
	ahead := mariadb.Store(t, open(t, with(t, database, func(c *mysql.Config) {
		c.Params["timestamp"] = fmt.Sprintf("%.3f", float64(time.Now().Add(time.Hour).UnixMilli())/1000)
	})), nil)
	mariadb.ClockOfTheDatabase(t, s, ahead)
}

func TestAConnectionThatLacksCharactersIsRefused(t *testing.T) {
	_, database := newDatabase(t)
	for _, set := range []string{"latin1", "utf8mb3"} {
		db := open(t, with(t, database, func(c *mysql.Config) { c.Params["charset"] = set }))
		s, err := sqlstore.New(db, sqlstore.MySQL(), nil)
		if err != nil {
			t.Fatal(err)
		}
		err = s.Migrate(t.Context())
		for _, word := range []string{set, "utf8mb4", "data source name"} {
			if err == nil || !strings.Contains(err.Error(), word) {
				t.Errorf("%v does not say %q", err, word)
			}
		}
	}
}

func TestARecordThatIsTooLargeIsRefusedBeforeAnythingIsWritten(t *testing.T) {
	s, db := mariadb.New(t)
	most := sqlchecks.One[int](t, mariadb, db, `SELECT @@max_allowed_packet`)
	sqlchecks.Create(t, s, "k", "", "n", "1")
	for _, size := range []int{most - 100, most, most + 1, 2 * most} {
		set := sqlchecks.Fields(t, "large", `"`+strings.Repeat("x", size)+`"`)
		_, edit := s.Save(t.Context(), "k", store.Change{Set: set})
		_, create := s.Save(t.Context(), "new", store.Change{Create: true, Set: set, ExpiresAt: time.Now().Add(time.Hour)})
		for what, err := range map[string]error{"edit": edit, "create": create} {
			for _, word := range []string{fmt.Sprint(most - 512), fmt.Sprint(size)[:3], "max_allowed_packet", "nothing was changed"} {
				if err == nil || !strings.Contains(err.Error(), word) {
					t.Errorf("%s with %d bytes: %v does not say %q", what, size, err, word)
				}
			}
		}
	}
	// What just fits, fits.
	set := sqlchecks.Fields(t, "large", `"`+strings.Repeat("x", most-700)+`"`)
	if _, err := s.Save(t.Context(), "k", store.Change{Set: set}); err != nil {
		t.Errorf("what fits: %v", err)
	}
	if rec, err := s.Load(t.Context(), "k"); err != nil || rec.Fields.Len() != 2 {
		t.Errorf("%d fields, %v", rec.Fields.Len(), err)
	}
	if _, err := s.Load(t.Context(), "new"); !errors.Is(err, store.ErrNotFound) {
		t.Error(err)
	}
}

// A user who may read and write the tables, and nothing else, may call Migrate when there is
// nothing to do, and is told what is missing when there is.
func TestMigrateNeedsNoRightsWhenNothingIsToBeDone(t *testing.T) {
	s, db := mariadb.New(t)
	mariadb.Exec(t, db, `CREATE USER modest@'127.0.0.1' IDENTIFIED BY 'right'`)
	t.Cleanup(func() { mariadb.Exec(t, db, `DROP USER modest@'127.0.0.1'`) })
	for _, table := range []string{"cloakroom_sessions", "cloakroom_schema"} {
		mariadb.Exec(t, db, `GRANT SELECT, INSERT, UPDATE, DELETE ON `+table+` TO modest@'127.0.0.1'`)
	}
	name := with(t, shared(t).DSN(), func(c *mysql.Config) {
		c.User, c.Passwd = "modest", "right"
		c.DBName = sqlchecks.One[string](t, mariadb, db, `SELECT DATABASE()`)
	})
	modest := open(t, name)
	sqlchecks.Create(t, mariadb.Store(t, modest, nil), "k", "u1")
	if _, err := s.Load(t.Context(), "k"); err != nil {
		t.Error(err)
	}
	another, err := sqlstore.New(modest, sqlstore.MySQL(), &sqlstore.Options{Table: "another"})
	if err != nil {
		t.Fatal(err)
	}
	if err := another.Migrate(t.Context()); err == nil || !strings.Contains(err.Error(), "grant") {
		t.Errorf("%v does not say what to grant", err)
	}
}

func TestAWrongSetupIsAnOutageThatSaysWhatToDo(t *testing.T) {
	db, database := newDatabase(t)
	mariadb.Exec(t, db, `CREATE USER locked@'127.0.0.1' IDENTIFIED BY 'right'`)
	t.Cleanup(func() { mariadb.Exec(t, db, `DROP USER locked@'127.0.0.1'`) })
	wrong := with(t, database, func(c *mysql.Config) { c.User, c.Passwd = "locked", "s3cret-and-wrong" })
	elsewhere := with(t, database, func(c *mysql.Config) { c.DBName = "nosuchdatabase" })
	mariadb.WrongSetup(t, wrong, elsewhere, "s3cret")

	s, err := sqlstore.New(db, sqlstore.MySQL(), &sqlstore.Options{Schema: "missing"})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Migrate(t.Context()); err == nil || !strings.Contains(err.Error(), "create the database") {
		t.Errorf("%v does not say what to do", err)
	}
}

func TestTablesAndDatabasesAreApart(t *testing.T) {
	db, _ := newDatabase(t)
	other, _ := newDatabase(t)
	mariadb.TablesAreApart(t, db, sqlchecks.One[string](t, mariadb, other, `SELECT DATABASE()`))
}
