package storetest

import (
	"errors"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
)

var expiryChecks = []check{
	{"Store 3", "past-expiry", func(t *trial) {
		key := t.create("u", "a", "1", "b", "2")
		t.expire(key)
		t.gone(key, "after its expiry was moved into the past")
		t.createAt(key, "", "c", "3")
		t.holds(key, store.Record{Fields: fields("c", "3")}, "created where a record had expired")
	}},
	{"Store 3", "created-expired", func(t *trial) {
		key := t.key()
		for range 2 {
			_, err := t.store.Save(t.ctx, key, store.Change{Create: true, Set: fields("a", "1"), ExpiresAt: past()})
			if err != nil {
				t.require(failed(err, "Create with an expiry in the past at a free key"))
			}
			t.gone(key, "after a Create with an expiry in the past")
		}
	}},
	{"Store 3", "by-itself", func(t *trial) {
		ended, extended := t.brief("u", "a", "1")
		t.gone(ended, "after its ExpiresAt had come")
		t.createAt(ended, "", "c", "3")
		t.holds(ended, store.Record{Fields: fields("c", "3")}, "created where a record had expired by itself")
		t.holds(extended, store.Record{Owner: "u", Fields: fields("a", "1")}, "after the expiry that was moved to a later time")
	}},
}

// brief makes two records that expire in a moment, extends the second by an hour, and
// waits until the first is gone: both are then past the expiry they began with, also
// by a clock that is not ours.
func (t *trial) brief(owner string, pairs ...string) (ended, extended string) {
	for life := 200 * time.Millisecond; ; life *= 2 {
		end := time.Now().Add(life).Truncate(time.Millisecond)
		c := store.Change{Create: true, Set: fields(pairs...), Owner: &owner, ExpiresAt: end}
		keys := t.createMany(2, func(int) store.Change { return c })
		ended, extended = keys[0], keys[1]
		_, err := t.store.Save(t.ctx, extended, store.Change{ExpiresAt: later()})
		if errors.Is(err, store.ErrNotFound) && life < patience {
			continue // too slow a store for so short a life
		}
		if err != nil {
			t.require(failed(err, "Save of a later expiry before the first has come"))
		}
		t.awaitEnd(ended, end)
		time.Sleep(20 * time.Millisecond) // a timer set for the first expiry may be a little late
		return ended, extended
	}
}

// awaitEnd waits until the record is gone by itself.
func (t *trial) awaitEnd(key string, end time.Time) {
	for wait := time.Until(end); ; wait = 5 * time.Millisecond {
		time.Sleep(wait)
		rec, err := t.store.Load(t.ctx, key)
		switch {
		case errors.Is(err, store.ErrNotFound):
			return
		case err != nil:
			t.require(failed(err, "Load of a record about to expire"))
		case time.Since(end) > patience:
			t.broken("Load still returned version %d of a record %v after its ExpiresAt", rec.Version, patience)
		}
	}
}
