package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
)

const (
	// patience is how long an operation waits for others when its context sets no
	// earlier end.
	patience = 30 * time.Second
	// The pauses between two tries grow from the first to the longest.
	firstPause   = time.Millisecond
	longestPause = 50 * time.Millisecond
)

// patiently calls try until it returns something other than an error that is busy, ctx
// has ended, or patience has. try must have done nothing when it returns a busy error.
func (d *Dialect) patiently(ctx context.Context, try func() error) error {
	err := try()
	if err == nil || !d.busy(err) {
		return err
	}
	busy := err
	end, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for pause := firstPause; ; pause = min(2*pause, longestPause) {
		// Jitter, so that those who wait do not all come back at once.
		timer := time.NewTimer(pause/2 + rand.N(pause/2))
		select {
		case <-end.Done():
			timer.Stop()
			return fmt.Errorf("others are in the way for too long: %w", busy)
		case <-timer.C:
		}
		err := try()
		switch {
		case err == nil:
			return nil
		case d.busy(err):
			busy = err
		case ctx.Err() == nil:
			return err
		} // else: ctx has ended, and busy says why
	}
}

// outage makes sure that err, which a driver may have worded in its own way, says that
// ctx has ended when it has.
func outage(ctx context.Context, err error) error {
	end := ctx.Err()
	if deadline, ok := ctx.Deadline(); ok && end == nil && !time.Now().Before(deadline) {
		end = context.DeadlineExceeded // the timer of a batch may run before that of its writer
	}
	if end != nil && !errors.Is(err, end) {
		return fmt.Errorf("%w: %w", end, err)
	}
	return err
}
