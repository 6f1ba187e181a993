package redisstore

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// A call is the context of a direct call. A timer and a channel for each would cost more
// than all else that a call needs here; so calls are kept and used again, and one timer
// looks after all that are under way.
type call struct {
	busy atomic.Bool

	mu       sync.Mutex
	ctx      context.Context // the caller's; nil when the call is over
	deadline time.Time
	done     chan struct{}
	err      error // why done is closed
}

// begin makes the call that of ctx.
func (c *call) begin(ctx context.Context) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ctx = ctx
	c.deadline, _ = ctx.Deadline()
	if c.done == nil {
		c.done = make(chan struct{})
	}
}

// finish ends the call. It can be used again when it is not busy any more.
func (c *call) finish() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		c.done, c.err = nil, nil
	}
	c.ctx = nil
}

// look ends the call's context if the caller's has ended.
func (c *call) look(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ctx == nil || c.err != nil {
		return
	}
	c.err = c.ctx.Err()
	if c.err == nil && !c.deadline.IsZero() && !now.Before(c.deadline) {
		c.err = context.DeadlineExceeded
	}
	if c.err != nil {
		close(c.done)
	}
}

func (c *call) Deadline() (time.Time, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.deadline, !c.deadline.IsZero()
}

func (c *call) Done() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.done
}

func (c *call) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

func (c *call) Value(key any) any {
	c.mu.Lock()
	ctx := c.ctx
	c.mu.Unlock()
	if ctx == nil {
		return nil
	}
	return ctx.Value(key)
}

// calls are those that can be under way at the same time.
type calls struct {
	all      [maxDirect]call
	next     atomic.Uint32
	watching atomic.Bool
}

// watchTick is how late a call may learn that its context has ended.
const watchTick = 20 * time.Millisecond

// begin returns a call for ctx, or nil when there are too many.
func (cs *calls) begin(ctx context.Context) *call {
	first := cs.next.Add(1)
	for i := range uint32(maxDirect) {
		c := &cs.all[(first+i)%maxDirect]
		if c.busy.CompareAndSwap(false, true) {
			c.begin(ctx)
			if !cs.watching.Load() && cs.watching.CompareAndSwap(false, true) {
				time.AfterFunc(watchTick, cs.watch)
			}
			return c
		}
	}
	return nil
}

// watch looks after the calls until there are none.
func (cs *calls) watch() {
	for cs.watching.Load() {
		if cs.look() {
			time.AfterFunc(watchTick, cs.watch)
			return
		}
		cs.watching.Store(false)
		if !cs.look() || !cs.watching.CompareAndSwap(false, true) {
			return
		}
	}
}

// look ends the calls whose time has come, and reports whether there are any calls.
func (cs *calls) look() (any bool) {
	now := time.Now()
	for i := range cs.all {
		if c := &cs.all[i]; c.busy.Load() {
			any = true
			c.look(now)
		}
	}
	return any
}
