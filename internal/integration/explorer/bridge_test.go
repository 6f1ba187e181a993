package explorer

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/memstore"
)

func TestMistakesAreFoundAcrossTheBridge(t *testing.T) {
	some := []string{
		"a store that revives what was destroyed",
		"a store that ignores conditions loses a count",
		"a manager that keeps the epoch",
		"a store that edits what has expired",
		"a store that panics",
	}
	for _, m := range mistakes {
		if !slices.Contains(some, m.name) {
			continue
		}
		t.Run(m.name, func(t *testing.T) {
			b := bridgeTo(t, m.make())
			synctest.Test(t, func(t *testing.T) {
				schedules, found := explore(b, m.settings(), false)
				if found == nil {
					t.Fatalf("nothing was found in %d schedules", schedules)
				}
				if found.promise != m.promise || found.steps != m.steps {
					t.Errorf("found in %d steps:\n%v", found.steps, found)
				}
			})
		})
	}
}

// A server is a store whose calls take real time.
type server struct{ store.Store }

func (s server) Load(ctx context.Context, key string) (store.Record, error) {
	select {
	case <-time.After(time.Millisecond):
		return s.Store.Load(ctx, key)
	case <-ctx.Done():
		return store.Record{}, ctx.Err()
	}
}

func TestTheBubbleRestsOnlyWhenTheServerHasAnswered(t *testing.T) {
	b := bridgeTo(t, server{memstore.New(nil)})
	synctest.Test(t, func(t *testing.T) {
		b.begin()
		began := time.Now()
		for range 20 {
			answered := false
			go func() {
				_, _ = b.Load(t.Context(), "k")
				answered = true
			}()
			synctest.Wait()
			if !answered {
				t.Fatal("the bubble rests, and there is no answer yet")
			}
		}
		if passed := time.Since(began); passed != 0 {
			t.Errorf("%v have passed in the bubble, want none", passed)
		}
	})
}

func TestTimeThatPassesInTheBubblePassesForTheServer(t *testing.T) {
	b := bridgeTo(t, newTable())
	synctest.Test(t, func(t *testing.T) {
		b.begin()
		ctx := t.Context()
		end := time.Now().Add(time.Minute)
		for _, key := range []string{"short", "long"} {
			if _, err := b.Save(ctx, key, store.Change{Create: true, ExpiresAt: end}); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(50 * time.Second)
		later := end.Add(time.Minute)
		if _, err := b.Save(ctx, "long", store.Change{ExpiresAt: later}); err != nil {
			t.Fatal(err)
		}
		for key, want := range map[string]time.Time{"short": end, "long": later} {
			if rec, err := b.Load(ctx, key); err != nil || !rec.ExpiresAt.Equal(want) {
				t.Errorf("after 50 s %s ends at %v, %v, want %v", key, rec.ExpiresAt, err, want)
			}
		}
		time.Sleep(11 * time.Second)
		if _, err := b.Load(ctx, "short"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("Load of what has expired: %v", err)
		}
		if _, err := b.Save(ctx, "short", store.Change{ExpiresAt: later}); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("Save to what has expired: %v", err)
		}
		if removed, err := b.Sweep(ctx, 10); removed != 1 || err != nil {
			t.Errorf("Sweep has removed %d, %v, want one record", removed, err)
		}
		if rec, err := b.Load(ctx, "long"); err != nil || !rec.ExpiresAt.Equal(later) {
			t.Errorf("after 61 s long ends at %v, %v, want %v", rec.ExpiresAt, err, later)
		}
	})
}

func TestTheEndOfAContextCrossesTheBridge(t *testing.T) {
	b := bridgeTo(t, server{memstore.New(nil)})
	synctest.Test(t, func(t *testing.T) {
		b.begin()
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := b.Load(ended, "k"); err == nil || errors.Is(err, store.ErrNotFound) {
			t.Errorf("with a context that has ended: %v", err)
		}
		soon, cancel := context.WithTimeout(t.Context(), time.Microsecond)
		defer cancel()
		if _, err := b.Load(soon, "k"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("with a deadline before the answer: %v", err)
		}
	})
}
