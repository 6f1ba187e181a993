package memstore_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/memstore"
)

func TestLeastRecentlyUsedRecordGoesFirst(t *testing.T) {
	var evicted []string
	s := memstore.New(&memstore.Options{MaxRecords: 3, OnEvict: func(key string) { evicted = append(evicted, key) }})
	end := time.Now().Add(time.Hour)
	for _, key := range []string{"a", "b", "c"} {
		create(t, s, key, store.Fields{}, end)
	}
	live(t, s, "a")                 // loaded: b is the oldest now
	save(t, s, "b", store.Change{}) // saved: c is
	sorted(t, s.List(ctx))          // listing is no use
	create(t, s, "d", store.Fields{}, end)
	create(t, s, "e", store.Fields{}, end)
	if want := []string{"c", "a"}; !slices.Equal(evicted, want) || s.Evicted() != 2 {
		t.Errorf("evicted %q, counted %d; want %q", evicted, s.Evicted(), want)
	}
	if got := sorted(t, s.List(ctx)); !slices.Equal(got, []string{"b", "d", "e"}) {
		t.Errorf("left: %q", got)
	}
}

func TestBytesAreCountedAsDocumented(t *testing.T) {
	end := time.Now().Add(time.Hour)
	owner := "u1"
	change := store.Change{Create: true, ExpiresAt: end, Owner: &owner, Set: fields(t, "name", `"value"`)}
	size := int64(memstore.Overhead + len("a") + len(owner) + len("name") + len(`"value"`))
	s := memstore.New(&memstore.Options{MaxBytes: 2 * size})
	for _, key := range []string{"a", "b"} {
		save(t, s, key, change)
	}
	if s.Evicted() != 0 {
		t.Error("two records of half the bound each do not fit")
	}
	save(t, s, "b", store.Change{Set: fields(t, "n", "1")})
	if s.Evicted() != 1 || live(t, s, "a") || !live(t, s, "b") {
		t.Errorf("after a record grew beyond the bound: %d evicted, left %q", s.Evicted(), sorted(t, s.List(ctx)))
	}
	save(t, s, "b", store.Change{Unset: []string{"n"}})
	save(t, s, "c", change)
	if s.Evicted() != 1 {
		t.Error("bytes that a record gave up are still counted")
	}
}

func TestRecordThatCannotFitIsRefusedWithBothSizes(t *testing.T) {
	s := memstore.New(&memstore.Options{MaxBytes: 1000})
	end := time.Now().Add(time.Hour)
	create(t, s, "other", store.Fields{}, end)
	create(t, s, "k", fields(t, "a", "1"), end)
	large := fields(t, "b", `"`+strings.Repeat("x", 1000)+`"`)
	for _, tc := range []struct {
		key    string
		change store.Change
		size   int
	}{
		{"new", store.Change{Create: true, Set: large, ExpiresAt: end}, memstore.Overhead + 3 + 1 + 1002},
		{"k", store.Change{Set: large}, memstore.Overhead + 1 + 2 + 1 + 1002},
	} {
		version, err := s.Save(ctx, tc.key, tc.change)
		if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("%d bytes", tc.size)) || !strings.Contains(err.Error(), "1000") {
			t.Errorf("Save(%q): %d, %v; want an error that says %d and 1000", tc.key, version, err, tc.size)
		}
	}
	rec, err := s.Load(ctx, "k")
	if err != nil || rec.Fields != fields(t, "a", "1") || !live(t, s, "other") || live(t, s, "new") || s.Evicted() != 0 {
		t.Errorf("something changed: %+v, %v, %d evicted", rec, err, s.Evicted())
	}
}

// The manager's own records say, for example, that all sessions of a user before some
// time are revoked. To evict one would sign them in again.
func TestManagersOwnRecordsAreNeverEvicted(t *testing.T) {
	end := time.Now().Add(time.Hour)
	s := memstore.New(&memstore.Options{MaxRecords: 3})
	create(t, s, "$u1", store.Fields{}, end)
	for i := range 100 {
		create(t, s, fmt.Sprint("visitor", i), store.Fields{}, end)
	}
	create(t, s, "$u2", store.Fields{}, end)
	create(t, s, "$u3", store.Fields{}, end)
	if s.Len() != 3 || !live(t, s, "$u1") || !live(t, s, "$u2") || !live(t, s, "$u3") {
		t.Errorf("%d records held; the manager's three should be", s.Len())
	}
	for _, key := range []string{"visitor", "$u4"} {
		_, err := s.Save(ctx, key, store.Change{Create: true, ExpiresAt: end})
		if err == nil || !strings.Contains(err.Error(), "MaxRecords") || errors.Is(err, store.ErrExists) {
			t.Errorf("Save(%q) into a store full of them: %v", key, err)
		}
	}
	save(t, s, "$u1", store.Change{Set: fields(t, "a", "1")})
}

