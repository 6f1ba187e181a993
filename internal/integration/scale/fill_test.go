package scale

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
)

// writers save at the same time where many sessions are written.
const writers = 64

// keyOf returns the key of the session with a number: 20 characters, spread like the
// random ones of the manager.
func keyOf(n int) string {
	r := rand.New(rand.NewPCG(uint64(n), 20))
	return fmt.Sprintf("%08x%012x", uint32(r.Uint64()), n)
}

// recordOf returns what the manager would keep of a session that is signed in, has a cart
// and was used once more.
func recordOf(n int) (store.Change, error) {
	owner := fmt.Sprintf("user-%07d", n/2) // on two devices
	const ms = 1_770_000_000_000
	fields, err := store.NewFields(
		store.Field{Name: "$created", Value: fmt.Sprint(ms + n)},
		store.Field{Name: "$epoch", Value: "1"},
		store.Field{Name: "$secret", Value: fmt.Sprintf(`"%043d"`, n)},
		store.Field{Name: "$seen", Value: fmt.Sprint(ms + n + 3_600_000)},
		store.Field{Name: "cart", Value: fmt.Sprintf(`[{"sku":"%08d","count":1},{"sku":"%08d","count":3}]`, n, n+1)},
		store.Field{Name: "locale", Value: `"de-CH"`},
		store.Field{Name: "visits", Value: fmt.Sprint(n % 1000)},
	)
	return store.Change{Create: true, Set: fields, Owner: &owner, ExpiresAt: time.Now().Add(24 * time.Hour)}, err
}

// size is how long the fields of a record are as JSON.
func size(t *testing.T) int {
	c, err := recordOf(123456)
	if err != nil {
		t.Fatal(err)
	}
	text, err := c.Set.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	return len(text)
}

// fill saves the sessions 0 to n-1, and returns how long that took.
func fill(t *testing.T, s store.Store, n int) time.Duration {
	t.Helper()
	began := time.Now()
	each(t, 0, n, func(ctx context.Context, i int) error {
		c, err := recordOf(i)
		if err == nil {
			_, err = s.Save(ctx, keyOf(i), c)
		}
		return err
	})
	return time.Since(began)
}

// each calls f for the numbers from first to end-1, by as many goroutines as there are
// writers.
func each(t *testing.T, first, end int, f func(ctx context.Context, i int) error) {
	t.Helper()
	var next atomic.Int64
	next.Store(int64(first))
	var group sync.WaitGroup
	for range writers {
		group.Go(func() {
			for i := int(next.Add(1)) - 1; i < end && !t.Failed(); i = int(next.Add(1)) - 1 {
				if err := f(t.Context(), i); err != nil {
					t.Errorf("session %d: %v", i, err)
				}
			}
		})
	}
	group.Wait()
	if t.Failed() {
		t.FailNow()
	}
}
