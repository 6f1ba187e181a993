package explorer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
)

// A broken store is a table with one mistake.
type broken struct {
	*table
	save   func(ctx context.Context, key string, c store.Change) (uint64, error)
	load   func(ctx context.Context, key string) (store.Record, error)
	delete func(ctx context.Context, key string) error
	sweep  func(ctx context.Context, limit int) (int, error)
}

func (b *broken) Save(ctx context.Context, key string, c store.Change) (uint64, error) {
	if b.save != nil {
		return b.save(ctx, key, c)
	}
	return b.table.Save(ctx, key, c)
}

func (b *broken) Load(ctx context.Context, key string) (store.Record, error) {
	if b.load != nil {
		return b.load(ctx, key)
	}
	return b.table.Load(ctx, key)
}

func (b *broken) Delete(ctx context.Context, key string) error {
	if b.delete != nil {
		return b.delete(ctx, key)
	}
	return b.table.Delete(ctx, key)
}

func (b *broken) Sweep(ctx context.Context, limit int) (int, error) {
	if b.sweep != nil {
		return b.sweep(ctx, limit)
	}
	return b.table.Sweep(ctx, limit)
}

// pause is a step inside a call, for broken stores that need more than one.
func pause(ctx context.Context, verb string) error {
	c := &call{verb: verb}
	c.end(0, nil)
	return hold(ctx, c)
}

// reviving writes to a record that is gone as if it were new.
func reviving() store.Store {
	b := &broken{table: newTable()}
	b.save = func(ctx context.Context, key string, c store.Change) (uint64, error) {
		if _, live := b.get(key); !live && !c.Create {
			c.Create = true
			if c.ExpiresAt.IsZero() {
				c.ExpiresAt = time.Now().Add(idleTimeout)
			}
		}
		return b.table.Save(ctx, key, c)
	}
	return b
}

// lastWriteWins writes the whole record, as the writer had loaded it.
func lastWriteWins() store.Store {
	b := &broken{table: newTable()}
	b.save = func(_ context.Context, key string, c store.Change) (uint64, error) {
		rec, live := b.get(key)
		if live && c.Base != nil {
			rec = *c.Base
		}
		return b.apply(key, rec, live, c)
	}
	return b
}

// slowSave reads and writes in two steps, so that what happens in between is undone.
func slowSave() store.Store {
	b := &broken{table: newTable()}
	b.save = func(ctx context.Context, key string, c store.Change) (uint64, error) {
		rec, live := b.get(key)
		if err := pause(ctx, "the save has read, and writes"); err != nil {
			return 0, err
		}
		return b.apply(key, rec, live, c)
	}
	return b
}

// without drops the conditions on the fields named, or all.
func without(fields ...string) func() store.Store {
	return func() store.Store {
		b := &broken{table: newTable()}
		b.save = func(ctx context.Context, key string, c store.Change) (uint64, error) {
			c.If = slices.DeleteFunc(slices.Clone(c.If), func(cond store.Condition) bool {
				return len(fields) == 0 || slices.Contains(fields, cond.Name)
			})
			return b.table.Save(ctx, key, c)
		}
		return b
	}
}

// forgetting does not write the fields named.
func forgetting(fields ...string) func() store.Store {
	return func() store.Store {
		b := &broken{table: newTable()}
		b.save = func(ctx context.Context, key string, c store.Change) (uint64, error) {
			c.Set = store.Fields{}.With(c.Set)
			var kept []store.Field
			for name, value := range c.Set.All() {
				if !slices.Contains(fields, name) {
					kept = append(kept, store.Field{Name: name, Value: value})
				}
			}
			c.Set, _ = store.NewFields(kept...)
			return b.table.Save(ctx, key, c)
		}
		return b
	}
}

// altering changes every Change.
func altering(alter func(*store.Change)) func() store.Store {
	return func() store.Store {
		b := &broken{table: newTable()}
		b.save = func(ctx context.Context, key string, c store.Change) (uint64, error) {
			alter(&c)
			return b.table.Save(ctx, key, c)
		}
		return b
	}
}

