package explorer

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
)

// A gate is a store that holds each call of a request until the schedule has it happen.
type gate struct{ inner store.Store }

// errOver makes requests give up: of a record that is gone nothing is asked again, and of
// any other error the manager asks for as long as there is time.
var errOver = fmt.Errorf("the schedule is over: %w", store.ErrNotFound)

type requestKey struct{}

func requestOf(ctx context.Context) *request {
	r, _ := ctx.Value(requestKey{}).(*request)
	return r
}

// Unwrap lets the manager find what the store offers beyond the contract.
func (g gate) Unwrap() store.Store { return g.inner }

// A call is something that a request wants of the store.
type call struct {
	verb   string // "load", "save", "delete", "sweep", or what a broken store does in between
	key    string
	change *store.Change

	mu      sync.Mutex
	version uint64 // of the record, as the store answered
	err     error
	done    bool
}

// end keeps the answer.
func (c *call) end(version uint64, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.version, c.err, c.done = version, err, true
}

// answer returns what came of the call. It is not done when the store does not come back.
func (c *call) answer() (version uint64, err error, done bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.version, c.err, c.done
}

// hold blocks until it is the call's turn. Calls of nobody, which are those of the
// preparations and the checks, pass.
func hold(ctx context.Context, c *call) error {
	r := requestOf(ctx)
	if r == nil {
		return nil
	}
	if r.over.Load() {
		return errOver
	}
	if r.busy.IsZero() {
		r.busy = time.Now()
	}
	r.at.Store(c)
	<-r.turn
	r.at.Store(nil)
	if r.over.Load() {
		return errOver
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls = append(r.calls, c)
	return nil
}

func (g gate) Load(ctx context.Context, key string) (store.Record, error) {
	c := &call{verb: "load", key: key}
	if err := hold(ctx, c); err != nil {
		return store.Record{}, err
	}
	rec, err := g.inner.Load(ctx, key)
	c.end(rec.Version, err)
	return rec, err
}

func (g gate) Save(ctx context.Context, key string, change store.Change) (uint64, error) {
	c := &call{verb: "save", key: key, change: &change}
	if err := hold(ctx, c); err != nil {
		return 0, err
	}
	version, err := g.inner.Save(ctx, key, change)
	c.end(version, err)
	return version, err
}

func (g gate) Delete(ctx context.Context, key string) error {
	c := &call{verb: "delete", key: key}
	if err := hold(ctx, c); err != nil {
		return err
	}
	err := g.inner.Delete(ctx, key)
	c.end(0, err)
	return err
}

func (g gate) Sweep(ctx context.Context, limit int) (removed int, err error) {
	c := &call{verb: "sweep"}
	if err := hold(ctx, c); err != nil {
		return 0, err
	}
	if sweeper, ok := store.As[store.Sweeper](g.inner); ok {
		removed, err = sweeper.Sweep(ctx, limit)
	}
	c.end(0, err)
	return removed, err
}

// describe says what the call is, with names instead of keys.
func (c *call) describe(name func(key string) string) string {
	if c.key == "" {
		return c.verb
	}
	b := strings.Builder{}
	b.WriteString(c.verb + " " + name(c.key))
	if c.change == nil {
		return b.String()
	}
	if c.change.Create {
		b.WriteString(", as a new record")
	}
	for _, cond := range c.change.If {
		if cond.Absent {
			b.WriteString(", if no " + cond.Name)
		} else {
			b.WriteString(", if " + cond.Name + "=" + short(cond.Value))
		}
	}
	for _, field := range c.change.Unset {
		b.WriteString(", unset " + field)
	}
	for field, value := range c.change.Set.All() {
		b.WriteString(", set " + field + "=" + short(value))
	}
	if c.change.Owner != nil {
		b.WriteString(", owner " + *c.change.Owner)
	}
	return b.String()
}

// result says what came of the call.
func (c *call) result() string {
	switch _, err, done := c.answer(); {
	case !done:
		return "no answer"
	case errors.Is(err, store.ErrNotFound):
		return "no such record"
	case errors.Is(err, store.ErrConflict):
		return "a condition does not hold"
	case errors.Is(err, store.ErrExists):
		return "the record exists already"
	case err != nil:
		return err.Error()
	}
	return "ok"
}

// short keeps hashes and times from filling the line.
func short(value string) string {
	if len(value) > 12 {
		return value[:6] + "..."
	}
	return value
}
