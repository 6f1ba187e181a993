package kvstore

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"
)

func TestTurnsLeaveNothingBehindAndAreNeverShared(t *testing.T) {
	var turns turns
	var holders [3]int // each guarded by the turn for its key
	var wg sync.WaitGroup
	for i := range 200 {
		wg.Go(func() {
			key := i % len(holders)
			ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i)*10*time.Microsecond)
			defer cancel()
			if turns.take(ctx, fmt.Sprint(key)) != nil {
				return
			}
			defer turns.leave(fmt.Sprint(key))
			holders[key]++
			if holders[key] != 1 {
				t.Errorf("%d have the turn", holders[key])
			}
			time.Sleep(50 * time.Microsecond)
			holders[key]--
		})
	}
	wg.Wait()
	if len(turns.keys) != 0 {
		t.Errorf("left behind: %v", turns.keys)
	}
}