// undead edits records that have expired.
func undead() store.Store {
	b := &broken{table: newTable()}
	b.save = func(_ context.Context, key string, c store.Change) (uint64, error) {
		rec, _ := b.get(key)
		return b.apply(key, rec, rec.Version != 0, c)
	}
	return b
}

// caching answers Load from what it has loaded or saved before.
func caching() store.Store {
	b := &broken{table: newTable()}
	var mu sync.Mutex
	cache := map[string]store.Record{}
	b.load = func(ctx context.Context, key string) (store.Record, error) {
		mu.Lock()
		defer mu.Unlock()
		rec, ok := cache[key]
		if !ok {
			var err error
			if rec, err = b.table.Load(ctx, key); err != nil {
				return rec, err
			}
		}
		cache[key] = rec
		return rec, nil
	}
	b.save = func(ctx context.Context, key string, c store.Change) (uint64, error) {
		version, err := b.table.Save(ctx, key, c)
		mu.Lock()
		defer mu.Unlock()
		delete(cache, key)
		return version, err
	}
	return b
}

// deaf says that it has deleted, and has not.
func deaf() store.Store {
	b := &broken{table: newTable()}
	b.delete = func(context.Context, string) error { return nil }
	return b
}

// dueOnce sweeps by the expiry that a record had at first.
func dueOnce() store.Store {
	b := &broken{table: newTable()}
	due := map[string]time.Time{}
	b.save = func(ctx context.Context, key string, c store.Change) (uint64, error) {
		if c.Create {
			due[key] = c.ExpiresAt
		}
		return b.table.Save(ctx, key, c)
	}
	b.sweep = func(ctx context.Context, _ int) (removed int, err error) {
		for key, at := range due {
			if !time.Now().Before(at) {
				_ = b.Delete(ctx, key)
				removed++
			}
		}
		return removed, nil
	}
	return b
}

// failing answers every Save that is not a Create with err.
func failing(err error) func() store.Store {
	return func() store.Store {
		b := &broken{table: newTable()}
		b.save = func(ctx context.Context, key string, c store.Change) (uint64, error) {
			if !c.Create {
				return 0, err
			}
			return b.table.Save(ctx, key, c)
		}
		return b
	}
}

// panicking panics when a record is deleted.
func panicking() store.Store {
	b := &broken{table: newTable()}
	b.delete = func(context.Context, string) error { panic("no such thing") }
	return b
}

// hanging does not come back from a Save for longer than anybody waits.
func hanging() store.Store {
	b := &broken{table: newTable()}
	b.save = func(ctx context.Context, key string, c store.Change) (uint64, error) {
		if !c.Create {
			time.Sleep(5 * storeTimeout)
		}
		return b.table.Save(ctx, key, c)
	}
	return b
}

// A mistake is a store that the search must find something in, what that is, and after
// how many steps at the earliest. Where it breaks several promises, the programs say
// which is meant; nil stands for all of them.
type mistake struct {
	name     string
	make     func() store.Store
	age      age
	programs []program
	promise  promise
	steps    int
}

