package mariadb_test

import (
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom/internal/integration/sqlchecks"
	"github.com/cloakroom-go/cloakroom/store/sqlstore"
)

func TestAKVConforms(t *testing.T) {
	bytes := sqlstore.KVOptions{Binary: true}
	mariadb.KVConformance(t,
		sqlchecks.KVTable{Name: "by_millis", Columns: `id varbinary(256) PRIMARY KEY, body longblob, ends bigint`, Expires: sqlstore.UnixMillis, Options: bytes},
		sqlchecks.KVTable{
			Name: "by_seconds", Columns: `id varbinary(256) PRIMARY KEY, body mediumtext NOT NULL, ends int unsigned`,
			Expires: sqlstore.UnixSeconds,
		},
		sqlchecks.KVTable{Name: "by_timestamp", Columns: `id varbinary(256) PRIMARY KEY, body longtext NOT NULL, ends timestamp NULL`, Expires: sqlstore.Timestamp},
		sqlchecks.KVTable{Name: "by_datetime", Columns: `id varbinary(256) PRIMARY KEY, body longblob NOT NULL, ends datetime(3)`, Expires: sqlstore.Timestamp, Options: bytes},
		sqlchecks.KVTable{
			Name: "by_last_use", Columns: `id varbinary(256) PRIMARY KEY, body longtext NOT NULL, ends bigint`,
			Expires: sqlstore.UnixMillis, Options: sqlstore.KVOptions{Lifetime: 5 * time.Hour},
		},
	)
}
