package ferret_test

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
)

// A live record comes before a condition, also one that a new record cannot fulfil.
func TestACreateMeetsTheRecordBeforeItsConditions(t *testing.T) {
	s := open(t, collection(t, connect(t, server(t).URL())), nil)
	save(t, s, "k", creation(t, "a", "1"))
	c := creation(t, "a", "2")
	for _, c.If = range [][]store.Condition{{{Name: "a", Value: "1"}}, {{Name: "a", Value: "2"}}, {{Name: "a", Absent: true}}} {
		if _, err := s.Save(t.Context(), "k", c); !errors.Is(err, store.ErrExists) {
			t.Errorf("over a live record, if %+v: %v", c.If, err)
		}
	}
}

func TestOneOfManyCreatesOverAnExpiredRecordWins(t *testing.T) {
	coll := collection(t, connect(t, server(t).URL()))
	s := open(t, coll, nil)
	for round := range 10 {
		fill(t, coll, fmt.Sprint("round", round, "-"), 1, time.Now().Add(-time.Minute))
		key := fmt.Sprint("round", round, "-0")
		var won atomic.Int64
		var wg sync.WaitGroup
		start := make(chan struct{})
		for range 16 {
			wg.Go(func() {
				<-start
				switch _, err := s.Save(t.Context(), key, creation(t, "a", "1")); {
				case err == nil:
					won.Add(1)
				case !errors.Is(err, store.ErrExists):
					t.Error(err)
				}
			})
		}
		close(start)
		wg.Wait()
		if n := won.Load(); n != 1 {
			t.Errorf("%d of 16 Creates at once succeeded", n)
		}
	}
}
