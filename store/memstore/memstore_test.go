package memstore_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"
	"unsafe"

	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/memstore"
	"github.com/cloakroom-go/cloakroom/store/storetest"
)

func TestStoreKeepsTheContract(t *testing.T) {
	for name, newStore := range map[string]func() *memstore.Store{
		"defaults": func() *memstore.Store { return memstore.New(nil) },
		"bounded": func() *memstore.Store {
			return memstore.New(&memstore.Options{MaxRecords: 1 << 20, MaxBytes: 1 << 30})
		},
		"one part": func() *memstore.Store { return memstore.New(&memstore.Options{MaxRecords: 8191}) },
		"equal hashes": func() *memstore.Store {
			s := memstore.New(nil)
			s.Collide(0)
			return s
		},
	} {
		t.Run(name, func(t *testing.T) {
			storetest.Run(t, func(*testing.T) store.Store { return newStore() })
		})
	}
}

func TestOptionsAreCopied(t *testing.T) {
	c := newClock()
	opts := memstore.Options{Now: c.Now, MaxRecords: 1}
	s := memstore.New(&opts)
	opts.Now, opts.MaxRecords = time.Now, 0
	create(t, s, "a", store.Fields{}, c.In(time.Minute))
	create(t, s, "b", store.Fields{}, c.In(time.Minute))
	if s.Len() != 1 || !live(t, s, "b") {
		t.Error("options changed after New have an effect")
	}
}

// The manager's key is a piece of the token, and the rest of the token is secret. An
// owner may be a piece of a login form. A reference to a piece keeps the whole.
func TestNoStringOfTheCallersIsKept(t *testing.T) {
	s := memstore.New(nil)
	form := strings.Repeat("user", 10) + "secret"
	owner := form[:40]
	for _, length := range []int{1, 20, memstore.InlineKey, memstore.InlineKey + 1, 60} {
		token := strings.Repeat("k", length) + "secret"
		key := token[:length]
		save(t, s, key, store.Change{Create: true, Owner: &owner, ExpiresAt: time.Now().Add(time.Hour)})
		longKey, held := s.Held(key)
		if length <= memstore.InlineKey != (longKey == "") || longKey != "" && longKey != key {
			t.Errorf("key of %d bytes: %q is held apart from the slot", length, longKey)
		}
		if shares(longKey, token) || shares(held, form) || held != owner {
			t.Errorf("key of %d bytes: the store holds the caller's memory", length)
		}
		for _, walk := range []func(func(string, error) bool){s.List(ctx), s.ListOwner(ctx, owner)} {
			for listed := range walk {
				if shares(listed, token) {
					t.Errorf("key of %d bytes: a walk yields the caller's memory", length)
				}
			}
		}
	}
}

// shares reports whether part lies in the memory of whole.
func shares(part, whole string) bool {
	at, from := uintptr(unsafe.Pointer(unsafe.StringData(part))), uintptr(unsafe.Pointer(unsafe.StringData(whole)))
	return part != "" && at >= from && at < from+uintptr(len(whole))
}

func TestKeysOfAllLengthsAreTold(t *testing.T) {
	for _, mask := range []uint64{0, ^uint64(0)} {
		s := memstore.New(nil)
		s.Collide(mask)
		for length := 1; length <= 256; length++ {
			key := strings.Repeat("k", length)
			create(t, s, key, fields(t, "length", fmt.Sprint(length)), time.Now().Add(time.Hour))
			// The same but for its last byte.
			create(t, s, key[1:]+"x", fields(t, "length", fmt.Sprint(-length)), time.Now().Add(time.Hour))
		}
		for length := 1; length <= 256; length++ {
			key := strings.Repeat("k", length)
			for key, want := range map[string]store.Fields{key: fields(t, "length", fmt.Sprint(length)), key[1:] + "x": fields(t, "length", fmt.Sprint(-length))} {
				if rec, err := s.Load(ctx, key); err != nil || rec.Fields != want {
					t.Errorf("key of %d bytes: %v, %v", length, rec.Fields, err)
				}
			}
		}
		if got := sorted(t, s.List(ctx)); len(got) != 512 {
			t.Errorf("List yields %d keys of 512", len(got))
		}
	}
}