func TestBytesOfTheManagersOwnRecordsLeaveLessRoom(t *testing.T) {
	end := time.Now().Add(time.Hour)
	s := memstore.New(&memstore.Options{MaxBytes: 1000})
	big := fields(t, "a", `"`+strings.Repeat("x", 500)+`"`)
	create(t, s, "$u1", big, end)
	_, err := s.Save(ctx, "k", store.Change{Create: true, Set: big, ExpiresAt: end})
	if err == nil || !strings.Contains(err.Error(), "MaxBytes") {
		t.Errorf("two records of over 500 bytes in 1000, one of them the manager's: %v", err)
	}
	// Its own bytes are no hindrance to a record that is already there.
	save(t, s, "$u1", store.Change{Set: fields(t, "a", `"`+strings.Repeat("y", 800)+`"`)})
}

func TestExpiredRecordsGoBeforeLiveOnes(t *testing.T) {
	c := newClock()
	var evicted []string
	s := memstore.New(&memstore.Options{Now: c.Now, MaxBytes: 20_000, OnEvict: func(key string) { evicted = append(evicted, key) }})
	create(t, s, "old but live", store.Fields{}, c.In(time.Hour))
	for i := range 50 {
		create(t, s, fmt.Sprint("short", i), store.Fields{}, c.In(time.Second))
	}
	c.Advance(time.Minute)
	create(t, s, "large", fields(t, "a", `"`+strings.Repeat("x", 18_000)+`"`), c.In(time.Hour))
	if !live(t, s, "old but live") || s.Evicted() != 0 || len(evicted) != 0 {
		t.Errorf("evicted %q (%d) while expired records were there", evicted, s.Evicted())
	}
}

// A Save looks at a limited number of due records. Here those were all extended, so
// that it is the order of use that leads to the one that has expired.
func TestRemovingAnExpiredRecordIsNoEviction(t *testing.T) {
	const extended = 100
	c := newClock()
	s := memstore.New(&memstore.Options{Now: c.Now, MaxRecords: extended + 1, OnEvict: func(key string) { t.Errorf("evicted %q", key) }})
	create(t, s, "expired", store.Fields{}, c.In(time.Minute))
	for i := range extended {
		create(t, s, fmt.Sprint(i), store.Fields{}, c.In(time.Second))
		save(t, s, fmt.Sprint(i), store.Change{ExpiresAt: c.In(time.Hour)})
	}
	c.Advance(2 * time.Minute)
	create(t, s, "new", store.Fields{}, c.In(time.Hour))
	if s.Evicted() != 0 || s.Len() != extended+1 || !live(t, s, "0") {
		t.Errorf("%d evicted, %d records held", s.Evicted(), s.Len())
	}
}

func TestOnEvictMayCallTheStore(t *testing.T) {
	end := time.Now().Add(time.Hour)
	var s *memstore.Store
	var found []bool
	s = memstore.New(&memstore.Options{MaxRecords: 1, OnEvict: func(key string) {
		found = append(found, live(t, s, key), live(t, s, "b"))
		if err := s.Delete(ctx, "b"); err != nil {
			t.Error(err)
		}
	}})
	create(t, s, "a", store.Fields{}, end)
	create(t, s, "b", store.Fields{}, end)
	if !slices.Equal(found, []bool{false, true}) || s.Len() != 0 {
		t.Errorf("evicted record and new one found: %v; %d records left", found, s.Len())
	}
}

func TestBoundsOverManyPartsAreNeverExceeded(t *testing.T) {
	for _, tc := range []struct {
		opts  memstore.Options
		parts int
	}{
		{memstore.Options{}, 256},
		{memstore.Options{MaxRecords: -1, MaxBytes: -1}, 256},
		{memstore.Options{MaxRecords: 1}, 1},
		{memstore.Options{MaxRecords: 8191}, 1},
		{memstore.Options{MaxRecords: 8192}, 2},
		{memstore.Options{MaxRecords: 1 << 30}, 256},
		{memstore.Options{MaxBytes: 32<<20 - 1}, 1},
		{memstore.Options{MaxBytes: 64 << 20}, 4},
		{memstore.Options{MaxRecords: 1 << 30, MaxBytes: 1}, 1},
	} {
		if got := memstore.New(&tc.opts).Parts(); got != tc.parts {
			t.Errorf("%+v: %d parts, want %d", tc.opts, got, tc.parts)
		}
	}
	s := memstore.New(&memstore.Options{MaxRecords: 16_385})
	end := time.Now().Add(time.Hour)
	for i := range 20_000 {
		create(t, s, fmt.Sprint(i), store.Fields{}, end)
	}
	if n := s.Len(); n > 16_385 || n < 16_000 {
		t.Errorf("%d records held of at most 16385, after 20000", n)
	}
	if got := uint64(s.Len()) + s.Evicted(); got != 20_000 {
		t.Errorf("held and evicted are %d of 20000", got)
	}
}

func TestNegativeBoundsAreNone(t *testing.T) {
	s := memstore.New(&memstore.Options{MaxRecords: -5, MaxBytes: -5})
	for i := range 100 {
		create(t, s, fmt.Sprint(i), store.Fields{}, time.Now().Add(time.Hour))
	}
	if s.Len() != 100 || s.Evicted() != 0 {
		t.Errorf("%d records held, %d evicted", s.Len(), s.Evicted())
	}
}