var mistakes = []mistake{
	{"a store that revives what was destroyed", reviving, fresh, []program{{load}, {setA}, {updateN}, {destroy}}, final, 6},
	{"a store that revives what has expired", reviving, fresh, nil, expiry, 4},
	{"a store in which the last write wins", lastWriteWins, fresh, nil, notLost, 6},
	{"a store whose delete is undone by a slow save", slowSave, fresh, []program{{setA}, {destroy}}, final, 7},
	{"a store whose save is undone by a slow save", slowSave, fresh, []program{{setA}, {setB}}, notLost, 8},
	{"a store that ignores conditions loses a count", without(), fresh, []program{{updateN}}, notLost, 6},
	{"a store that ignores conditions lets two renewals win", without(), fresh, []program{{renew}}, renewed, 6},
	{"a store that ignores conditions writes past a sign-in", without(), fresh, []program{{setA}, {signInAlice}}, boundary, 6},
	{"a store that ignores conditions lets two owners share", without(), fresh, []program{{signInAlice}, {signInBob}}, boundary, 6},
	{"a manager that does not ask for the epoch", without("$epoch"), fresh, nil, boundary, 6},
	{"a manager that does not ask for the secret", without("$secret"), fresh, nil, renewed, 6},
	{"a manager that does not ask for the value", without("n"), fresh, nil, notLost, 6},
	{"a manager that forgets the previous secret", forgetting("$previous"), fresh, nil, renewed, 6},
	{"a manager that keeps the secret", forgetting("$secret"), fresh, nil, kept, 1},
	{"a manager that keeps the epoch", forgetting("$epoch"), fresh, []program{{setA}, {signInAlice}}, boundary, 6},
	{"a store that forgets who signs in", altering(func(c *store.Change) { c.Owner = nil }), fresh, nil, apart, 3},
	{"a store that does not extend", altering(func(c *store.Change) {
		if !c.Create {
			c.ExpiresAt = time.Time{}
		}
	}), stale, nil, alive, 3},
	{"a store that extends without end", altering(func(c *store.Change) {
		if !c.ExpiresAt.IsZero() {
			c.ExpiresAt = time.Now().Add(2 * lifetime)
		}
	}), fresh, nil, deadline, 1},
	{"a store that edits what has expired", undead, fresh, nil, expiry, 4},
	{"a store that answers from a cache", caching, fresh, []program{{destroy}}, final, 3},
	{"a store that does not delete", deaf, fresh, nil, final, 3},
	{"a store that sweeps what was extended", dueOnce, stale, []program{{load}, {expire}, {sweep}}, sweeping, 5},
	{"a store that is never satisfied", failing(store.ErrConflict), fresh, nil, ends, 3},
	{"a store that fails", failing(errors.New("disk full")), fresh, nil, answered, 3},
	{"a store that hangs", hanging, fresh, nil, ends, 3},
	{"a store that panics", panicking, fresh, nil, ends, 3},
}

// settings returns where to look: one request, two, and three where the programs are few.
func (m mistake) settings() []setting {
	sc := scene{anonymous, m.age, true}
	if m.programs == nil {
		return slices.Concat(alone(sc, programs), pairs(sc, programs, browser))
	}
	return slices.Concat(alone(sc, m.programs), pairs(sc, m.programs, browser), triples(sc, m.programs, browser))
}

func TestSearchFindsTheShortestWayToEveryMistake(t *testing.T) {
	for _, m := range mistakes {
		t.Run(m.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				schedules, found := explore(m.make(), m.settings(), false)
				if found == nil {
					t.Fatalf("nothing was found in %d schedules", schedules)
				}
				t.Logf("%d schedules\n%v", schedules, found)
				if found.promise != m.promise {
					t.Errorf("the promise should be\n%s", m.promise)
				}
				if found.steps != m.steps {
					t.Errorf("there are %d steps, and %d should be enough", found.steps, m.steps)
				}
				for n := range found.steps {
					if !strings.Contains(found.story, fmt.Sprintf("%3d. ", n+1)) {
						t.Errorf("the story leaves step %d out", n+1)
					}
				}
			})
		})
	}
}

// Schedules that differ only in the order of steps that do not depend on each other are
// run once. If a dependence had been overlooked, a search through all orders would find
// something shorter, or something where nothing was found.
func TestNothingIsMissedByRunningEqualSchedulesOnce(t *testing.T) {
	for _, m := range mistakes {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				_, found := explore(m.make(), m.settings(), true)
				if found == nil || found.steps != m.steps {
					t.Errorf("found in %d steps when equal schedules are run once, and in all orders:\n%v", m.steps, found)
				}
			})
		})
	}
	t.Run("no mistake", func(t *testing.T) {
		t.Parallel()
		keepsInEveryOrder(t)
	})
}

func keepsInEveryOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		settings := pairs(scene{anonymous, stale, true}, []program{{updateN}, {renew}, {signInAlice}, {destroy}, {expire}}, fixed)
		all, found := explore(newTable(), settings, true)
		if found != nil {
			t.Fatal(found)
		}
		once, found := explore(newTable(), settings, false)
		if found != nil {
			t.Fatal(found)
		}
		t.Logf("%d schedules stand for %d", once, all)
		if once >= all {
			t.Error("no schedule stands for others")
		}
	})
}
