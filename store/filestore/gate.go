package filestore

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"time"
)

const (
	// patience is how long a call waits for a lock when its context sets no earlier end.
	patience = 30 * time.Second
	// The pauses between two tries grow from the first to the longest, with chance in them.
	// The longest is short: a process with a queue of writers lets go of a lock for a few
	// microseconds at a time, and one that seldom looks would hardly ever find it free.
	firstPause   = 50 * time.Microsecond
	longestPause = 250 * time.Microsecond
)

// A gate is what the writers of one directory pass, one at a time. Those in this process
// queue up, and the first in the queue takes the lock that other processes see. It asks for
// that again and again, since a wait inside flock could not be ended with a context.
type gate chan struct{}

func newGate() gate { return make(gate, 1) }

// enter waits until nobody else writes to dir. The caller must call leave and close dir,
// which ends the lock, unless there is an error.
func (g gate) enter(ctx context.Context, dir *os.File) error {
	waiting, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	select {
	case g <- struct{}{}:
	case <-waiting.Done():
		return tooLong(ctx, dir)
	}
	for pause := firstPause; ; pause = min(2*pause, longestPause) {
		held, err := tryLock(dir)
		switch {
		case held:
			return nil
		case err != nil:
			g.leave()
			return err
		}
		timer := time.NewTimer(pause/2 + rand.N(pause/2))
		select {
		case <-timer.C:
		case <-waiting.Done():
			timer.Stop()
			g.leave()
			return tooLong(ctx, dir)
		}
	}
}

func (g gate) leave() { <-g }

func tooLong(ctx context.Context, dir *os.File) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("waiting for the lock of %s: %w", dir.Name(), err)
	}
	return fmt.Errorf("the lock of %s was not free for %v: look for a process that was stopped while it wrote", dir.Name(), patience)
}
