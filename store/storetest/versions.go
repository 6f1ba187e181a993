package storetest

import (
	"time"

	"github.com/cloakroom-go/cloakroom/store"
)

var versionChecks = []check{
	{"Save 6", "grows", func(t *trial) {
		key := t.key()
		version, err := t.store.Save(t.ctx, key, creation("u", "a", "1"))
		if err != nil {
			t.require(failed(err, "Create at a free key"))
		}
		if version == 0 {
			t.broken("Create returned version 0")
		}
		for range 3 {
			for _, e := range edits() {
				next := t.save(key, e.change)
				if next <= version {
					t.broken("a Save of %s returned version %d after %d", e.name, next, version)
				}
				if rec := t.load(key); rec.Version != next {
					t.broken("Load returned version %d after a Save of %s that returned %d", rec.Version, e.name, next)
				}
				version = next
			}
		}
	}},
	{"Save 6", "crowd", func(t *trial) {
		key := t.create("")
		versions := make([]uint64, crowd)
		t.require(together(crowd, func(i int) (err error) {
			if versions[i], err = t.store.Save(t.ctx, key, store.Change{Set: fields("f"+number(i), "1")}); err != nil {
				return failed(err, "Save without a condition, with writers of other fields")
			}
			return nil
		}))
		last := t.load(key).Version
		taken := map[uint64]bool{}
		for _, v := range versions {
			if taken[v] {
				t.broken("two Saves of one record returned version %d", v)
			}
			if v > last {
				t.broken("a Save returned version %d, and after it Load version %d", v, last)
			}
			taken[v] = true
		}
	}},
	{"Save 6", "after-delete", func(t *trial) { t.recreated(t.delete, "Delete") }},
	{"Save 6", "after-expiry", func(t *trial) { t.recreated(t.expire, "its expiry") }},
	{"Save 6", "after-sweep", needs(func(t *trial, s store.Sweeper) {
		t.recreated(func(key string) {
			t.expire(key)
			t.sweepAll(s)
		}, "its expiry and Sweep")
	})},
}

// recreated demands that a new record has a higher version than the one that ended.
func (t *trial) recreated(end func(key string), how string) {
	key := t.create("", "a", "1")
	for range 3 {
		for n := range 5 {
			t.save(key, store.Change{Set: fields("n", number(n))})
		}
		last := t.load(key).Version
		time.Sleep(blink)
		end(key)
		version, err := t.store.Save(t.ctx, key, creation(""))
		if err != nil {
			t.require(failed(err, "Create after %s", how))
		}
		if version <= last {
			t.broken("the record that was created after %s has version %d, the one before had %d", how, version, last)
		}
	}
}