func TestPlacesAreUsedAgain(t *testing.T) {
	s := memstore.New(nil)
	s.Collide(0)
	owner := "u1"
	change := store.Change{Create: true, Owner: &owner, ExpiresAt: time.Now().Add(time.Hour)}
	round := func() {
		for i := range 100 {
			save(t, s, fmt.Sprint("a-key-that-does-not-fit-into-its-slot", i), change)
		}
		for i := range 100 {
			if err := s.Delete(ctx, fmt.Sprint("a-key-that-does-not-fit-into-its-slot", i)); err != nil {
				t.Fatal(err)
			}
		}
	}
	round()
	before := s.Places()
	for range 20 {
		round()
	}
	if after := s.Places(); after != before || s.Len() != 0 {
		t.Errorf("places for %d records and owners, then %d", before, after)
	}
	if err := s.Check(); err != nil {
		t.Error(err)
	}
}

func TestLoadAllocatesNothing(t *testing.T) {
	for name, opts := range map[string]*memstore.Options{
		"defaults": nil,
		"bounded":  {MaxRecords: 100, MaxBytes: 100_000},
	} {
		s := memstore.New(opts)
		owner := "u1"
		set := fields(t, "a", "1", "b", "2")
		save(t, s, "k", store.Change{Create: true, Owner: &owner, Set: set, ExpiresAt: time.Now().Add(time.Hour)})
		if n := testing.AllocsPerRun(100, func() { _, _ = s.Load(ctx, "k") }); n != 0 {
			t.Errorf("%s: Load allocates %v times", name, n)
		}
		if n := testing.AllocsPerRun(100, func() { _, _ = s.Load(ctx, "nobody's") }); n != 0 {
			t.Errorf("%s: Load of nothing allocates %v times", name, n)
		}
		change := store.Change{Set: fields(t, "b", "3"), ExpiresAt: time.Now().Add(2 * time.Hour)}
		if n := testing.AllocsPerRun(100, func() { _, _ = s.Save(ctx, "k", change) }); n > 1 {
			t.Errorf("%s: Save allocates %v times; merging the fields takes one", name, n)
		}
	}
}

func TestEndedContextChangesNothing(t *testing.T) {
	ended, cancel := context.WithCancel(ctx)
	cancel()
	s := memstore.New(nil)
	create(t, s, "k", store.Fields{}, time.Now().Add(time.Hour))
	_, loadErr := s.Load(ended, "k")
	_, fieldsErr := s.LoadFields(ended, "k", "a")
	_, saveErr := s.Save(ended, "k2", store.Change{Create: true, ExpiresAt: time.Now().Add(time.Hour)})
	for call, err := range map[string]error{
		"Load": loadErr, "LoadFields": fieldsErr, "Save": saveErr, "Delete": s.Delete(ended, "k"), "Ping": s.Ping(ended),
	} {
		if !errors.Is(err, context.Canceled) || !strings.HasPrefix(err.Error(), "memstore: ") {
			t.Errorf("%s: %v", call, err)
		}
	}
	if !live(t, s, "k") || s.Len() != 1 {
		t.Error("something was changed")
	}
	if err := s.Ping(ctx); err != nil {
		t.Error(err)
	}
}

// Everything at once on few keys, for the race detector; then the store must still be
// in agreement with itself.
func TestConcurrentCallsLeaveTheStoreInAgreement(t *testing.T) {
	var s *memstore.Store
	for name, opts := range map[string]*memstore.Options{
		"defaults": {},
		"bounded":  {MaxRecords: 40, MaxBytes: 20_000, OnEvict: func(key string) { _, _ = s.Load(ctx, key) }},
	} {
		t.Run(name, func(t *testing.T) {
			c := newClock()
			opts.Now = c.Now
			s = memstore.New(opts)
			const workers, rounds = 8, 400
			var wg sync.WaitGroup
			for w := range workers {
				wg.Go(func() {
					for i := range rounds {
						key, owner := fmt.Sprint("key", (w+i)%60), fmt.Sprint("user", i%5)
						_, _ = s.Save(ctx, key, store.Change{Create: i%2 == 0, Owner: &owner, ExpiresAt: c.In(time.Duration(i%7) * time.Second)})
						switch i % 10 {
						case 0:
							_, _ = s.Sweep(ctx, 10)
							c.Advance(time.Second)
						case 1:
							for range s.List(ctx) {
								_, _ = s.Load(ctx, key)
							}
						case 2:
							for key := range s.ListOwner(ctx, owner) {
								_ = s.Delete(ctx, key)
							}
						default:
							_, _ = s.Load(ctx, key)
						}
					}
				})
			}
			wg.Wait()
			if err := s.Check(); err != nil {
				t.Error(err)
			}
		})
	}
}
