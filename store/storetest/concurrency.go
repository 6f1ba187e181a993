package storetest

import (
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
)

var concurrencyChecks = []check{
	// Everything at once on a few keys. Which answer each call gets is a matter of
	// chance, but it is one of the four, and records are whole.
	{"Store 1", "all-calls-at-once", func(t *trial) {
		keys := []string{t.key(), t.key(), t.key()}
		t.require(together(16, func(worker int) error {
			for i := range 30 {
				key := keys[rand.IntN(len(keys))]
				n := number(worker*100 + i)
				whole := fields("a", n, "b", n)
				if _, err := t.store.Save(t.ctx, key, store.Change{Create: true, Set: whole, Owner: &n, ExpiresAt: later()}); err != nil && !errors.Is(err, store.ErrExists) {
					return seen("Create, with others on the same keys: the error was %q", err)
				}
				if _, err := t.store.Save(t.ctx, key, store.Change{Set: whole, Owner: &n}); err != nil && !errors.Is(err, store.ErrNotFound) {
					return seen("Save, with others on the same keys: the error was %q", err)
				}
				rec, err := t.store.Load(t.ctx, key)
				if err != nil && !errors.Is(err, store.ErrNotFound) {
					return seen("Load, with others on the same keys: the error was %q", err)
				}
				a, _ := rec.Fields.Get("a")
				if b, _ := rec.Fields.Get("b"); err == nil && (a != b || a != rec.Owner) {
					return seen("Load, with others on the same keys: fields and owner that are saved together are %q, %q and %q", a, b, rec.Owner)
				}
				if i%5 != 0 {
					continue
				}
				if err := t.store.Delete(t.ctx, key); err != nil {
					return seen("Delete, with others on the same keys: the error was %q", err)
				}
			}
			return nil
		}))
	}},
}

// together calls f from n goroutines that start at once, and returns one error of
// theirs, a breach rather than anything else.
func together(n int, f func(i int) error) error {
	var wg sync.WaitGroup
	start := make(chan struct{})
	errs := make([]error, n)
	for i := range n {
		wg.Go(func() {
			<-start
			errs[i] = f(i)
		})
	}
	close(start)
	wg.Wait()
	var b breach
	if errors.As(errors.Join(errs...), &b) {
		return b
	}
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// beside calls write so many times while three others call read. They read a few times
// in a row and wait ever longer until the next write has returned, so that a slow store
// is not asked without end. In a bubble, time passes by the sleeps only.
func beside(times int, write func(n int) error, read func() error) error {
	const blip = 10 * time.Microsecond
	var written atomic.Int64
	var done atomic.Bool
	return together(4, func(i int) error {
		if i == 0 {
			defer done.Store(true)
			for n := range times {
				if err := write(n); err != nil {
					return err
				}
				written.Add(1)
				time.Sleep(blip)
			}
			return nil
		}
		wait, last := blip, int64(0)
		for !done.Load() {
			for range 4 {
				if err := read(); err != nil {
					return err
				}
			}
			time.Sleep(wait)
			wait *= 4
			if now := written.Load(); now != last {
				wait, last = blip, now
			}
		}
		return nil
	})
}

// within is for calls that a held lock would block for ever. Their goroutine is left
// behind then, until the lock is let go.
func within(what string, f func() error) error {
	done := make(chan error, 1)
	go func() { done <- f() }()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case err := <-done:
		return err
	case <-timer.C:
		return seen("%s had not returned after %v", what, patience)
	}
}
