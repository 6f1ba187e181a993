package storetest

import (
	"context"
	"crypto/rand"
	"iter"
	"strings"

	"github.com/cloakroom-go/cloakroom/store"
)

var listOwnerChecks = []check{
	{"ListOwner", "live-records", needs(func(t *trial, l store.OwnerLister) {
		for _, owner := range oddOwners(rand.Text()) {
			t.owns(l, owner, []string{t.create(owner), t.create(owner, "a", "1")}, "created for the owner")
		}
	})},
	{"ListOwner", "odd-keys", needs(func(t *trial, l store.OwnerLister) {
		owner := rand.Text()
		keys := oddTexts(rand.Text())
		for _, key := range keys {
			t.createAt(t.own(key), owner)
		}
		t.owns(l, owner, keys, "created at odd keys")
	})},
	{"ListOwner", "many", needs(func(t *trial, l store.OwnerLister) {
		owner := rand.Text()
		keys := t.createMany(300, func(int) store.Change { return creation(owner) })
		t.owns(l, owner, keys, "created for the owner")
	})},
	{"ListOwner 1", "at-once", needs(func(t *trial, l store.OwnerLister) {
		one, two := rand.Text(), rand.Text()
		key := t.create(one, "a", "1")
		t.owns(l, one, []string{key}, "when Create had returned")
		t.save(key, store.Change{Owner: &two})
		t.owns(l, two, []string{key}, "when the Save of another owner had returned")
		anonymous := t.create("", "a", "1")
		t.save(anonymous, store.Change{Owner: &two, Set: fields("b", "2")})
		t.owns(l, two, []string{key, anonymous}, "when the Save of an owner to an anonymous record had returned")
		t.expire(key)
		t.createAt(key, one)
		t.owns(l, one, []string{key}, "when the Create over an expired record had returned")
	})},
	{"ListOwner 1", "crowd", needs(func(t *trial, l store.OwnerLister) {
		owner := rand.Text()
		keys := make([]string, crowd)
		t.require(together(crowd, func(i int) error {
			keys[i] = t.key()
			c := creation(owner)
			if i%2 == 1 {
				c.Owner = nil
			}
			_, err := t.store.Save(t.ctx, keys[i], c)
			if err == nil && i%2 == 1 {
				_, err = t.store.Save(t.ctx, keys[i], store.Change{Owner: &owner})
			}
			if err != nil {
				return failed(err, "Save of an owner")
			}
			got, err := counted("ListOwner", l.ListOwner(t.ctx, owner))
			if err != nil {
				return err
			}
			if got[keys[i]] != 1 {
				return seen("ListOwner yielded a record %d times whose Save with the owner had returned, with others saving for the same owner", got[keys[i]])
			}
			return nil
		}))
		t.owns(l, owner, keys, "when many had been saved at once")
	})},
	{"ListOwner 2", "others", needs(func(t *trial, l store.OwnerLister) {
		owners := oddOwners(rand.Text())
		keys := t.createMany(len(owners), func(i int) store.Change { return creation(owners[i]) })
		for i, owner := range owners {
			t.owns(l, owner, keys[i:i+1], "with records of owners that differ in little")
		}
		cut := owners[0][:len(owners[0])-1]
		for _, owner := range []string{cut, cut + "%", cut + "_", cut + "*", "%", "*", "$", strings.Repeat("x", 256)} {
			got := t.walk("ListOwner", l.ListOwner(t.ctx, owner))
			for i, key := range keys {
				if got[key] != 0 {
					t.broken("ListOwner of %.60q yielded a record of %.60q", owner, owners[i])
				}
			}
		}
	})},
	{"ListOwner 2", "moved-and-ended", needs(movedAndEnded)},
	{"ListOwner 2", "outlives-a-neighbour", needs(func(t *trial, l store.OwnerLister) {
		owner := rand.Text()
		_, extended := t.brief(owner)
		t.owns(l, owner, []string{extended}, "of which one expired by itself and one was extended")
	})},
	{"ListOwner 3", "reserved-and-nobody", needs(func(t *trial, l store.OwnerLister) {
		owner := rand.Text()
		key := t.create(owner)
		t.create("")
		for _, key := range reserved(rand.Text()) {
			t.createAt(t.own(key), owner)
		}
		t.owns(l, owner, []string{key}, `with records at keys that begin with "$"`)
		t.owns(l, "", nil, "with anonymous records")
	})},
	{"ListOwner 4", "ended-context", needs(func(t *trial, l store.OwnerLister) {
		owner := rand.Text()
		t.create(owner)
		t.create(owner)
		t.walkEnds("ListOwner", func(ctx context.Context) iter.Seq2[string, error] { return l.ListOwner(ctx, owner) })
	})},
	// Signing a user out everywhere deletes in the loop.
	{"ListOwner 5", "calls-inside", needs(func(t *trial, l store.OwnerLister) {
		owner := rand.Text()
		t.create(owner)
		t.require(t.insideWalk("ListOwner", l.ListOwner(t.ctx, owner)))
	})},
}

// owns demands that owner has the records at keys, each once, and no others.
func (t *trial) owns(l store.OwnerLister, owner string, keys []string, when string) {
	got := t.walk("ListOwner", l.ListOwner(t.ctx, owner))
	for _, key := range keys {
		if got[key] != 1 {
			t.broken("ListOwner of %.60q, %s: it yielded the key %.60q %d times, want once", owner, when, key, got[key])
		}
		delete(got, key)
	}
	for key := range got {
		t.broken("ListOwner of %.60q, %s: it yielded the key %.60q, which is not among the %d records of the owner", owner, when, key, len(keys))
	}
}

func movedAndEnded(t *trial, l store.OwnerLister) {
	one, two, nobody := rand.Text(), rand.Text(), ""
	stays := t.create(one)
	only := func(when string) { t.owns(l, one, []string{stays}, when) }

	key := t.create(one)
	t.save(key, store.Change{Owner: &two})
	only("when a record had gone to another owner")
	t.save(key, store.Change{Owner: &nobody})
	t.owns(l, two, nil, "when its record had become anonymous")

	c := store.Change{Owner: &two, If: []store.Condition{{Name: "a", Value: "1"}}}
	_, err := t.store.Save(t.ctx, stays, c)
	t.answer(err, store.ErrConflict, "Save with a condition that does not hold")
	t.owns(l, two, nil, "after a Save of the owner that failed with ErrConflict")
	only("after a Save of another owner that failed with ErrConflict")
	_, err = t.store.Save(t.ctx, stays, creation(two))
	t.answer(err, store.ErrExists, "Create over a live record")
	t.owns(l, two, nil, "after a Create that failed with ErrExists")

	deleted := t.create(one)
	t.delete(deleted)
	only("when a record had been deleted")
	_, err = t.store.Save(t.ctx, deleted, store.Change{Owner: &two})
	t.answer(err, store.ErrNotFound, "Save to a deleted record")
	t.owns(l, two, nil, "after a Save of the owner that failed with ErrNotFound")
	t.createAt(deleted, two)
	only("when another owner had a new record at the key of a deleted one")

	expired := t.create(one)
	t.expire(expired)
	only("when a record had expired")
	t.createAt(expired, "")
	only("when an anonymous record was at the key of an expired one")
	t.owns(l, two, []string{deleted}, "in the end")
}
