package kvtest

import (
	"errors"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/kvstore"
)

var swapChecks = []check{
	{"CompareAndSwap 1", "exists", func(t *trial) {
		key := t.create("a")
		for _, next := range []kvstore.Entry{lasting("b"), lasting("a"), {Value: "b"}} {
			err := t.kv.CompareAndSwap(t.ctx, key, nil, next)
			t.answer(err, store.ErrConflict, "CompareAndSwap from nothing, at a live entry")
			t.holds(key, "a", "after a CompareAndSwap from nothing that failed")
		}
		empty := t.create("")
		err := t.kv.CompareAndSwap(t.ctx, empty, nil, lasting("b"))
		t.answer(err, store.ErrConflict, "CompareAndSwap from nothing, at a live entry with an empty value")
	}},
	{"CompareAndSwap 1", "over-expired", func(t *trial) {
		key := t.create("a")
		t.swap(key, &kvstore.Entry{Value: "a"}, kvstore.Entry{Value: "b", ExpiresAt: past()}, "to an ExpiresAt that has come")
		t.swap(key, nil, lasting("c"), "from nothing, where an entry has expired")
		t.holds(key, "c", "of an entry that was put where another had expired")
	}},
	{"CompareAndSwap 1", "crowd", func(t *trial) {
		for range 4 {
			key := t.key()
			var winners, winner atomic.Int64
			t.require(together(crowd, func(i int) error {
				err := t.kv.CompareAndSwap(t.ctx, key, nil, lasting(number(i)))
				if err == nil {
					winners.Add(1)
					winner.Store(int64(i))
					return nil
				}
				return answer(err, store.ErrConflict, "CompareAndSwap from nothing, with others doing the same")
			}))
			if n := winners.Load(); n != 1 {
				t.broken("of %d CompareAndSwaps from nothing at one key at once, %d succeeded", crowd, n)
			}
			t.holds(key, number(int(winner.Load())), "after many CompareAndSwaps from nothing, of which one had succeeded")
		}
	}},

	{"CompareAndSwap 2", "same-value", func(t *trial) {
		key := t.create("a")
		t.swap(key, &kvstore.Entry{Value: "a"}, lasting("b"), "from the bytes that are there, without a Revision")
		t.holds(key, "b", "after a CompareAndSwap")
		t.swap(key, &kvstore.Entry{Value: "b", Owner: "somebody", ExpiresAt: past()}, lasting("c"), "from the bytes that are there, with another Owner and ExpiresAt")
		t.holds(key, "c", "after a CompareAndSwap")
		e := t.get(key, "of a live entry")
		t.swap(key, &e, kvstore.Entry{Value: "d", ExpiresAt: later(), Revision: e.Revision + 7}, "from what Get returned")
		t.holds(key, "d", "after a CompareAndSwap")
		for range 2 {
			e = t.get(key, "of a live entry")
			t.swap(key, &e, lasting("d"), "to the bytes that are there")
			t.holds(key, "d", "after a CompareAndSwap to the same bytes")
		}
	}},
	{"CompareAndSwap 2", "other-value", func(t *trial) {
		key := t.create("value")
		for _, other := range []string{"", "valu", "value ", "values", "VALUE", "v%", "value\x00", `"value"`} {
			err := t.kv.CompareAndSwap(t.ctx, key, &kvstore.Entry{Value: other}, lasting("b"))
			t.answer(err, store.ErrConflict, "CompareAndSwap from %s, where %s is", short(other), short("value"))
			t.holds(key, "value", "after a CompareAndSwap from another value")
		}
		stale := t.get(key, "of a live entry")
		t.swap(key, &stale, lasting("b"), "from what Get returned")
		err := t.kv.CompareAndSwap(t.ctx, key, &stale, lasting("c"))
		t.answer(err, store.ErrConflict, "CompareAndSwap from what Get had returned before a change")
		t.holds(key, "b", "after a CompareAndSwap from what Get had returned before a change")
		t.delete(key)
		t.createAt(key, lasting("d"))
		err = t.kv.CompareAndSwap(t.ctx, key, &stale, lasting("c"))
		t.answer(err, store.ErrConflict, "CompareAndSwap from what Get had returned before the entry was deleted and another put there")
		t.holds(key, "d", "after a CompareAndSwap from what was there before a Delete")
	}},
	{"CompareAndSwap 2", "missing", func(t *trial) {
		never, deleted := t.key(), t.create("a")
		expired := t.create("a")
		was := t.get(deleted, "of a live entry")
		t.delete(deleted)
		t.swap(expired, &kvstore.Entry{Value: "a"}, kvstore.Entry{Value: "a", ExpiresAt: past()}, "to an ExpiresAt that has come")
		for key, what := range map[string]string{never: "where there never was an entry", deleted: "after Delete", expired: "after its ExpiresAt"} {
			for _, old := range []kvstore.Entry{{Value: "a"}, {Value: ""}, was} {
				err := t.kv.CompareAndSwap(t.ctx, key, &old, lasting("b"))
				t.answer(err, store.ErrConflict, "CompareAndSwap from an entry, %s", what)
			}
			_, err := t.kv.Get(t.ctx, key)
			t.answer(err, store.ErrNotFound, "Get %s and CompareAndSwaps that failed", what)
		}
	}},
	{"CompareAndSwap 2", "increments", increments},

	{"CompareAndSwap 3", "conflicts-change-nothing", func(t *trial) {
		// An end that has come, no end, and a value: none of it may be taken over.
		keys := []string{t.create("a"), t.create("a")}
		for _, key := range keys {
			before := t.get(key, "of a live entry").ExpiresAt
			for _, old := range []*kvstore.Entry{nil, {Value: "b"}} {
				for _, next := range []kvstore.Entry{{Value: "c", ExpiresAt: past()}, {Value: "a", ExpiresAt: past()}, {Value: "c"}, {Value: "a"}} {
					err := t.kv.CompareAndSwap(t.ctx, key, old, next)
					t.answer(err, store.ErrConflict, "CompareAndSwap from something else than is there")
					t.holds(key, "a", "after a CompareAndSwap that failed with ErrConflict")
				}
			}
			if after := t.get(key, "of a live entry").ExpiresAt; after.Sub(before).Abs() > grain {
				t.broken("CompareAndSwaps that failed with ErrConflict moved ExpiresAt from %v to %v", before.UTC(), after.UTC())
			}
		}
	}},

	{"CompareAndSwap 4", "past", func(t *trial) {
		for _, end := range []time.Time{past(), time.Now().Add(-time.Second), time.Unix(1, 0), time.UnixMilli(1)} {
			key := t.key()
			over := kvstore.Entry{Value: "over", ExpiresAt: end}
			for range 2 {
				t.swap(key, nil, over, "from nothing to an ExpiresAt that has come")
				t.gone(key, "over", "of an entry that was put with an ExpiresAt that had come")
			}
			t.createAt(key, lasting("a"))
			err := t.kv.CompareAndSwap(t.ctx, key, nil, over)
			t.answer(err, store.ErrConflict, "CompareAndSwap from nothing to an ExpiresAt that has come, at a live entry")
			err = t.kv.CompareAndSwap(t.ctx, key, &kvstore.Entry{Value: "b"}, over)
			t.answer(err, store.ErrConflict, "CompareAndSwap from another value to an ExpiresAt that has come")
			t.holds(key, "a", "after CompareAndSwaps that failed")
			e := t.get(key, "of a live entry")
			t.swap(key, &e, over, "to an ExpiresAt that has come")
			t.gone(key, "over", "after a CompareAndSwap to an ExpiresAt that had come")
			t.gone(key, "a", "after a CompareAndSwap to an ExpiresAt that had come")
		}
	}},
}

// increments lets many callers count in one value. All of them read before any of them
// swaps, so at first only one can win.
func increments(t *trial) {
	for _, how := range []string{"what Get returned", "its bytes alone"} {
		key := t.create("0")
		var all sync.WaitGroup
		all.Add(crowd)
		t.require(together(crowd, func(int) error {
			for try := range crowd {
				e, err := t.kv.Get(t.ctx, key)
				if try == 0 {
					all.Done()
					all.Wait()
				}
				if err != nil {
					return failed(err, "Get of a live entry")
				}
				if how != "what Get returned" {
					e = kvstore.Entry{Value: e.Value}
				}
				n, _ := strconv.Atoi(e.Value)
				err = t.kv.CompareAndSwap(t.ctx, key, &e, lasting(number(n+1)))
				if err == nil {
					return nil
				}
				if !errors.Is(err, store.ErrConflict) {
					return failed(err, "CompareAndSwap, with others doing the same")
				}
			}
			return seen("%d times ErrConflict for an entry that was changed at most %d times meanwhile", crowd, crowd-1)
		}))
		t.holds(key, number(crowd), "after "+number(crowd)+" increments, each a CompareAndSwap from "+how)
	}
}
