package explorer

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
)

// A bridge is the store in a bubble that stands for one outside of it. A client of a
// server cannot live in a bubble: its goroutines wait for the network, so the bubble would
// never come to rest, and the server's clock is not the bubble's.
//
// The bridge hands each call to a goroutine outside and waits for the answer. It waits on
// a channel that was made outside, which the bubble does not take for rest: so nothing
// else happens meanwhile, and the clock of the bubble stands still.
//
// Times are moved from the one clock to the other. When time has passed in the bubble that
// has not passed outside, the bridge makes the records of the schedule older by that much,
// with a Save that names nothing but ExpiresAt: for the server, that is the same. It
// raises their versions, so who comes with a Base after that is told to read again.
type bridge struct {
	outside store.Store
	mu      sync.Mutex // one call at a time
	jobs    chan job   // both made outside
	done    chan any   // what the job has panicked with

	offset time.Duration       // from the bubble's clock to the server's
	keys   map[string]struct{} // of records that may be live
}

// A job is a call on its way.
type job struct {
	call func(context.Context)
	left time.Duration // until its context ends
}

// patience is how long a server may take for one call, which is milliseconds when all is
// well. Without an end, a schedule in which it hangs could not be told.
const patience = 30 * time.Second

// By how much the bubble's clock may be ahead before the records are made older: more than
// the waits between attempts, and less than what a leap ends a session by. And by how much
// it may be behind, on a slow machine, before they are made younger: less than what a
// session outlives a leap by.
const (
	ahead  = 500 * time.Millisecond
	behind = 5 * time.Second
)

// bridgeTo must be called outside the bubble. The bridge is taken down when t ends.
func bridgeTo(t *testing.T, outside store.Store) *bridge {
	b := &bridge{outside: outside, jobs: make(chan job), done: make(chan any)}
	go func() {
		for j := range b.jobs {
			b.done <- j.do()
		}
	}()
	t.Cleanup(func() { close(b.jobs) })
	return b
}

// do runs outside the bubble.
func (j job) do() (panicked any) {
	defer func() { panicked = recover() }()
	ctx, cancel := context.WithTimeout(context.Background(), j.left)
	defer cancel()
	j.call(ctx)
	return nil
}

// begin forgets the records of the schedule before, and sets the bubble's clock to the
// server's.
func (b *bridge) begin() {
	b.mu.Lock()
	defer b.mu.Unlock()
	here := time.Now()
	b.send(job{func(context.Context) { b.offset, b.keys = difference(here), map[string]struct{}{} }, patience})
}

// cross has a call happen outside, once the server has caught up with the bubble's clock.
// While it does, no time passes in the bubble and nobody runs who could cancel ctx, so its
// end is known before.
func (b *bridge) cross(ctx context.Context, call func(context.Context) error) (err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	here, left := time.Now(), patience
	if deadline, ok := ctx.Deadline(); ok {
		left = min(left, time.Until(deadline))
	}
	if ctx.Err() != nil {
		left = 0
	}
	b.send(job{func(ctx context.Context) {
		if err = b.catchUp(here); err == nil {
			err = call(ctx)
		}
	}, left})
	return err
}

func (b *bridge) send(j job) {
	b.jobs <- j
	if panicked := <-b.done; panicked != nil {
		panic(panicked)
	}
}

// What follows happens outside, where time.Now is the server's.

// difference is from here to the server's clock, in whole milliseconds: stores keep no less.
func difference(here time.Time) time.Duration {
	return time.Duration(time.Now().UnixMilli()-here.UnixMilli()) * time.Millisecond
}

// catchUp makes the records older by the time that has passed in the bubble only.
func (b *bridge) catchUp(here time.Time) error {
	late := b.offset - difference(here)
	if -behind < late && late < ahead {
		return nil
	}
	b.offset -= late
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for _, key := range slices.Sorted(maps.Keys(b.keys)) {
		switch err := makeOlder(ctx, b.outside, key, late); {
		case errors.Is(err, store.ErrNotFound):
			delete(b.keys, key)
		case err != nil:
			return fmt.Errorf("bridge: let %v pass: %w", late, err)
		}
	}
	return nil
}

// makeOlder has a record end that much sooner. One that would have ended already gets a
// moment more and is waited for: it shall expire, which a Save with an end in the past
// need not be to a store.
func makeOlder(ctx context.Context, s store.Store, key string, by time.Duration) error {
	rec, err := s.Load(ctx, key)
	if err != nil {
		return err
	}
	end := rec.ExpiresAt.Add(-by)
	soon := time.Now().Add(2 * time.Millisecond)
	if end.Before(soon) {
		end = soon
		defer func() { time.Sleep(time.Until(end) + time.Millisecond) }()
	}
	_, err = s.Save(ctx, key, store.Change{ExpiresAt: end})
	return err
}

// in and out move a time from one clock to the other.
func (b *bridge) in(t time.Time) time.Time { return t.Round(0).Add(-b.offset) }

func (b *bridge) out(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return t.Round(0).Add(b.offset)
}

func (b *bridge) Load(ctx context.Context, key string) (rec store.Record, err error) {
	err = b.cross(ctx, func(ctx context.Context) error {
		rec, err = b.outside.Load(ctx, key)
		if err == nil {
			rec.ExpiresAt = b.in(rec.ExpiresAt)
		}
		return err
	})
	return rec, err
}

func (b *bridge) Save(ctx context.Context, key string, change store.Change) (version uint64, err error) {
	err = b.cross(ctx, func(ctx context.Context) error {
		change.ExpiresAt = b.out(change.ExpiresAt)
		if change.Base != nil {
			base := *change.Base
			base.ExpiresAt = b.out(base.ExpiresAt)
			change.Base = &base
		}
		b.keys[key] = struct{}{}
		version, err = b.outside.Save(ctx, key, change)
		return err
	})
	return version, err
}

func (b *bridge) Delete(ctx context.Context, key string) error {
	return b.cross(ctx, func(ctx context.Context) error { return b.outside.Delete(ctx, key) })
}

// Sweep does nothing for a server that removes what has expired by itself.
func (b *bridge) Sweep(ctx context.Context, limit int) (removed int, err error) {
	sweeper, ok := store.As[store.Sweeper](b.outside)
	if !ok {
		return 0, nil
	}
	err = b.cross(ctx, func(ctx context.Context) error {
		removed, err = sweeper.Sweep(ctx, limit)
		return err
	})
	return removed, err
}
