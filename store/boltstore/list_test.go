package boltstore

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"github.com/cloakroom-go/cloakroom/store"
)

// fill makes n records at once, with keys in order.
func fill(t *testing.T, s *Store, n int, key func(i int) string, expires func(i int) time.Time) {
	t.Helper()
	inside(t, s, func(b buckets) error {
		for i := range n {
			if err := b.put([]byte(key(i)), entry{}, false, entry{expires(i).UnixMilli(), "u1", "x"}); err != nil {
				return err
			}
		}
		return nil
	})
}

func TestWalksArePagedAndHoldNoTransaction(t *testing.T) {
	db := openFile(t, &bbolt.Options{NoSync: true})
	s := newStore(t, db)
	const n = 3*page + 7
	later, past := time.Now().Add(time.Hour), time.Now().Add(-time.Hour)
	fill(t, s, n, func(i int) string { return fmt.Sprintf("key%05d", i) }, func(int) time.Time { return later })
	fill(t, s, n, func(i int) string { return fmt.Sprintf("$%05d", i) }, func(int) time.Time { return later })
	fill(t, s, 5, func(i int) string { return fmt.Sprintf("#%05d", i) }, func(int) time.Time { return later })
	fill(t, s, n, func(i int) string { return fmt.Sprintf("expired%05d", i) }, func(int) time.Time { return past })
	for name, walk := range map[string]func(func(string, error) bool){
		"List": s.List(t.Context()), "ListOwner": s.ListOwner(t.Context(), "u1"),
	} {
		var got []string
		before := db.Stats().TxN
		for key, err := range walk {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, key)
			if open := db.Stats().OpenTxN; open != 0 {
				t.Fatalf("%s: %d transactions are open while the caller's code runs", name, open)
			}
		}
		if len(got) != n+5 || !slices.IsSorted(got) || got[0] != "#00000" || got[len(got)-1] != fmt.Sprintf("key%05d", n-1) {
			t.Errorf("%s: %d keys from %q to %q", name, len(got), got[0], got[len(got)-1])
		}
		if pages := db.Stats().TxN - before; pages < 2*n/page {
			t.Errorf("%s read %d keys in %d transactions", name, 2*n, pages)
		}
	}
}

func TestIndexesAreExact(t *testing.T) {
	s := newStore(t, openFile(t, &bbolt.Options{NoSync: true}))
	random := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		key, owner := fmt.Sprint("key", random.IntN(40)), fmt.Sprint("owner", random.IntN(5))
		if random.IntN(4) == 0 {
			owner = ""
		}
		expires := time.Now().Add(time.Duration(random.IntN(4000)-500) * time.Second)
		switch random.IntN(6) {
		case 0:
			if err := s.Delete(t.Context(), key); err != nil {
				t.Fatal(err)
			}
		case 1:
			if _, err := s.Sweep(t.Context(), random.IntN(3)); err != nil {
				t.Fatal(err)
			}
		case 2:
			_, err := s.Save(t.Context(), key, store.Change{Create: true, ExpiresAt: expires, Owner: &owner})
			if err != nil && !isAnswer(err) {
				t.Fatal(err)
			}
		default:
			change := store.Change{Set: fieldsOf(t, "n", fmt.Sprint(random.IntN(9)))}
			if random.IntN(2) == 0 {
				change.ExpiresAt = expires
			}
			if random.IntN(2) == 0 {
				change.Owner = &owner
			}
			if _, err := s.Save(t.Context(), key, change); err != nil && !isAnswer(err) {
				t.Fatal(err)
			}
		}
	}
	indexesAreExact(t, s)
}

// indexesAreExact compares the indexes with what they should hold.
func indexesAreExact(t *testing.T, s *Store) {
	t.Helper()
	inside(t, s, func(b buckets) error {
		var ends, owners []string
		err := b.entries.ForEach(func(key, value []byte) error {
			e, err := decode(value)
			if err != nil {
				return err
			}
			ends = append(ends, string(endKey(e.expires, key)))
			if e.owner != "" {
				owners = append(owners, string(ownerKey(e.owner, key)))
			}
			return nil
		})
		if err != nil {
			return err
		}
		for name, index := range map[string]struct {
			bucket *bbolt.Bucket
			want   []string
		}{"ends": {b.ends, ends}, "owners": {b.owners, owners}} {
			var got []string
			if err := index.bucket.ForEach(func(k, _ []byte) error { got = append(got, string(k)); return nil }); err != nil {
				return err
			}
			slices.Sort(index.want)
			if !slices.Equal(got, index.want) {
				t.Errorf("the index of %s has %d entries, want %d", name, len(got), len(index.want))
			}
		}
		return nil
	})
}

func TestSweepGivesSpaceBackInBoundedTransactions(t *testing.T) {
	db := openFile(t, &bbolt.Options{NoSync: true})
	s := newStore(t, db)
	const n = 3*sweepBatch + 17
	later, past := time.Now().Add(time.Hour), time.Now().Add(-time.Hour)
	fill(t, s, n, func(i int) string { return fmt.Sprint("expired", i) }, func(i int) time.Time { return past.Add(time.Duration(i) * time.Second) })
	fill(t, s, 3, func(i int) string { return fmt.Sprint("live", i) }, func(int) time.Time { return later })
	if got, err := s.Sweep(t.Context(), 10); got != 10 || err != nil {
		t.Fatalf("%d, %v, want the limit of 10", got, err)
	}
	before := commits(t, db)
	if got, err := s.Sweep(t.Context(), 10*n); got != n-10 || err != nil {
		t.Fatalf("%d, %v, want %d", got, err, n-10)
	}
	if got := commits(t, db) - before; got != 4 {
		t.Errorf("%d commits, want 4 of at most %d records", got, sweepBatch)
	}
	inside(t, s, func(b buckets) error {
		for name, bucket := range map[string]*bbolt.Bucket{"entries": b.entries, "ends": b.ends, "owners": b.owners} {
			if got := bucket.Inspect().KeyN; got != 3 {
				t.Errorf("%d %s are left, want 3", got, name)
			}
		}
		return nil
	})
	if got, err := s.Sweep(t.Context(), 10); got != 0 || err != nil {
		t.Errorf("%d, %v, want nothing more", got, err)
	}
	indexesAreExact(t, s)
}
