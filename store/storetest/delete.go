package storetest

import (
	"errors"
	"sync/atomic"

	"github.com/cloakroom-go/cloakroom/store"
)

var deleteChecks = []check{
	{"Delete 1", "missing", func(t *trial) {
		key := t.key()
		for _, when := range []string{"a key that never had a record", "a deleted record", "an expired record"} {
			for range 2 {
				if err := t.store.Delete(t.ctx, key); err != nil {
					t.broken("Delete of %s: the error was %q", when, err)
				}
			}
			t.createAt(key, "u", "a", "1")
			if when == "a key that never had a record" {
				t.delete(key)
			} else {
				t.expire(key)
			}
		}
	}},
	{"Delete 2", "gone", func(t *trial) {
		key, other := t.create("u", "a", "1"), t.create("u", "a", "1")
		for range 2 {
			t.delete(key)
			t.gone(key, "after Delete")
			t.createAt(key, "", "b", "2")
			t.holds(key, store.Record{Fields: fields("b", "2")}, "created where a record was deleted")
		}
		t.holds(other, store.Record{Owner: "u", Fields: fields("a", "1")}, "after Delete of another key")
	}},
	{"Delete 2", "saves-under-way", savesUnderWay},
}

// savesUnderWay deletes a record that others save without a pause. Whatever of theirs
// was under way, none of it is there afterwards.
func savesUnderWay(t *trial) {
	const savers = 8
	for range 12 {
		key := t.create("u", "a", "1")
		base := t.load(key)
		var deleted atomic.Bool
		busy := make(chan struct{}, savers)
		t.require(together(savers+1, func(i int) error {
			if i == savers {
				for range savers {
					<-busy
				}
				err := t.store.Delete(t.ctx, key)
				deleted.Store(true)
				if err != nil {
					return failed(err, "Delete")
				}
				_, err = t.store.Load(t.ctx, key)
				return answer(err, store.ErrNotFound, "Load after Delete, with Saves under way that began earlier")
			}
			c := store.Change{Set: fields("f"+number(i), "1")}
			switch i % 4 {
			case 1:
				c.Base = &base
			case 2:
				c.ExpiresAt = later()
			case 3:
				c.If = []store.Condition{{Name: "a", Value: "1"}}
			}
			for n := 0; ; n++ {
				if n == 1 {
					busy <- struct{}{}
				}
				late := deleted.Load()
				_, err := t.store.Save(t.ctx, key, c)
				switch {
				case err == nil && late:
					return seen("a Save that began after Delete had returned found the record")
				case err == nil:
					continue
				case n == 0:
					busy <- struct{}{}
				}
				if errors.Is(err, store.ErrNotFound) {
					return nil
				}
				return failed(err, "Save while another caller deletes the record")
			}
		}))
		t.gone(key, "after Delete, when the Saves that began earlier have ended")
	}
}
