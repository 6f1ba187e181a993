package redisstore

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/redis/rueidis"
)

// A line is the way to Redis. It sees to it that a call ends when its context does, which
// rueidis does not promise: a call can wait without looking at its context while another
// one connects, or when the queue of a connection is full.
//
// A call in a goroutine of its own can be left behind, but costs half as much again. So
// that is done only when something is wrong: for a while after an error, and when many
// calls are under way.
type line struct {
	client rueidis.Client
	direct calls
	wary   atomic.Int64  // no direct calls until then, in Unix nanoseconds; 0 when all is well
	guards chan struct{} // holds one for each call in a goroutine of its own
}

const (
	// Together these are fewer than rueidis queues for one connection, so that no direct
	// call can meet a full queue.
	maxDirect  = 256
	maxGuarded = 512
	// caution is longer than rueidis takes to give up a connection that hangs.
	caution = 30 * time.Second
)

func newLine(client rueidis.Client) *line {
	return &line{client: client, guards: make(chan struct{}, maxGuarded)}
}

// repeatable marks a command that changes nothing: the client may send it again when the
// connection breaks. It is pinned, which keeps the client from using its memory for another
// command: what writes to the broken connection may still be reading it.
func repeatable(cmd rueidis.Completed) rueidis.Completed { return cmd.ToRetryable().Pin() }

// do sends a command.
func (l *line) do(ctx context.Context, cmd rueidis.Completed) rueidis.RedisResult {
	if c := l.enter(ctx); c != nil {
		answer := l.client.Do(c, cmd)
		l.leave(c, answer.NonRedisError())
		return answer
	}
	return guardedOne(ctx, l, func() rueidis.RedisResult { return l.client.Do(ctx, cmd) })
}

// cached is do with an answer that may be so old.
func (l *line) cached(ctx context.Context, cmd rueidis.Cacheable, old time.Duration) rueidis.RedisResult {
	if c := l.enter(ctx); c != nil {
		answer := l.client.DoCache(c, cmd, old)
		l.leave(c, answer.NonRedisError())
		return answer
	}
	return guardedOne(ctx, l, func() rueidis.RedisResult { return l.client.DoCache(ctx, cmd, old) })
}

// all sends commands together, in a Cluster to several nodes at once. There is an answer
// to each.
func (l *line) all(ctx context.Context, cmds ...rueidis.Completed) []rueidis.RedisResult {
	if c := l.enter(ctx); c != nil {
		answers := l.client.DoMulti(c, cmds...)
		l.leave(c, failure(answers))
		return answers
	}
	answers, err := guarded(ctx, l, func() ([]rueidis.RedisResult, error) {
		answers := l.client.DoMulti(ctx, cmds...)
		return answers, failure(answers)
	})
	if err != nil {
		answers = make([]rueidis.RedisResult, len(cmds))
		for i := range answers {
			answers[i] = rueidis.NewErrorResult(err)
		}
	}
	return answers
}

// failure returns the first error that is none of Redis' own.
func failure(answers []rueidis.RedisResult) error {
	for _, a := range answers {
		if err := a.NonRedisError(); err != nil {
			return err
		}
	}
	return nil
}

// enter returns the context for a direct call, after which leave must be called, or nil
// when there may be none.
func (l *line) enter(ctx context.Context) *call {
	if wary := l.wary.Load(); wary != 0 {
		if time.Now().UnixNano() < wary {
			return nil
		}
		l.wary.CompareAndSwap(wary, 0)
	}
	return l.direct.begin(ctx)
}

// leave ends a direct call. err is what kept Redis from answering.
func (l *line) leave(c *call, err error) {
	ended := c.Err()
	c.finish()
	if errors.Is(ended, context.Canceled) {
		// That a client has left says nothing about Redis, but rueidis still has the command
		// in its queue, and nobody knows for how long.
		time.AfterFunc(caution, func() { c.busy.Store(false) })
		return
	}
	c.busy.Store(false)
	l.learn(err)
}

// learn draws the lesson from what kept Redis from answering.
func (l *line) learn(err error) {
	if err != nil {
		l.wary.Store(time.Now().Add(caution).UnixNano())
	}
}

// guarded calls f in a goroutine that is left behind when ctx ends first, which is the only
// error of guarded itself. f returns the error of its answer as well.
func guarded[T any](ctx context.Context, l *line, f func() (T, error)) (answer T, err error) {
	select {
	case l.guards <- struct{}{}:
	case <-ctx.Done():
		return answer, ctx.Err()
	}
	done := make(chan T, 1)
	go func() {
		answer, err := f()
		<-l.guards
		if !errors.Is(ctx.Err(), context.Canceled) {
			l.learn(err)
		}
		done <- answer
	}()
	select {
	case answer = <-done:
		return answer, nil
	case <-ctx.Done():
		return answer, ctx.Err()
	}
}

// guardedOne is guarded for one answer.
func guardedOne(ctx context.Context, l *line, f func() rueidis.RedisResult) rueidis.RedisResult {
	answer, err := guarded(ctx, l, func() (rueidis.RedisResult, error) {
		answer := f()
		return answer, answer.NonRedisError()
	})
	if err != nil {
		return rueidis.NewErrorResult(err)
	}
	return answer
}
