package cloakroom

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// A callContext bounds one store call, or a few that belong together. It does what
// context.WithTimeout does, but looks at the clock and makes a timer only for a store
// that asks for its deadline or its channel: one that answers from memory never does.
type callContext struct {
	context.Context // the request's, or one that outlives it
	left            time.Duration

	mu     sync.Mutex
	polled bool
	began  time.Time       // zero until the store asks
	timed  context.Context // nil until Done is called
	cancel context.CancelFunc
}

// start begins the time that is left, if it has not begun, and returns its end, or that
// of the parent when that comes first. The caller holds mu.
func (c *callContext) start() time.Time {
	if c.began.IsZero() {
		c.began = time.Now()
	}
	end := c.began.Add(c.left)
	if d, ok := c.Context.Deadline(); ok && d.Before(end) {
		return d
	}
	return end
}

func (c *callContext) Deadline() (time.Time, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.start(), true
}

func (c *callContext) Done() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.timed == nil {
		c.timed, c.cancel = context.WithDeadline(c.Context, c.start())
	}
	return c.timed.Done()
}

func (c *callContext) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.timed != nil {
		return c.timed.Err()
	}
	if err := c.Context.Err(); err != nil {
		return err
	}
	// Stores look before they begin. One that looks again may be going round in circles.
	if c.polled && !time.Now().Before(c.start()) {
		return context.DeadlineExceeded
	}
	c.polled = true
	return nil
}

// end frees the timer, and returns how long the store took if it may have waited. The
// context must not be used any more.
func (c *callContext) end() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cancel != nil {
		c.cancel()
	}
	if c.began.IsZero() {
		return 0
	}
	return time.Since(c.began)
}

// A budget is the time that the store calls of one request may take together.
type budget struct {
	total time.Duration
	used  atomic.Int64 // nanoseconds
}

func (b *budget) left() time.Duration { return b.total - time.Duration(b.used.Load()) }

func (b *budget) reset() { b.used.Store(0) }

// spend calls f with a context that ends when parent does and when the budget is used
// up, but leaves it least even then.
func (b *budget) spend(c *callContext, parent context.Context, least time.Duration, f func(context.Context) error) error {
	c.Context, c.left = parent, max(b.left(), least)
	err := f(c)
	b.used.Add(int64(c.end()))
	return err
}

// detach returns a context with the values and the deadline of ctx that goes on when
// ctx is cancelled: what was begun for a client is carried through when it leaves.
func detach(ctx context.Context) context.Context {
	free := context.WithoutCancel(ctx)
	if d, ok := ctx.Deadline(); ok {
		return &deadlineContext{free, d}
	}
	return free
}

// A deadlineContext states a deadline that a callContext around it keeps.
type deadlineContext struct {
	context.Context
	deadline time.Time
}

func (d *deadlineContext) Deadline() (time.Time, bool) { return d.deadline, true }
