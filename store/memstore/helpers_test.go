package memstore_test

import (
	"context"
	"iter"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/memstore"
)

var ctx = context.Background()

// A clock stands still until it is told to move.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func (c *clock) In(d time.Duration) time.Time { return c.Now().Add(d) }

// fields makes Fields of names and values in turn.
func fields(tb testing.TB, pairs ...string) store.Fields {
	tb.Helper()
	list := make([]store.Field, 0, len(pairs)/2)
	for i := 0; i < len(pairs); i += 2 {
		list = append(list, store.Field{Name: pairs[i], Value: pairs[i+1]})
	}
	f, err := store.NewFields(list...)
	if err != nil {
		tb.Fatal(err)
	}
	return f
}

func create(tb testing.TB, s *memstore.Store, key string, set store.Fields, end time.Time) {
	tb.Helper()
	save(tb, s, key, store.Change{Create: true, Set: set, ExpiresAt: end})
}

func save(tb testing.TB, s *memstore.Store, key string, change store.Change) uint64 {
	tb.Helper()
	version, err := s.Save(ctx, key, change)
	if err != nil {
		tb.Fatalf("save %q: %v", key, err)
	}
	return version
}

func live(tb testing.TB, s *memstore.Store, key string) bool {
	tb.Helper()
	_, err := s.Load(ctx, key)
	return err == nil
}

// sorted collects a walk.
func sorted(tb testing.TB, walk iter.Seq2[string, error]) []string {
	tb.Helper()
	var keys []string
	for key, err := range walk {
		if err != nil {
			tb.Fatal(err)
		}
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}
