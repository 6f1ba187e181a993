package scale

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
)

const (
	// sweepBatch and sweepPause are those of Manager.Run.
	sweepBatch = 1000
	sweepPause = 50 * time.Millisecond

	readers = 4
)

// quiet is for how long there are loads without a sweep, and loads while a server sweeps by
// itself.
func quiet() time.Duration {
	if measuring() {
		return 5 * time.Second
	}
	return 50 * time.Millisecond
}

// A sweeping is what the slowest loads took without and with a sweep.
type sweeping struct {
	before, during time.Duration
	took           time.Duration
	removed        int // -1 when the server does that by itself
}

func (s sweeping) String() string {
	who := fmt.Sprintf("%d removed in %v", s.removed, s.took.Round(time.Second/10))
	if s.removed < 0 {
		who = "by the server itself"
	}
	return fmt.Sprintf("%s; of loads 99.9%% are within %v before, %v meanwhile",
		who, s.before.Round(time.Microsecond), s.during.Round(time.Microsecond))
}

// sweepTenth has the last tenth of n sessions expire, and sweeps it. filled is how long it
// took to write them all.
func sweepTenth(t *testing.T, s store.Store, n int, filled time.Duration) (out sweeping) {
	t.Helper()
	live := n - n/10
	out.before = slowest(t, s, live, func(ctx context.Context) { wait(ctx, quiet()) })

	end := time.Now().Add(filled/10*3 + quiet()) // when all are marked, as a rule
	each(t, live, n, func(ctx context.Context, i int) error {
		_, err := s.Save(ctx, keyOf(i), store.Change{ExpiresAt: end})
		return err
	})
	wait(t.Context(), time.Until(end))
	began := time.Now()
	out.during = slowest(t, s, live, func(ctx context.Context) {
		if out.removed = sweep(t, ctx, s); out.removed < 0 {
			wait(ctx, quiet())
		}
	})
	out.took = time.Since(began)
	for i := live; i < n; i += max(n/1000, 1) {
		if _, err := s.Load(t.Context(), keyOf(i)); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("session %d, which has expired: %v", i, err)
		}
	}
	if out.removed >= 0 && out.removed != n/10 {
		t.Errorf("%d sessions were swept, want %d", out.removed, n/10)
	}
	return out
}

// sweep does what Manager.Run does, without its long pauses. -1: the server sweeps.
func sweep(t *testing.T, ctx context.Context, s store.Store) (removed int) {
	sweeper, ok := store.As[store.Sweeper](s)
	if !ok {
		return -1
	}
	for {
		n, err := sweeper.Sweep(ctx, sweepBatch)
		if err != nil {
			t.Error(err)
			return removed
		}
		if removed += n; n < sweepBatch {
			return removed
		}
		wait(ctx, sweepPause)
	}
}

func wait(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

// slowest returns what 99.9 % of the loads of live sessions do not exceed while f runs.
func slowest(t *testing.T, s store.Store, live int, f func(context.Context)) time.Duration {
	t.Helper()
	done := make(chan struct{})
	took := make([][]time.Duration, readers)
	var group sync.WaitGroup
	for r := range readers {
		group.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				d, err := load(t.Context(), s, rand.IntN(live))
				if err != nil {
					t.Error(err)
					return
				}
				took[r] = append(took[r], d)
			}
		})
	}
	f(t.Context())
	close(done)
	group.Wait()
	var all []time.Duration
	for _, some := range took {
		all = append(all, some...)
	}
	return quantile(all, 0.999)
}
