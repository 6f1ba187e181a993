package storetest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
)

const (
	// crowd is how many callers race in the checks that race.
	crowd = 64
	// patience bounds every wait. It is far above what a store needs, also on a busy
	// machine: only a store that would never answer meets it.
	patience = 15 * time.Second
	// blink is enough for any clock to move on. A created version starts from the
	// clock (see store.Apply) and each Save adds one, so a record that is deleted and
	// created again within as many microseconds as it had Saves is not yet above.
	blink = 2 * time.Millisecond
)

// A trial is one check under way.
type trial struct {
	ctx     context.Context
	store   store.Store
	verdict error

	mu   sync.Mutex
	keys []string
}

// A breach is what a check saw of a broken rule.
type breach string

func (b breach) Error() string { return string(b) }

func seen(format string, args ...any) error { return breach(fmt.Sprintf(format, args...)) }

// failed is the error for a call that should have succeeded. One of package store's
// answers is a breach; anything else is an outage, which says nothing about a rule.
func failed(err error, format string, args ...any) error {
	if b, ok := err.(breach); ok {
		return b
	}
	what := fmt.Sprintf(format, args...)
	for _, answer := range []error{store.ErrNotFound, store.ErrExists, store.ErrConflict, store.ErrMalformed} {
		if errors.Is(err, answer) {
			return seen("%s: the error was %q", what, err)
		}
	}
	return fmt.Errorf("%s: %w", what, err)
}

// require ends the check when err is not nil. Only the goroutine of the check may call
// it, and not inside a walk of the store; others return their error to it.
func (t *trial) require(err error) {
	if err != nil {
		t.verdict = err
		panic(err)
	}
}

func (t *trial) broken(format string, args ...any) { t.require(seen(format, args...)) }

// needs makes a check of an optional interface.
func needs[T any](run func(*trial, T)) func(*trial) {
	return func(t *trial) {
		optional, ok := store.As[T](t.store)
		if !ok {
			t.require(fmt.Errorf("the store has no %v, so its rules are not checked: %w", reflect.TypeFor[T](), errors.ErrUnsupported))
		}
		run(t, optional)
	}
}

// own has key deleted when the check is over.
func (t *trial) own(key string) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.keys = append(t.keys, key)
	return key
}

// key returns a key that nobody else has.
func (t *trial) key() string { return t.own(rand.Text()) }

// cleanUp deletes as far as it can: what is left expires.
func (t *trial) cleanUp() {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.ctx), patience)
	defer cancel()
	keys := slices.Compact(slices.Sorted(slices.Values(t.keys)))
	_ = together(16, func(i int) error {
		for n := i; n < len(keys); n += 16 {
			if err := t.store.Delete(ctx, keys[n]); err != nil {
				return err
			}
		}
		return nil
	})
}
