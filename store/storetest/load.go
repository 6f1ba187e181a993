package storetest

import (
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
)

var loadChecks = []check{
	{"Load 1", "missing", func(t *trial) {
		key := t.key()
		_, err := t.store.Load(t.ctx, key)
		t.answer(err, store.ErrNotFound, "Load of a key that never had a record")
		t.createAt(key, "")
		t.delete(key)
		_, err = t.store.Load(t.ctx, key)
		t.answer(err, store.ErrNotFound, "Load of a deleted record")
		t.createAt(key, "")
		t.expire(key)
		_, err = t.store.Load(t.ctx, key)
		t.answer(err, store.ErrNotFound, "Load of an expired record")
	}},
	{"Load 4", "snapshot", func(t *trial) {
		key := t.create("u", "a", `"one"`, "b", `"two"`)
		first := t.load(key)
		kept := first
		kept.Owner = strings.Clone(first.Owner)
		kept.Fields = fields()
		for name, value := range first.Fields.All() {
			kept.Fields = kept.Fields.With(fields(strings.Clone(name), strings.Clone(value)))
		}
		owner := "v"
		t.save(key, store.Change{Set: fields("a", `"ONE"`), Owner: &owner, ExpiresAt: later().Add(time.Hour)})
		t.load(key)
		t.save(key, store.Change{Unset: []string{"b"}})
		t.load(key)
		if d := differ(first, kept); d != "" {
			t.broken("in a Record that Load returned before later Saves, %s", d)
		}
		t.delete(key)
		if d := differ(first, kept); d != "" {
			t.broken("in a Record that Load returned before a Delete, %s", d)
		}
	}},
	{"Load 5", "own-saves", func(t *trial) {
		key := t.create("", "n", "0")
		for i := range 50 {
			version := t.save(key, store.Change{Set: fields("n", number(i))})
			t.holds(key, store.Record{Version: version, Fields: fields("n", number(i))}, "after a Save that returned version %d", version)
		}
	}},
	{"Load 5", "saves-of-others", func(t *trial) {
		key := t.create("", "n", "0")
		var acknowledged atomic.Int64
		t.require(beside(100, func(n int) error {
			if _, err := t.store.Save(t.ctx, key, store.Change{Set: fields("n", number(n))}); err != nil {
				return failed(err, "Save to a live record")
			}
			acknowledged.Store(int64(n))
			return nil
		}, func() error {
			atLeast := acknowledged.Load()
			rec, err := t.store.Load(t.ctx, key)
			if err != nil {
				return failed(err, "Load of a live record")
			}
			value, _ := rec.Fields.Get("n")
			if got, err := strconv.ParseInt(value, 10, 64); err != nil || got < atLeast {
				return seen("Load returned %q, and the Save of %d had returned before the Load began", value, atLeast)
			}
			return nil
		}))
	}},
}
