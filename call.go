package cloakroom

import (
	"context"
	"sync"
	"time"
)

// A callContext bounds one store call, or a few that belong together. It does what
// context.WithDeadline does, but makes the timer and its channel only for a store that
// asks for them: one that answers from memory never does.
type callContext struct {
	context.Context // the request's, or one that outlives it
	deadline        time.Time

	mu     sync.Mutex
	timed  context.Context // nil until Done is called
	cancel context.CancelFunc
}

func (c *callContext) Deadline() (time.Time, bool) { return c.deadline, true }

func (c *callContext) Done() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.timed == nil {
		c.timed, c.cancel = context.WithDeadline(c.Context, c.deadline)
	}
	return c.timed.Done()
}

func (c *callContext) Err() error {
	c.mu.Lock()
	timed := c.timed
	c.mu.Unlock()
	if timed != nil {
		return timed.Err()
	}
	if err := c.Context.Err(); err != nil {
		return err
	}
	if !time.Now().Before(c.deadline) {
		return context.DeadlineExceeded
	}
	return nil
}

// end frees the timer. The context must not be used any more.
func (c *callContext) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cancel != nil {
		c.cancel()
	}
}

// A budget is the time that the store calls of one request may take together.
type budget struct {
	total, used time.Duration
}

// spend calls f with a context that ends when parent does and when the budget is used
// up, but leaves it least even then.
func (b *budget) spend(c *callContext, parent context.Context, least time.Duration, f func(context.Context) error) error {
	start := time.Now()
	c.Context, c.deadline = parent, start.Add(max(b.total-b.used, least))
	if d, ok := parent.Deadline(); ok && d.Before(c.deadline) {
		c.deadline = d
	}
	err := f(c)
	c.end()
	b.used += time.Since(start)
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
