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
// one connects, when the queue of a connection is full, or when it is alone on one.
//
// A call in a goroutine of its own can be left behind, but costs half as much again. So
// that is done only when something is wrong: for a while after an error, and when so many
// calls are under way that queues may be full.
type line struct {
	client   rueidis.Client
	underway atomic.Int64 // calls that have not returned, and calls left behind lately
	wary     atomic.Int64 // until then, in Unix nanoseconds; 0 when all is well
}

const (
	// manyCalls is half of what rueidis queues for one connection.
	manyCalls = 512
	// tooManyCalls bounds what is left behind when Redis hangs.
	tooManyCalls = 8192
	// caution is longer than rueidis takes to give up a connection that hangs.
	caution = 30 * time.Second
)

var errTooManyCalls = errors.New("too many calls wait for Redis, which does not answer")

// do sends a command. The command may be sent although ctx has ended meanwhile.
func (l *line) do(ctx context.Context, cmd rueidis.Completed) rueidis.RedisResult {
	if l.enter() {
		answer := l.client.Do(ctx, cmd)
		l.leave(ctx, answer.NonRedisError())
		return answer
	}
	answer, err := guarded(ctx, l, func() (rueidis.RedisResult, error) {
		answer := l.client.Do(ctx, cmd)
		return answer, answer.NonRedisError()
	})
	if err != nil {
		return rueidis.NewErrorResult(err)
	}
	return answer
}

// cached is do with an answer that may be up to old.
func (l *line) cached(ctx context.Context, cmd rueidis.Cacheable, old time.Duration) rueidis.RedisResult {
	if l.enter() {
		answer := l.client.DoCache(ctx, cmd, old)
		l.leave(ctx, answer.NonRedisError())
		return answer
	}
	answer, err := guarded(ctx, l, func() (rueidis.RedisResult, error) {
		answer := l.client.DoCache(ctx, cmd, old)
		return answer, answer.NonRedisError()
	})
	if err != nil {
		return rueidis.NewErrorResult(err)
	}
	return answer
}

// all sends commands together, in a Cluster to several nodes at once. There is an answer
// to each.
func (l *line) all(ctx context.Context, cmds ...rueidis.Completed) []rueidis.RedisResult {
	l.enter()
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

// enter counts a call, and reports whether it needs no goroutine of its own.
func (l *line) enter() bool {
	if l.underway.Add(1) > manyCalls {
		return false
	}
	wary := l.wary.Load()
	if wary == 0 {
		return true
	}
	if time.Now().UnixNano() < wary {
		return false
	}
	l.wary.CompareAndSwap(wary, 0)
	return true
}

// leave ends a call that entered. err is what kept Redis from answering.
func (l *line) leave(ctx context.Context, err error) {
	switch {
	case err == nil:
		l.underway.Add(-1)
	case errors.Is(ctx.Err(), context.Canceled):
		// A client that has left says nothing about Redis, but rueidis still has the command
		// in its queue: nobody says for how long.
		time.AfterFunc(caution, func() { l.underway.Add(-1) })
	default:
		l.underway.Add(-1)
		l.wary.Store(time.Now().Add(caution).UnixNano())
	}
}

// guarded calls f in a goroutine that is left behind when ctx ends first. The caller has
// entered. An error of f is f's to tell; the one that guarded returns is about f itself.
func guarded[T any](ctx context.Context, l *line, f func() (T, error)) (answer T, err error) {
	if l.underway.Load() > tooManyCalls {
		l.underway.Add(-1)
		return answer, errTooManyCalls
	}
	done := make(chan T, 1)
	go func() {
		answer, err := f()
		l.underway.Add(-1)
		if err != nil && !errors.Is(ctx.Err(), context.Canceled) {
			l.wary.Store(time.Now().Add(caution).UnixNano())
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
