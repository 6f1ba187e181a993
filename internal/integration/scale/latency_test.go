package scale

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
)

// batch is how many calls in a row are done on one of the two.
const batch = 50

// rounds is how many batches of an operation there are on each of the two.
func rounds() int {
	if measuring() {
		return 60
	}
	return 2
}

// A comparison is the median of calls on few and on many sessions.
type comparison struct{ few, many time.Duration }

func (c comparison) String() string {
	return fmt.Sprintf("%v with %d sessions, %v with all: x%.2f",
		c.few.Round(time.Microsecond/10), few, c.many.Round(time.Microsecond/10), float64(c.many)/float64(c.few))
}

// An operation is done with one session, and returns how long it took.
type operation func(ctx context.Context, s store.Store, n int) (time.Duration, error)

// inTurns measures an operation on few sessions and on n, by turns.
func inTurns(t *testing.T, small, large store.Store, n int, op operation) comparison {
	t.Helper()
	var took [2][]time.Duration
	for round := range rounds() + 1 {
		for _, which := range []int{round % 2, 1 - round%2} {
			s, count := small, few
			if which == 1 {
				s, count = large, n
			}
			for range batch {
				d, err := op(t.Context(), s, rand.IntN(count))
				if err != nil {
					t.Fatal(err)
				}
				if round > 0 { // the first one is there to get warm
					took[which] = append(took[which], d)
				}
			}
		}
	}
	return comparison{quantile(took[0], 0.5), quantile(took[1], 0.5)}
}

func load(ctx context.Context, s store.Store, n int) (time.Duration, error) {
	key := keyOf(n)
	began := time.Now()
	rec, err := s.Load(ctx, key)
	took := time.Since(began)
	if err == nil && rec.Fields.Len() == 0 {
		err = fmt.Errorf("session %d is empty", n)
	}
	return took, err
}

// save counts a visit as the manager would: with what it has loaded as the base.
func save(ctx context.Context, s store.Store, n int) (time.Duration, error) {
	key := keyOf(n)
	rec, err := s.Load(ctx, key)
	if err != nil {
		return 0, err
	}
	visits, _ := rec.Fields.Get("visits")
	count, err := strconv.Atoi(visits)
	if err != nil {
		return 0, err
	}
	set, err := store.NewFields(store.Field{Name: "visits", Value: strconv.Itoa(count + 1)})
	if err != nil {
		return 0, err
	}
	change := store.Change{
		If:   []store.Condition{{Name: "$epoch", Value: "1"}, {Name: "visits", Value: visits}},
		Base: &rec, Set: set,
	}
	began := time.Now()
	_, err = s.Save(ctx, key, change)
	return time.Since(began), err
}

// quantile returns the duration that a share of them does not exceed.
func quantile(took []time.Duration, share float64) time.Duration {
	if len(took) == 0 {
		return 0
	}
	slices.Sort(took)
	return took[min(int(float64(len(took))*share), len(took)-1)]
}
