package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
)

func fieldsOf(t *testing.T, pairs ...string) store.Fields {
	t.Helper()
	var list []store.Field
	for i := 0; i < len(pairs); i += 2 {
		list = append(list, store.Field{Name: pairs[i], Value: pairs[i+1]})
	}
	f, err := store.NewFields(list...)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func creation(t *testing.T) store.Change {
	return store.Change{Create: true, ExpiresAt: time.Now().Add(time.Hour), Set: fieldsOf(t, "a", "1")}
}

// A call is a Save that runs on a goroutine of its own.
type call struct {
	key     string
	version uint64
	err     error
	after   time.Duration
	done    chan struct{}
}

func start(ctx context.Context, s *Store, key string, change store.Change) *call {
	c := &call{key: key, done: make(chan struct{})}
	began := time.Now()
	go func() {
		defer close(c.done)
		c.version, c.err = s.Save(ctx, key, change)
		c.after = time.Since(began)
	}()
	return c
}

// together has n Saves share one transaction: a Save before them is held in its commit
// until all of them wait, and only then begins what the test put into before.
func together(t *testing.T, s *Store, fake *fakeDB, n int) []*call {
	t.Helper()
	then := fake.before
	gate := make(chan struct{})
	fake.before = func(step, key string) error {
		if step == "commit" {
			<-gate
		}
		return nil
	}
	first := start(t.Context(), s, "first", creation(t))
	synctest.Wait()
	calls := make([]*call, n)
	for i := range calls {
		calls[i] = start(t.Context(), s, fmt.Sprintf("key%d", i), creation(t))
		synctest.Wait() // so that they queue in order
	}
	fake.mu.Lock()
	fake.before, fake.log = then, nil
	fake.mu.Unlock()
	close(gate)
	<-first.done
	if first.err != nil {
		t.Fatal(first.err)
	}
	return calls
}

func TestWritersThatWaitTogetherShareOneCommit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, fake, stop := newFake(t)
		defer stop()
		for _, c := range together(t, s, fake, 15) {
			<-c.done
			if row, ok := fake.row(c.key); c.err != nil || !ok || uint64(row.version) != c.version {
				t.Errorf("%s: %v, version %d, row %+v", c.key, c.err, c.version, row)
			}
		}
		if n := fake.count("commit"); n != 1 {
			t.Errorf("15 writers that waited together made %d commits, want 1", n)
		}
	})
}

func TestABatchIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, fake, stop := newFake(t)
		defer stop()
		for _, c := range together(t, s, fake, 2*maxBatch+1) {
			<-c.done
			if c.err != nil {
				t.Error(c.err)
			}
		}
		if n := fake.count("commit"); n != 3 {
			t.Errorf("%d writers made %d commits, want 3", 2*maxBatch+1, n)
		}
	})
}

func TestEditsOfOneKeyInOneTransactionKeepTheirOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, fake, stop := newFake(t)
		defer stop()
		gate := make(chan struct{})
		fake.before = func(step, key string) error {
			if step == "commit" && key == "" {
				<-gate
			}
			return nil
		}
		var calls []*call
		queue := func(change store.Change) {
			calls = append(calls, start(t.Context(), s, "k", change))
			synctest.Wait()
		}
		start(t.Context(), s, "first", creation(t))
		synctest.Wait()
		queue(store.Change{Set: fieldsOf(t, "early", "1")})
		queue(creation(t))
		queue(creation(t))
		for i := range 5 {
			queue(store.Change{Set: fieldsOf(t, "n", fmt.Sprint(i)), If: []store.Condition{
				{Name: "n", Absent: i == 0, Value: fmt.Sprint(i - 1)},
			}})
		}
		queue(store.Change{If: []store.Condition{{Name: "n", Value: "3"}}})
		close(gate)
		want := []error{store.ErrNotFound, nil, store.ErrExists, nil, nil, nil, nil, nil, store.ErrConflict}
		var last uint64
		for i, c := range calls {
			<-c.done
			if !errors.Is(c.err, want[i]) {
				t.Errorf("call %d: %v, want %v", i, c.err, want[i])
			}
			if want[i] == nil {
				if c.version <= last {
					t.Errorf("call %d: version %d after %d", i, c.version, last)
				}
				last = c.version
			}
		}
		if row, _ := fake.row("k"); row.fields != `{"a":1,"n":4}` || uint64(row.version) != last {
			t.Errorf("stored %+v, want version %d", row, last)
		}
		if n := fake.count("commit"); n != 2 {
			t.Errorf("%d commits, want 2", n)
		}
	})
}

