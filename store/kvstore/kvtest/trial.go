package kvtest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/kvstore"
)

const (
	// crowd is how many callers race in the checks that race.
	crowd = 32
	// patience bounds every wait. It is far above what a KV needs, also on a busy machine:
	// only one that would never answer meets it.
	patience = 15 * time.Second
	// grain is how exact a server may keep times. It is two seconds where one keeps whole
	// seconds and rounds both the clock and the expiry.
	grain = 2 * time.Second
)

// A trial is one check under way.
type trial struct {
	ctx     context.Context
	kv      kvstore.KV
	verdict error

	mu   sync.Mutex
	keys []string
}

// A breach is what a check saw of a broken rule.
type breach string

func (b breach) Error() string { return string(b) }

func seen(format string, args ...any) error { return breach(fmt.Sprintf(format, args...)) }

// failed is the error for a call that should have succeeded. An answer is a breach; anything
// else is an outage, which says nothing about a rule.
func failed(err error, format string, args ...any) error {
	what := fmt.Sprintf(format, args...)
	if errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrConflict) {
		return seen("%s: the error was %q", what, err)
	}
	return fmt.Errorf("%s: %w", what, err)
}

// answer demands a certain error.
func answer(err, want error, format string, args ...any) error {
	if errors.Is(err, want) {
		return nil
	}
	return seen("%s: the error was %v, want %q", fmt.Sprintf(format, args...), quoted(err), want)
}

func quoted(err error) string {
	if err == nil {
		return "nil"
	}
	return strconv.Quote(err.Error())
}

// require ends the check when err is not nil. Only the goroutine of the check may call it;
// others return their error to it.
func (t *trial) require(err error) {
	if err != nil {
		t.verdict = err
		panic(err)
	}
}

func (t *trial) broken(format string, args ...any) { t.require(seen(format, args...)) }

func (t *trial) answer(err, want error, format string, args ...any) {
	t.require(answer(err, want, format, args...))
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

// cleanUp deletes as far as it can.
func (t *trial) cleanUp() {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.ctx), patience)
	defer cancel()
	for _, key := range t.keys {
		_ = t.kv.Delete(ctx, key)
	}
}

// later is an expiry that no check lives to see.
func later() time.Time { return time.Now().Add(time.Hour) }

// past is an expiry that every server's clock has passed.
func past() time.Time { return time.Now().Add(-time.Hour) }

// lasting is an entry that no check lives to see the end of.
func lasting(value string) kvstore.Entry { return kvstore.Entry{Value: value, ExpiresAt: later()} }

// create puts an entry at a fresh key. That it can is a condition for the check, not what is
// checked.
func (t *trial) create(value string) (key string) {
	key = t.key()
	t.createAt(key, lasting(value))
	return key
}

func (t *trial) createAt(key string, e kvstore.Entry) {
	if err := t.kv.CompareAndSwap(t.ctx, key, nil, e); err != nil {
		t.require(failed(err, "CompareAndSwap from nothing, at a free key"))
	}
}

// get returns the entry that must be at key.
func (t *trial) get(key, when string) kvstore.Entry {
	e, err := t.kv.Get(t.ctx, key)
	if err != nil {
		t.require(failed(err, "Get %s", when))
	}
	return e
}

// holds demands the value at key.
func (t *trial) holds(key, value, when string) {
	if e := t.get(key, when); e.Value != value {
		t.broken("Get %s returned %s, want %s", when, short(e.Value), short(value))
	}
}

// swap makes a change that must succeed.
func (t *trial) swap(key string, old *kvstore.Entry, next kvstore.Entry, what string) {
	if err := t.kv.CompareAndSwap(t.ctx, key, old, next); err != nil {
		t.require(failed(err, "CompareAndSwap %s", what))
	}
}

func (t *trial) delete(key string) {
	if err := t.kv.Delete(t.ctx, key); err != nil {
		t.require(failed(err, "Delete"))
	}
}

// gone demands that there is no live entry at key that had the value.
func (t *trial) gone(key, value, when string) {
	_, err := t.kv.Get(t.ctx, key)
	t.answer(err, store.ErrNotFound, "Get %s", when)
	err = t.kv.CompareAndSwap(t.ctx, key, &kvstore.Entry{Value: value}, lasting("back"))
	t.answer(err, store.ErrConflict, "CompareAndSwap from the last value, %s", when)
	_, err = t.kv.Get(t.ctx, key)
	t.answer(err, store.ErrNotFound, "Get %s, after a CompareAndSwap that failed", when)
}

// together calls f from n goroutines that start at once, and returns one error of theirs, a
// breach rather than anything else.
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
	if err := errors.Join(errs...); !errors.As(err, &b) {
		return err
	}
	return b
}

func number(n int) string { return strconv.Itoa(n) }

func short(value string) string {
	if len(value) <= 80 {
		return strconv.Quote(value)
	}
	return fmt.Sprintf("%.80q... (%d bytes)", value, len(value))
}
