package sqlite_test

import (
	"database/sql"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom/internal/integration/sqlchecks"
	"github.com/cloakroom-go/cloakroom/store/sqlstore"
)

var kind = &sqlchecks.Kind{
	Dialect: sqlstore.SQLite,
	Open: func(t testing.TB) (*sql.DB, string) {
		name := dsn(tempFile(t), "normal")
		return openDB(t, name), name
	},
	OpenAgain: openDB,
	Key:       `"key"`,
	Mark:      func(int) string { return "?" },
}

func TestAKVConforms(t *testing.T) {
	bytes := sqlstore.KVOptions{Binary: true}
	kind.KVConformance(t,
		sqlchecks.KVTable{Name: "by_millis", Columns: `id TEXT PRIMARY KEY, body BLOB, ends INTEGER`, Expires: sqlstore.UnixMillis, Options: bytes},
		sqlchecks.KVTable{Name: "by_seconds", Columns: `id TEXT PRIMARY KEY, body TEXT NOT NULL, ends INTEGER`, Expires: sqlstore.UnixSeconds},
		sqlchecks.KVTable{Name: "by_timestamp", Columns: `id TEXT PRIMARY KEY, body TEXT NOT NULL, ends TEXT`, Expires: sqlstore.Timestamp},
		sqlchecks.KVTable{Name: "by_datetime", Columns: `id TEXT PRIMARY KEY, body BLOB NOT NULL, ends DATETIME`, Expires: sqlstore.Timestamp, Options: bytes},
		sqlchecks.KVTable{
			Name: "by_last_use", Columns: `id TEXT PRIMARY KEY, body TEXT NOT NULL, ends INTEGER`,
			Expires: sqlstore.UnixMillis, Options: sqlstore.KVOptions{Lifetime: 5 * time.Hour},
		},
	)
}