func TestAFailedCommitIsReportedToAllAndNeverRepeated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, fake, stop := newFake(t)
		defer stop()
		lost := errors.New("disk I/O error")
		fake.before = func(step, _ string) error {
			if step == "commit" {
				return lost
			}
			return nil
		}
		for _, c := range together(t, s, fake, 5) {
			<-c.done
			if !errors.Is(c.err, lost) || isAnswer(c.err) || c.version != 0 {
				t.Errorf("%s: version %d, %v, want an outage", c.key, c.version, c.err)
			}
		}
		if commits, inserts := fake.count("commit"), fake.count("insert"); commits != 1 || inserts != 5 {
			t.Errorf("%d commits and %d inserts, want 1 and 5", commits, inserts)
		}
	})
}

func TestACommitThatFoundALockIsNotRepeatedEither(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, fake, stop := newFake(t)
		defer stop()
		fake.before = func(step, _ string) error {
			if step == "commit" {
				return errors.New("database is locked (5) (SQLITE_BUSY)")
			}
			return nil
		}
		if _, err := s.Save(t.Context(), "k", creation(t)); err == nil || isAnswer(err) {
			t.Errorf("%v, want an outage", err)
		}
		if n := fake.count("commit"); n != 1 {
			t.Errorf("%d commits, want 1", n)
		}
	})
}

func TestAPoisonedEditFailsAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, fake, stop := newFake(t)
		defer stop()
		tooBig := errors.New("string or blob too big (18)")
		fake.before = func(step, key string) error {
			if step == "insert" && key == "key2" {
				return tooBig
			}
			return nil
		}
		for _, c := range together(t, s, fake, 5) {
			<-c.done
			_, stored := fake.row(c.key)
			if c.key == "key2" {
				if !errors.Is(c.err, tooBig) || stored {
					t.Errorf("%s: %v, stored %v", c.key, c.err, stored)
				}
			} else if c.err != nil || !stored {
				t.Errorf("%s: %v, stored %v", c.key, c.err, stored)
			}
		}
	})
}

func TestNoGoroutineIsLeftWhenNothingWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _, stop := newFake(t)
		defer stop()
		g := s.edits.(*grouped).group
		for range 3 {
			if _, err := s.Save(t.Context(), "k"+time.Now().String(), creation(t)); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			g.mu.Lock()
			if g.running || g.waiting != nil {
				t.Errorf("running %v, waiting %d", g.running, len(g.waiting))
			}
			g.mu.Unlock()
			time.Sleep(time.Second)
		}
	})
}

func TestManyWritersUnderFaultsGetTrueAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, fake, stop := newFake(t)
		defer stop()
		n := 0
		fake.before = func(step, _ string) error {
			fake.mu.Lock()
			defer fake.mu.Unlock()
			n++
			switch {
			case step == "lock" && n%3 == 0:
				return errors.New("database is locked")
			case step == "insert" && n%7 == 0, step == "commit" && n%11 == 0:
				return errors.New("disk I/O error")
			}
			return nil
		}
		var wg sync.WaitGroup
		for w := range 16 {
			wg.Go(func() {
				for i := range 50 {
					key := fmt.Sprintf("%d.%d", w, i)
					version, err := s.Save(t.Context(), key, creation(t))
					row, stored := fake.row(key)
					// The fake undoes what fails, so here an answer tells all.
					if stored != (err == nil) || stored && uint64(row.version) != version {
						t.Errorf("%s: version %d, %v; stored %v %+v", key, version, err, stored, row)
					}
				}
			})
		}
		wg.Wait()
	})
}
