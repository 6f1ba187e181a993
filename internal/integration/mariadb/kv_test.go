package mariadb_test

import (
	"errors"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom/internal/integration/sqlchecks"
	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/kvstore"
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

// A table as express-mysql-session has it, and one whose text has a collation that takes many
// keys for one.
func TestAKVServesATableOfText(t *testing.T) {
	db, _ := newDatabase(t)
	for _, table := range []sqlchecks.KVTable{
		{
			Name: "express", Columns: `id varchar(128) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL PRIMARY KEY,
				ends int(11) unsigned NOT NULL, body mediumtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin`,
			Expires: sqlstore.UnixSeconds,
		},
		{
			Name: "loose", Columns: `id varchar(128) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci NOT NULL PRIMARY KEY,
				ends datetime NOT NULL, body json`, Expires: sqlstore.Timestamp,
		},
	} {
		kv := mariadb.NewKV(t, db, table)
		mariadb.ATextOfTheirs(t, kv)
		const value = `{"n":1}`
		end := time.Now().Add(time.Hour)
		if err := kv.CompareAndSwap(t.Context(), "Key", nil, kvstore.Entry{Value: value, ExpiresAt: end}); err != nil {
			t.Fatal(err)
		}
		for _, other := range []string{"key", "KEY", "Key ", "Kéy"} {
			if _, err := kv.Get(t.Context(), other); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("%s: get %q: %v", table.Name, other, err)
			}
			err := kv.CompareAndSwap(t.Context(), other, &kvstore.Entry{Value: value}, kvstore.Entry{Value: `{}`, ExpiresAt: end})
			if !errors.Is(err, store.ErrConflict) {
				t.Errorf("%s: swap %q: %v", table.Name, other, err)
			}
			if err := kv.Delete(t.Context(), other); err != nil {
				t.Errorf("%s: delete %q: %v", table.Name, other, err)
			}
		}
		for _, other := range []string{`{"N":1}`, `{"n":1} `} {
			err := kv.CompareAndSwap(t.Context(), "Key", &kvstore.Entry{Value: other}, kvstore.Entry{Value: `{}`, ExpiresAt: end})
			if !errors.Is(err, store.ErrConflict) {
				t.Errorf("%s: swap from %q: %v", table.Name, other, err)
			}
		}
		if entry, err := kv.Get(t.Context(), "Key"); err != nil || entry.Value != value {
			t.Errorf("%s: %+v, %v", table.Name, entry, err)
		}
	}
}

func TestAKVWithoutEnds(t *testing.T) {
	db, _ := newDatabase(t)
	mariadb.AnEntryWithoutEnd(t, mariadb.NewKV(t, db, sqlchecks.KVTable{Name: "theirs", Columns: `id varbinary(256) PRIMARY KEY, body text`}))
}

func TestAKVThatIsSetUpWronglySaysWhatToDo(t *testing.T) {
	db, _ := newDatabase(t)
	mariadb.WrongKVSetup(t, db)
}

// The server's own conversion gives NULL beyond 2038, which would be an entry without end.
func TestAFarEndStaysAnEnd(t *testing.T) {
	db, _ := newDatabase(t)
	kv := mariadb.NewKV(t, db, sqlchecks.KVTable{Name: "theirs", Columns: `id varbinary(256) PRIMARY KEY, body text, ends datetime`, Expires: sqlstore.Timestamp})
	far := time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)
	if err := kv.CompareAndSwap(t.Context(), "k", nil, kvstore.Entry{Value: "a", ExpiresAt: far}); err != nil {
		t.Fatal(err)
	}
	if entry, err := kv.Get(t.Context(), "k"); err != nil || entry.ExpiresAt.Year() != 2038 {
		t.Errorf("%v, %v", entry.ExpiresAt, err)
	}
}
