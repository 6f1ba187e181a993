package redisstore

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/redis/rueidis"

	"github.com/cloakroom-go/cloakroom/store"
)

// foreign is the error for what is no record.
func foreign(at, found string) error {
	return fmt.Errorf("%w: at the Redis key %q is %s: delete it, or use another prefix", store.ErrMalformed, at, found)
}

// problem makes of an error in an answer about a key what the caller is to be told.
func (l *line) problem(ctx context.Context, at string, err error) error {
	switch {
	case tooOld(err):
		return fmt.Errorf("the server is older than Redis 7.0, which this store needs: %w", err)
	case !wrongType(err):
		return outage(ctx, err)
	}
	kind, err := l.do(ctx, l.client.B().Arbitrary("TYPE").Keys(at).Build()).ToString()
	if err != nil {
		kind = "value of another type"
	}
	return foreign(at, "a "+kind)
}

func wrongType(err error) bool {
	refused, ok := rueidis.IsRedisErr(err)
	return ok && strings.HasPrefix(refused.Error(), "WRONGTYPE")
}

// tooOld reports whether a server has choked on the first line of a script.
func tooOld(err error) bool {
	refused, ok := rueidis.IsRedisErr(err)
	return ok && strings.Contains(refused.Error(), "near '#'")
}

// describe says what a script has refused to edit.
func (l *line) describe(ctx context.Context, at string) error {
	_, err := l.record(ctx, at)
	if err == nil || errors.Is(err, store.ErrNotFound) {
		return foreign(at, "a hash that is no session, or was none a moment ago")
	}
	return err
}

// outage makes sure that err says that ctx has ended when it has, and that it says so
// only then: rueidis lets several calls share one attempt to connect, and the end of one
// is an error for all of them.
func outage(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	end := ctx.Err()
	if deadline, ok := ctx.Deadline(); ok && end == nil && !time.Now().Before(deadline) {
		end = context.DeadlineExceeded // rueidis may look at the clock before the timer does
	}
	switch {
	case end != nil && !errors.Is(err, end):
		return fmt.Errorf("%w: %w", end, err)
	case end == nil && (errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)):
		return fmt.Errorf("not connected: another call that tried has given up: %v", err)
	}
	return err
}
