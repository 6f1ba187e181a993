package storetest

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
)

// What Sweep removes cannot be counted from outside: others may share the store, and
// some stores drop a few records that are due at other times as well. So the checks
// look at live records, which it must leave, and at what it returns.
var sweepChecks = []check{
	{"Sweep", "limit", needs(func(t *trial, s store.Sweeper) {
		due := func(int) store.Change { return store.Change{Create: true, ExpiresAt: past()} }
		for _, limit := range []int{1, 3, 10} {
			t.createMany(30, due)
			removed, err := s.Sweep(t.ctx, limit)
			if err != nil {
				t.require(failed(err, "Sweep"))
			}
			if removed < 0 || removed > limit {
				t.broken("Sweep with the limit %d returned %d", limit, removed)
			}
		}
		t.sweepAll(s)
	})},
	{"Sweep 1", "live-records", needs(func(t *trial, s store.Sweeper) {
		began := time.Now()
		live := t.createMany(40, func(i int) store.Change {
			c := creation("u", "a", number(i))
			c.ExpiresAt = began.Add(time.Duration(i+1) * 30 * time.Second)
			return c
		})
		t.createMany(40, func(int) store.Change { return store.Change{Create: true, ExpiresAt: past()} })
		reserved := t.own("$" + live[0])
		t.createAt(reserved, "")
		t.sweepAll(s)
		for i, key := range live {
			if life := time.Duration(i+1) * 30 * time.Second; time.Since(began) < life-patience {
				t.holds(key, store.Record{Owner: "u", Fields: fields("a", number(i))}, "after Sweep, at a record with a life of %v", life)
			}
		}
		t.holds(reserved, store.Record{}, "after Sweep, at a key that begins with \"$\"")
	})},
	{"Sweep 1", "extended-before", needs(func(t *trial, s store.Sweeper) {
		_, extended := t.brief("u", "a", "1")
		t.sweepAll(s)
		t.holds(extended, store.Record{Owner: "u", Fields: fields("a", "1")}, "after Sweep, at a record that was extended before its first expiry had come")
	})},
	{"Sweep 1", "extended-meanwhile", needs(extendedMeanwhile)},
	{"Sweep 1", "created-meanwhile", needs(createdMeanwhile)},
	{"Sweep 2", "several-at-once", needs(func(t *trial, s store.Sweeper) {
		live := t.createMany(20, func(int) store.Change { return creation("u", "a", "1") })
		t.createMany(100, func(int) store.Change { return store.Change{Create: true, ExpiresAt: past()} })
		t.require(together(8, func(int) error {
			for range 5 {
				removed, err := s.Sweep(t.ctx, 5)
				if err != nil {
					return seen("Sweep, with others sweeping: the error was %q", err)
				}
				if removed < 0 || removed > 5 {
					return seen("Sweep with the limit 5, with others sweeping, returned %d", removed)
				}
			}
			return nil
		}))
		for _, key := range live {
			t.holds(key, store.Record{Owner: "u", Fields: fields("a", "1")}, "after several callers swept at once")
		}
	})},
	{"Sweep 3", "same-answers", needs(func(t *trial, s store.Sweeper) {
		keys := t.createMany(5, func(int) store.Change { return creation("u", "a", "1", "b", "2") })
		for _, key := range keys {
			t.expire(key)
		}
		for _, key := range keys {
			t.gone(key, "of an expired record before Sweep")
		}
		t.sweepAll(s)
		for _, key := range keys {
			t.gone(key, "of an expired record after Sweep")
			t.createAt(key, "", "c", "3")
			t.holds(key, store.Record{Fields: fields("c", "3")}, "created after Sweep where a record had expired")
		}
		t.sweepAll(s)
		for _, key := range keys {
			t.holds(key, store.Record{Fields: fields("c", "3")}, "after another Sweep, created where a record had expired")
		}
	})},
	{"Store 4", "ended-sweep", needs(func(t *trial, s store.Sweeper) {
		t.ended(func(ctx context.Context, how string) error {
			removed, err := s.Sweep(ctx, 1)
			if removed != 0 {
				return seen("Sweep with a context that was %s removed %d records", how, removed)
			}
			return answer(err, ctx.Err(), "Sweep with a context that was %s", how)
		})
	})},
}

// sweepAll sweeps until Sweep says that no more is due.
func (t *trial) sweepAll(s store.Sweeper) {
	const limit, calls = 500, 20_000
	for range calls {
		removed, err := s.Sweep(t.ctx, limit)
		if err != nil {
			t.require(failed(err, "Sweep"))
		}
		if removed < limit {
			return
		}
	}
	t.broken("Sweep returned its limit %d times in a row, as if more than %d records were due", calls, calls*limit)
}

// sweeping calls f while two others sweep, and goes on sweeping until it has returned.
func (t *trial) sweeping(s store.Sweeper, f func() error) {
	var done atomic.Bool
	t.require(together(3, func(i int) error {
		if i == 0 {
			defer done.Store(true)
			return f()
		}
		for !done.Load() {
			if _, err := s.Sweep(t.ctx, 50); err != nil {
				return failed(err, "Sweep")
			}
			time.Sleep(200 * time.Microsecond)
		}
		return nil
	}))
}

// extendedMeanwhile extends records in the moment in which they expire. Either the
// extension came too late, or the record is live.
func extendedMeanwhile(t *trial, s store.Sweeper) {
	const rounds, records = 8, 16
	for range rounds {
		began := time.Now()
		probe := t.create("")
		// Creating takes the longer the slower the store; the lives are longer than that.
		spread := 4*time.Millisecond + time.Since(began)
		end := time.Now().Add(spread * 4)
		keys := t.createMany(records, func(i int) store.Change {
			c := creation("u", "a", number(i))
			c.ExpiresAt = end.Add(rand.N(spread))
			return c
		})
		var extended [records]bool
		t.sweeping(s, func() error {
			return together(records, func(i int) error {
				time.Sleep(time.Until(end.Add(rand.N(spread) - spread/2)))
				_, err := t.store.Save(t.ctx, keys[i], store.Change{ExpiresAt: later(), Set: fields("b", "2")})
				if errors.Is(err, store.ErrNotFound) {
					return nil
				}
				extended[i] = err == nil
				if err != nil {
					return failed(err, "Save of a later expiry")
				}
				return nil
			})
		})
		time.Sleep(time.Until(end.Add(spread)))
		t.sweepAll(s)
		for i, key := range keys {
			if extended[i] {
				t.holds(key, store.Record{Owner: "u", Fields: fields("a", number(i), "b", "2")}, "after the Save of a later expiry succeeded and Sweep ran meanwhile")
			} else {
				_, err := t.store.Load(t.ctx, key)
				t.answer(err, store.ErrNotFound, "Load after the Save of a later expiry failed with ErrNotFound")
			}
		}
		t.delete(probe)
	}
}

// createdMeanwhile creates records where others have expired and are about to be swept.
func createdMeanwhile(t *trial, s store.Sweeper) {
	const rounds, records = 8, 16
	for range rounds {
		keys := t.createMany(records, func(int) store.Change { return store.Change{Create: true, ExpiresAt: past()} })
		t.sweeping(s, func() error {
			return together(records, func(i int) error {
				time.Sleep(rand.N(3 * time.Millisecond))
				if _, err := t.store.Save(t.ctx, keys[i], creation("u", "a", "1")); err != nil {
					return failed(err, "Create where a record has expired")
				}
				return nil
			})
		})
		for _, key := range keys {
			t.holds(key, store.Record{Owner: "u", Fields: fields("a", "1")}, "created where a record had expired, while Sweep ran")
		}
	}
}
