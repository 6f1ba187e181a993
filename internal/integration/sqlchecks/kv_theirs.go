package sqlchecks

import (
	"database/sql"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/kvstore"
	"github.com/cloakroom-go/cloakroom/store/sqlstore"
)

// ATextOfTheirs goes through the life of an entry whose value is JSON text, in a table that
// may understand it.
func (k *Kind) ATextOfTheirs(t *testing.T, kv kvstore.KV) {
	ctx := t.Context()
	end := time.Now().Add(time.Hour).Truncate(time.Second)
	const first, second = `{"cookie":{"path":"/"},"n":1}`, `{"cookie":{"path":"/"},"n":2}`
	if err := kv.CompareAndSwap(ctx, "k", nil, kvstore.Entry{Value: first, ExpiresAt: end}); err != nil {
		t.Fatal(err)
	}
	entry, err := kv.Get(ctx, "k") // the database may have its own way to write it
	if err != nil || !entry.ExpiresAt.Equal(end) {
		t.Errorf("%+v, %v", entry, err)
	}
	if err := kv.CompareAndSwap(ctx, "k", &kvstore.Entry{Value: `{"n":3}`}, kvstore.Entry{Value: second, ExpiresAt: end}); !errors.Is(err, store.ErrConflict) {
		t.Errorf("from something else: %v", err)
	}
	if err := kv.CompareAndSwap(ctx, "k", &entry, kvstore.Entry{Value: second, ExpiresAt: end}); err != nil {
		t.Errorf("from what Get returned: %v", err)
	}
	if err := kv.CompareAndSwap(ctx, "k", &entry, kvstore.Entry{Value: second, ExpiresAt: end}); !errors.Is(err, store.ErrConflict) {
		t.Errorf("from what Get returned before: %v", err)
	}
	if err := kv.Delete(ctx, "k"); err != nil {
		t.Error(err)
	}
	if _, err := kv.Get(ctx, "k"); !errors.Is(err, store.ErrNotFound) {
		t.Error(err)
	}
}

// AnEntryWithoutEnd goes through the life of an entry in a table without a column for the end.
func (k *Kind) AnEntryWithoutEnd(t *testing.T, kv kvstore.KV) {
	ctx := t.Context()
	for _, step := range []struct {
		old  *kvstore.Entry
		next string
		want error
	}{
		{nil, "a", nil},
		{nil, "b", store.ErrConflict},
		{&kvstore.Entry{Value: "b"}, "c", store.ErrConflict},
		{&kvstore.Entry{Value: "a"}, "a", nil},
		{&kvstore.Entry{Value: "a"}, "b", nil},
	} {
		err := kv.CompareAndSwap(ctx, "k", step.old, kvstore.Entry{Value: step.next})
		if !errors.Is(err, step.want) || (err == nil) != (step.want == nil) {
			t.Errorf("from %+v to %q: %v, want %v", step.old, step.next, err, step.want)
		}
	}
	if entry, err := kv.Get(ctx, "k"); err != nil || entry != (kvstore.Entry{Value: "b"}) {
		t.Errorf("%+v, %v", entry, err)
	}
	if err := kv.Delete(ctx, "k"); err != nil {
		t.Error(err)
	}
	if _, err := kv.Get(ctx, "k"); !errors.Is(err, store.ErrNotFound) {
		t.Error(err)
	}
}

// WrongKVSetup looks for a table and a column that are not there.
func (k *Kind) WrongKVSetup(t *testing.T, db *sql.DB) {
	k.Exec(t, db, "CREATE TABLE theirs (sid varchar(100) PRIMARY KEY, sess varchar(100))")
	for _, tc := range []struct {
		options sqlstore.KVOptions
		words   []string
	}{
		{sqlstore.KVOptions{Table: "missing", Key: "sid", Value: "sess"}, []string{"missing", "KVOptions.Table"}},
		{sqlstore.KVOptions{Table: "theirs", Key: "sid", Value: "absent"}, []string{"absent", "columns in KVOptions"}},
	} {
		kv, err := sqlstore.NewKV(db, k.Dialect(), tc.options)
		if err != nil {
			t.Fatal(err)
		}
		_, get := kv.Get(t.Context(), "k")
		swap := kv.CompareAndSwap(t.Context(), "k", &kvstore.Entry{Value: "a"}, kvstore.Entry{Value: "b"})
		for what, err := range map[string]error{"get": get, "compare and swap": swap} {
			for _, word := range append(tc.words, "sqlstore: "+what+": ") {
				if err == nil || errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrConflict) || !strings.Contains(err.Error(), word) {
					t.Errorf("%s: %v does not say %q", what, err, word)
				}
			}
		}
	}
}
