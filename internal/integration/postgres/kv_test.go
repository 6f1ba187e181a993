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
