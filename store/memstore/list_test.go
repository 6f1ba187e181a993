package memstore_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/memstore"
)

// The loop's body saves and deletes: a lock held meanwhile would stop it for ever. Each
// record it meets comes back at once as a new one, in a slot that may lie ahead.
func TestWalkYieldsEachKeyOnceWhileRecordsComeAndGo(t *testing.T) {
	for name, walk := range map[string]func(*memstore.Store) func(func(string, error) bool){
		"List":      func(s *memstore.Store) func(func(string, error) bool) { return s.List(ctx) },
		"ListOwner": func(s *memstore.Store) func(func(string, error) bool) { return s.ListOwner(ctx, "u1") },
	} {
		t.Run(name, func(t *testing.T) {
			s := memstore.New(nil)
			s.Collide(1) // two long lists of slots
			end, owner := time.Now().Add(time.Hour), "u1"
			change := store.Change{Create: true, ExpiresAt: end, Owner: &owner}
			for i := range 500 {
				save(t, s, fmt.Sprint("stays", i), change)
				save(t, s, fmt.Sprint("comes and goes", i), change)
			}
			seen := make(map[string]int)
			last := ""
			for key, err := range walk(s) {
				if err != nil {
					t.Fatal(err)
				}
				if seen[key]++; len(seen) > 10_000 {
					t.Fatal("the walk goes on into records that came after it began")
				}
				save(t, s, fmt.Sprint("comes meanwhile", len(seen)), change)
				if key[0] == 'c' {
					// The slot freed last is used next, so these two change places.
					for _, key := range []string{last, key} {
						if err := s.Delete(ctx, key); err != nil {
							t.Fatal(err)
						}
					}
					save(t, s, key, change)
					if last != "" {
						save(t, s, last, change)
					}
					last = key
				}
			}
			for i := range 500 {
				if key := fmt.Sprint("stays", i); seen[key] == 0 {
					t.Errorf("%q was live all the time and not yielded", key)
				}
			}
			for key, times := range seen {
				if times > 1 {
					t.Errorf("%q was yielded %d times", key, times)
				}
			}
		})
	}
}

func TestWalkMayBeLeftEarly(t *testing.T) {
	s := memstore.New(nil)
	owner := "u1"
	for i := range 10 {
		save(t, s, fmt.Sprint(i), store.Change{Create: true, ExpiresAt: time.Now().Add(time.Hour), Owner: &owner})
	}
	for range s.List(ctx) {
		break
	}
	for range s.ListOwner(ctx, owner) {
		break
	}
	save(t, s, "0", store.Change{})
}

func TestWalkEndsWithItsContext(t *testing.T) {
	s := memstore.New(nil)
	owner := "u1"
	for i := range 1000 {
		save(t, s, fmt.Sprint(i), store.Change{Create: true, ExpiresAt: time.Now().Add(time.Hour), Owner: &owner})
	}
	for name, walk := range map[string]func(context.Context) func(func(string, error) bool){
		"List":      func(ctx context.Context) func(func(string, error) bool) { return s.List(ctx) },
		"ListOwner": func(ctx context.Context) func(func(string, error) bool) { return s.ListOwner(ctx, owner) },
	} {
		for _, ends := range []int{0, 7} {
			var keys int
			var got error
			for key, err := range walk(&endingContext{Context: ctx, ends: ends}) {
				switch {
				case got != nil:
					t.Errorf("%s went on after %v", name, got)
				case err != nil && key != "":
					t.Errorf("%s yielded %q with %v", name, key, err)
				case err != nil:
					got = err
				default:
					keys++
				}
			}
			if !errors.Is(got, context.Canceled) || keys == 1000 || keys > 0 != (ends > 0) {
				t.Errorf("%s with a context that ends after %d questions: %d keys, %v", name, ends, keys, got)
			}
		}
	}
}

// The slot of a record that has gone may hold one of the same owner by now. It was not
// there when the walk began, and its key may have been yielded already.
func TestOwnerWalkTellsRecordsInOneSlotApart(t *testing.T) {
	s := memstore.New(nil)
	s.Collide(0)
	owner := "u1"
	change := store.Change{Create: true, ExpiresAt: time.Now().Add(time.Hour), Owner: &owner}
	save(t, s, "a", change)
	save(t, s, "b", change)
	var got []string
	for key, err := range s.ListOwner(ctx, owner) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, key)
		if len(got) == 1 {
			for _, key := range []string{"a", "b"} {
				if err := s.Delete(ctx, key); err != nil {
					t.Fatal(err)
				}
			}
			save(t, s, "a", change)
			save(t, s, "b", change)
		}
	}
	if len(got) != 1 {
		t.Errorf("yielded %q: the records that came later are others", got)
	}
}

func TestOwnerIndexForgetsWhatHasGone(t *testing.T) {
	for how, end := range map[string]func(*memstore.Store, *clock, string){
		"deleted": func(s *memstore.Store, _ *clock, key string) { _ = s.Delete(ctx, key) },
		"expired and swept": func(s *memstore.Store, c *clock, _ string) {
			c.Advance(time.Hour)
			_, _ = s.Sweep(ctx, 10)
		},
		"expired and dropped by another Save": func(s *memstore.Store, c *clock, _ string) {
			c.Advance(time.Hour)
			_, _ = s.Save(ctx, "other", store.Change{Create: true, ExpiresAt: c.In(time.Hour)})
		},
		"ended by a Save": func(s *memstore.Store, c *clock, key string) {
			_, _ = s.Save(ctx, key, store.Change{ExpiresAt: c.In(-time.Hour)})
		},
		"evicted": func(s *memstore.Store, c *clock, _ string) {
			for i := range 10 {
				_, _ = s.Save(ctx, fmt.Sprint("other", i), store.Change{Create: true, ExpiresAt: c.In(time.Hour)})
			}
		},
		"signed out": func(s *memstore.Store, _ *clock, key string) {
			_, _ = s.Save(ctx, key, store.Change{Owner: new(string)})
		},
	} {
		t.Run(how, func(t *testing.T) {
			c := newClock()
			s := memstore.New(&memstore.Options{Now: c.Now, MaxRecords: 10})
			for round := range 100 {
				key, owner := fmt.Sprint("key", round), fmt.Sprint("user", round)
				save(t, s, key, store.Change{Create: true, Owner: &owner, ExpiresAt: c.In(time.Minute)})
				if got := sorted(t, s.ListOwner(ctx, owner)); !slices.Equal(got, []string{key}) {
					t.Fatalf("ListOwner: %q, want %q", got, key)
				}
				end(s, c, key)
				if got := sorted(t, s.ListOwner(ctx, owner)); len(got) != 0 || s.Owners() != 0 {
					t.Fatalf("round %d: ListOwner yields %q, %d owners are known", round, got, s.Owners())
				}
				if err := s.Check(); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}
