package kvtest

import (
	"errors"
	"sync/atomic"

	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/kvstore"
)

var deleteChecks = []check{
	{"Delete 1", "missing", func(t *trial) {
		never, deleted, expired := t.key(), t.create("a"), t.create("a")
		t.delete(deleted)
		t.swap(expired, &kvstore.Entry{Value: "a"}, kvstore.Entry{Value: "a", ExpiresAt: past()}, "to an ExpiresAt that has come")
		for key, what := range map[string]string{never: "a key that never had an entry", deleted: "a deleted entry", expired: "an expired entry"} {
			if err := t.kv.Delete(t.ctx, key); err != nil {
				t.broken("Delete of %s: the error was %q", what, err)
			}
		}
	}},
	{"Delete 2", "gone", func(t *trial) {
		key, other := t.create("a"), t.create("a")
		for _, value := range []string{"a", "b"} {
			was := t.get(key, "of a live entry")
			t.delete(key)
			t.gone(key, value, "after Delete")
			err := t.kv.CompareAndSwap(t.ctx, key, &was, lasting("back"))
			t.answer(err, store.ErrConflict, "CompareAndSwap from what Get had returned before a Delete")
			t.createAt(key, lasting("b"))
			t.holds(key, "b", "of an entry that was put where another had been deleted")
		}
		t.holds(other, "a", "after Delete of another key")
	}},
	{"Delete 2", "swaps-under-way", swapsUnderWay},
}

// swapsUnderWay deletes an entry that others change without a pause. Whatever of theirs was
// under way, none of it is there afterwards.
func swapsUnderWay(t *trial) {
	const writers = 4
	for range 12 {
		key := t.create("start")
		var deleted atomic.Bool
		busy := make(chan struct{}, writers)
		t.require(together(writers+1, func(i int) error {
			if i == writers {
				for range writers {
					<-busy
				}
				err := t.kv.Delete(t.ctx, key)
				deleted.Store(true)
				if err != nil {
					return failed(err, "Delete")
				}
				_, err = t.kv.Get(t.ctx, key)
				return answer(err, store.ErrNotFound, "Get after Delete, with CompareAndSwaps under way that began earlier")
			}
			for n := 0; ; n++ {
				if n == 1 {
					busy <- struct{}{}
				}
				e, err := t.kv.Get(t.ctx, key)
				if err == nil {
					late := deleted.Load()
					err = t.kv.CompareAndSwap(t.ctx, key, &e, lasting(number(i)+"-"+number(n)))
					if err == nil && late {
						return seen("a CompareAndSwap that began after Delete had returned found the entry")
					}
				}
				switch {
				case err == nil, errors.Is(err, store.ErrConflict):
					continue
				case n == 0:
					busy <- struct{}{}
				}
				if errors.Is(err, store.ErrNotFound) {
					return nil
				}
				return failed(err, "Get and CompareAndSwap while another caller deletes the entry")
			}
		}))
		_, err := t.kv.Get(t.ctx, key)
		t.answer(err, store.ErrNotFound, "Get after Delete, when the CompareAndSwaps that began earlier have ended")
	}
}
