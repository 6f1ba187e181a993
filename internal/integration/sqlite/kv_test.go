package sqlite_test

import (
	"database/sql"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom/internal/integration/sqlchecks"
	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/kvstore"
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

func TestAKVServesATableOfText(t *testing.T) {
	for _, table := range []sqlchecks.KVTable{
		{Name: "better", Columns: `id TEXT NOT NULL PRIMARY KEY, ends TEXT NOT NULL, body TEXT NOT NULL`, Expires: sqlstore.Timestamp},
		{Name: "connect", Columns: `id PRIMARY KEY, ends, body`, Expires: sqlstore.UnixMillis},
	} {
		db, _ := kind.Open(t)
		kind.ATextOfTheirs(t, kind.NewKV(t, db, table))
	}
}

func TestAKVWithoutEnds(t *testing.T) {
	db, _ := kind.Open(t)
	kind.AnEntryWithoutEnd(t, kind.NewKV(t, db, sqlchecks.KVTable{Name: "theirs", Columns: `id TEXT PRIMARY KEY, body TEXT`}))
}

func TestAKVThatIsSetUpWronglySaysWhatToDo(t *testing.T) {
	db, _ := kind.Open(t)
	kind.WrongKVSetup(t, db)
}

// Any column of SQLite may hold anything.
func TestAnEndInAnotherFormIsAnOutageThatSaysSo(t *testing.T) {
	db, _ := kind.Open(t)
	kv := kind.NewKV(t, db, sqlchecks.KVTable{Name: "theirs", Columns: `id TEXT PRIMARY KEY, body TEXT, ends`, Expires: sqlstore.Timestamp})
	execSQL(t, db, `INSERT INTO theirs VALUES ('k', '{}', ?)`, time.Now().Add(time.Hour).UnixMilli())
	_, err := kv.Get(t.Context(), "k")
	for _, word := range []string{`"k"`, "ends", "KVOptions.ExpiresAs"} {
		if err == nil || errors.Is(err, store.ErrNotFound) || !strings.Contains(err.Error(), word) {
			t.Errorf("%v does not say %q", err, word)
		}
	}
	if err := kv.CompareAndSwap(t.Context(), "k", nil, kvstore.Entry{Value: "new"}); !errors.Is(err, store.ErrConflict) {
		t.Errorf("the row is not left as it is: %v", err)
	}
}
