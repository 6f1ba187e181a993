package kvtest

import (
	"errors"
	"math/rand/v2"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/kvstore"
)

var concurrencyChecks = []check{
	// Everything at once on a few keys. Which answer each call gets is a matter of chance.
	{"KV 1", "all-calls-at-once", func(t *trial) {
		keys := []string{t.key(), t.key(), t.key()}
		t.require(together(16, func(worker int) error {
			for i := range 30 {
				key := keys[rand.IntN(len(keys))]
				whole := number(worker*100 + i)
				whole += " " + whole
				if err := t.kv.CompareAndSwap(t.ctx, key, nil, lasting(whole)); err != nil && !errors.Is(err, store.ErrConflict) {
					return seen("CompareAndSwap from nothing, with others on the same keys: the error was %q", err)
				}
				e, err := t.kv.Get(t.ctx, key)
				if errors.Is(err, store.ErrNotFound) {
					continue
				}
				if err != nil {
					return seen("Get, with others on the same keys: the error was %q", err)
				}
				if n := len(e.Value) / 2; len(e.Value) < 3 || e.Value[:n] != e.Value[n+1:] {
					return seen("Get, with others on the same keys, returned %s, which nobody put there", short(e.Value))
				}
				if err := t.kv.CompareAndSwap(t.ctx, key, &e, lasting(whole)); err != nil && !errors.Is(err, store.ErrConflict) {
					return seen("CompareAndSwap, with others on the same keys: the error was %q", err)
				}
				if i%5 != 0 {
					continue
				}
				if err := t.kv.Delete(t.ctx, key); err != nil {
					return seen("Delete, with others on the same keys: the error was %q", err)
				}
			}
			return nil
		}))
	}},
	{"KV 3", "own-changes", func(t *trial) {
		key, value := t.create("start"), "start"
		for i := range 50 {
			t.swap(key, &kvstore.Entry{Value: value}, lasting(number(i)), "from the value that was put last")
			value = number(i)
			t.holds(key, value, "after the CompareAndSwap that put it there")
			if i%10 == 9 {
				t.delete(key)
				_, err := t.kv.Get(t.ctx, key)
				t.answer(err, store.ErrNotFound, "Get after Delete")
				t.createAt(key, lasting(value))
			}
		}
	}},
	{"KV 3", "changes-of-others", func(t *trial) {
		key := t.create("0")
		var acknowledged atomic.Int64
		var done atomic.Bool
		t.require(together(4, func(i int) error {
			if i == 0 {
				defer done.Store(true)
				for n := range 100 {
					old := kvstore.Entry{Value: number(n)}
					if err := t.kv.CompareAndSwap(t.ctx, key, &old, lasting(number(n+1))); err != nil {
						return failed(err, "CompareAndSwap by the only writer")
					}
					acknowledged.Store(int64(n + 1))
					time.Sleep(20 * time.Microsecond)
				}
				return nil
			}
			for !done.Load() {
				atLeast := acknowledged.Load()
				e, err := t.kv.Get(t.ctx, key)
				if err != nil {
					return failed(err, "Get of a live entry")
				}
				if got, err := strconv.ParseInt(e.Value, 10, 64); err != nil || got < atLeast {
					return seen("Get returned %s, and the CompareAndSwap to %d had returned before the Get began", short(e.Value), atLeast)
				}
				time.Sleep(50 * time.Microsecond)
			}
			return nil
		}))
	}},
}
