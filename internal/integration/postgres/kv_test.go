package postgres_test

import (
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom/internal/integration/sqlchecks"
	"github.com/cloakroom-go/cloakroom/store/sqlstore"
)

func TestAKVConforms(t *testing.T) {
	bytes := sqlstore.KVOptions{Binary: true}
	postgres.KVConformance(t,
		sqlchecks.KVTable{Name: "by_millis", Columns: `id text PRIMARY KEY, body bytea, ends bigint`, Expires: sqlstore.UnixMillis, Options: bytes},
		sqlchecks.KVTable{Name: "by_seconds", Columns: `id text PRIMARY KEY, body text NOT NULL, ends integer`, Expires: sqlstore.UnixSeconds},
		sqlchecks.KVTable{Name: "by_timestamp", Columns: `id varchar(256) PRIMARY KEY, body text NOT NULL, ends timestamp(6)`, Expires: sqlstore.Timestamp},
		sqlchecks.KVTable{Name: "by_timestamptz", Columns: `id text PRIMARY KEY, body bytea NOT NULL, ends timestamptz`, Expires: sqlstore.Timestamp, Options: bytes},
		sqlchecks.KVTable{
			Name: "by_last_use", Columns: `id text PRIMARY KEY, body text NOT NULL, ends bigint`,
			Expires: sqlstore.UnixMillis, Options: sqlstore.KVOptions{Lifetime: 5 * time.Hour},
		},
	)
}

// The table of connect-pg-simple, in a connection that is not at UTC.
func TestAKVServesATableOfJSON(t *testing.T) {
	_, database := postgres.Open(t)
	for _, column := range []string{"json", "jsonb", "text"} {
		db := open(t, with(t, database, "TimeZone", "Asia/Kolkata"))
		kv := postgres.NewKV(t, db, sqlchecks.KVTable{
			Name: "theirs_" + column, Columns: `id varchar NOT NULL COLLATE "default" PRIMARY KEY, body ` + column + ` NOT NULL, ends timestamp(6) NOT NULL`,
			Expires: sqlstore.Timestamp,
		})
		postgres.ATextOfTheirs(t, kv)
	}
}

func TestAKVWithoutEnds(t *testing.T) {
	db, _ := postgres.Open(t)
	postgres.AnEntryWithoutEnd(t, postgres.NewKV(t, db, sqlchecks.KVTable{Name: "theirs", Columns: `id text PRIMARY KEY, body text`}))
}

func TestAKVThatIsSetUpWronglySaysWhatToDo(t *testing.T) {
	db, _ := postgres.Open(t)
	postgres.WrongKVSetup(t, db)
}
