package kvtest

import (
	"errors"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/kvstore"
)

var expiryChecks = []check{
	{"KV 2", "by-itself", func(t *trial) {
		keys := t.brief(func(string) error { return nil })
		t.gone(keys[0], "brief", "after its ExpiresAt had come")
		e := lasting("brief")
		err := t.kv.CompareAndSwap(t.ctx, keys[0], &e, lasting("back"))
		t.answer(err, store.ErrConflict, "CompareAndSwap from an entry that has expired")
		t.swap(keys[0], nil, lasting("new"), "from nothing, after the ExpiresAt of the entry had come")
		t.holds(keys[0], "new", "of an entry that was put where another had expired")
	}},
	{"KV 2", "extended", func(t *trial) {
		keys := t.brief(
			func(key string) error {
				return t.kv.CompareAndSwap(t.ctx, key, &kvstore.Entry{Value: "brief"}, lasting("longer"))
			},
			// The same bytes, so that it looks as if there was nothing to do.
			func(key string) error {
				return t.kv.CompareAndSwap(t.ctx, key, &kvstore.Entry{Value: "brief"}, lasting("brief"))
			},
			func(key string) error {
				return t.kv.CompareAndSwap(t.ctx, key, &kvstore.Entry{Value: "brief"}, kvstore.Entry{Value: "for ever"})
			},
			func(key string) error {
				if err := t.kv.Delete(t.ctx, key); err != nil {
					return err
				}
				return t.kv.CompareAndSwap(t.ctx, key, nil, lasting("anew"))
			},
		)
		for i, value := range []string{"longer", "brief", "for ever", "anew"} {
			t.holds(keys[i], value, "after the first ExpiresAt, which a CompareAndSwap had replaced by a later one or none")
		}
	}},
	{"KV 2", "without-end", func(t *trial) {
		key := t.key()
		t.createAt(key, kvstore.Entry{Value: "a"})
		t.holds(key, "a", "of an entry without ExpiresAt")
		if end := t.get(key, "of an entry without ExpiresAt").ExpiresAt; !end.IsZero() {
			t.broken("Get of an entry without ExpiresAt returned %v for it", end.UTC())
		}
		t.swap(key, &kvstore.Entry{Value: "a"}, kvstore.Entry{Value: "b"}, "of an entry without ExpiresAt")
		t.holds(key, "b", "of an entry without ExpiresAt, after a CompareAndSwap")
	}},
}

// brief makes an entry for each change that expires in a moment, lets the change be made,
// and waits until the moment is over. A change must not fail once the entry has expired
// before it could be made: then all of it is tried again with a longer life.
func (t *trial) brief(changes ...func(key string) error) (keys []string) {
	for life := 200 * time.Millisecond; ; life *= 2 {
		keys = keys[:0]
		end := time.Now().Add(life)
		early := false
		for _, change := range changes {
			key := t.key()
			keys = append(keys, key)
			t.createAt(key, kvstore.Entry{Value: "brief", ExpiresAt: end})
			if err := change(key); errors.Is(err, store.ErrConflict) && life < patience {
				early = true
			} else if err != nil {
				t.require(failed(err, "CompareAndSwap of a later ExpiresAt before the first has come"))
			}
		}
		// One that nobody changes tells when the time is over.
		probe := t.key()
		t.createAt(probe, kvstore.Entry{Value: "brief", ExpiresAt: end})
		if e, err := t.kv.Get(t.ctx, probe); early || err != nil || e.Value != "brief" {
			if life < patience {
				continue // too slow a server for so short a life, or one that rounds it down
			}
			t.require(failed(err, "Get of an entry %v before its end", life))
		}
		for wait := time.Until(end); ; wait = 5 * time.Millisecond {
			time.Sleep(wait)
			if _, err := t.kv.Get(t.ctx, probe); errors.Is(err, store.ErrNotFound) {
				break
			} else if err != nil {
				t.require(failed(err, "Get of an entry about to expire"))
			} else if time.Since(end) > patience {
				t.broken("Get still returned an entry %v after its ExpiresAt", patience)
			}
		}
		time.Sleep(20 * time.Millisecond) // a timer set for the same moment may be a little late
		return keys
	}
}
