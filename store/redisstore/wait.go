package redisstore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/rueidis"
)

// ErrTooFewReplicas is wrapped by the error of a call that was carried out, but not by as
// many replicas in time as Options.WaitReplicas asks for: a failover may undo it.
var ErrTooFewReplicas = errors.New("redisstore: too few replicas have the change")

// waited sends a command on a key and waits until replicas have what it did. WAIT is about
// the connection it is sent on, and blocks it, so both go over one that nobody else uses.
func (s *Store) waited(ctx context.Context, at string, c command) rueidis.RedisResult {
	return guardedOne(ctx, s.line, func() rueidis.RedisResult {
		answer := s.waits(ctx, at, c, false)
		if forgotten(answer) {
			answer = s.waits(ctx, at, c, true)
		}
		return answer
	})
}

func (s *Store) waits(ctx context.Context, at string, c command, eval bool) rueidis.RedisResult {
	client := s.line.client
	var answers []rueidis.RedisResult
	if client.Mode() == rueidis.ClientModeCluster {
		answers = s.waitsInCluster(ctx, at, c, eval)
	} else {
		answers = client.DoMulti(ctx, c(client.B(), eval), s.wait(ctx))
	}
	if changedNothing(answers[0]) {
		return answers[0]
	}
	n, err := answers[1].ToInt64()
	if err == nil && n < int64(s.options.WaitReplicas) {
		err = fmt.Errorf("%w: %d of %d within %v: see that they run, or lower Options.WaitReplicas",
			ErrTooFewReplicas, n, s.options.WaitReplicas, s.options.WaitTimeout)
	}
	if err != nil {
		return rueidis.NewErrorResult(err)
	}
	return answers[0]
}

// changedNothing reports whether a script has refused, so that there is nothing to wait for.
func changedNothing(answer rueidis.RedisResult) bool {
	m, err := answer.ToMessage()
	if err != nil {
		return true
	}
	n, err := m.AsInt64()
	return m.IsInt64() && err == nil && n < 0
}

// wait ends a little before ctx does, so that there is time to say how many there were.
func (s *Store) wait(ctx context.Context) rueidis.Completed {
	patience := s.options.WaitTimeout
	if deadline, ok := ctx.Deadline(); ok {
		patience = min(patience, time.Until(deadline)*7/8)
	}
	b := s.line.client.B()
	return b.Wait().Numreplicas(int64(s.options.WaitReplicas)).Timeout(max(patience.Milliseconds(), 1)).Build()
}

// moving is how long to wait for rueidis to learn of a node that it does not know, and for
// nodes that name each other to agree. maxMoves is how often a slot is followed: each node
// that names another one has done nothing.
const (
	moving   = 50 * time.Millisecond
	maxMoves = 16
)

// waitsInCluster follows the slot of the key by itself: rueidis would follow it with the
// command, and ask another node than that for its replicas.
func (s *Store) waitsInCluster(ctx context.Context, at string, c command, eval bool) []rueidis.RedisResult {
	client := s.line.client
	answers := s.waitsAtMaster(ctx, at, c, eval)
	for move := 0; move < maxMoves && ctx.Err() == nil; move++ {
		refused, ok := rueidis.IsRedisErr(answers[0].Error())
		if !ok {
			break
		}
		addr, asks := refused.IsAsk()
		if !asks {
			if addr, ok = refused.IsMoved(); !ok {
				break
			}
		}
		node, known := client.Nodes()[addr]
		if !known || move > 0 {
			time.Sleep(moving)
		}
		switch {
		case !known:
			answers = s.waitsAtMaster(ctx, at, c, eval)
		case asks:
			answers = node.DoMulti(ctx, client.B().Arbitrary("ASKING").Build(), c(client.B(), eval), s.wait(ctx))[1:]
		default:
			answers = node.DoMulti(ctx, c(client.B(), eval), s.wait(ctx))
		}
	}
	return answers
}

func (s *Store) waitsAtMaster(ctx context.Context, at string, c command, eval bool) []rueidis.RedisResult {
	client := s.line.client
	dedicated, release := client.Dedicate()
	answers := dedicated.DoMulti(ctx, c(client.B(), eval), s.wait(ctx).SetSlot(at))
	if failure(answers) != nil {
		dedicated.Close()
	}
	release()
	return answers
}
