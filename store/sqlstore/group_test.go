package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"strings"
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

func isAnswer(err error) bool {
	return errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrExists) || errors.Is(err, store.ErrConflict) || errors.Is(err, store.ErrMalformed)
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

func TestADatabaseThatIsBusyIsWaitedFor(t *testing.T) {
	for _, at := range []string{"lock", "begin"} {
		synctest.Test(t, func(t *testing.T) {
			s, fake, stop := newFake(t)
			defer stop()
			tries := 0
			fake.before = func(step, _ string) error {
				if step == at {
					if tries++; tries < 20 {
						return errors.New("database is locked (5) (SQLITE_BUSY)")
					}
				}
				return nil
			}
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			defer cancel()
			if _, err := s.Save(ctx, "k", creation(t)); err != nil {
				t.Errorf("%s: %v", at, err)
			}
			if n := fake.count("insert"); tries != 20 || n != 1 {
				t.Errorf("%s: %d tries, %d inserts", at, tries, n)
			}
		})
	}
}

func TestALoadWaitsForADatabaseThatIsBusy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, fake, stop := newFake(t)
		defer stop()
		if _, err := s.Save(t.Context(), "k", creation(t)); err != nil {
			t.Fatal(err)
		}
		tries := 0
		fake.before = func(step, _ string) error {
			if tries++; tries < 5 {
				return errors.New("database is locked")
			}
			return nil
		}
		if _, err := s.Load(t.Context(), "k"); err != nil || tries != 5 {
			t.Errorf("%v after %d tries", err, tries)
		}
	})
}

func TestWaitingForABusyDatabaseEndsWithTheContextAndWithPatience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, fake, stop := newFake(t)
		defer stop()
		fake.before = func(step, _ string) error {
			if step == "lock" {
				return errors.New("database is locked")
			}
			return nil
		}
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		c := start(ctx, s, "k", creation(t))
		<-c.done
		if !errors.Is(c.err, context.DeadlineExceeded) || c.after != 2*time.Second {
			t.Errorf("%v after %v, want the end of the context after 2 s", c.err, c.after)
		}
		synctest.Wait()
		c = start(t.Context(), s, "k", creation(t))
		<-c.done
		if c.err == nil || isAnswer(c.err) || errors.Is(c.err, context.DeadlineExceeded) || !strings.Contains(c.err.Error(), "locked") || c.after != patience {
			t.Errorf("%v after %v, want an outage that says why after %v", c.err, c.after, patience)
		}
	})
}

// A driver may wait for a lock or a disk and not look at its context meanwhile.
func TestAWriterLeavesWhenItsContextEndsWhateverTheDriverDoes(t *testing.T) {
	for _, at := range []string{"begin", "lock", "insert", "commit"} {
		synctest.Test(t, func(t *testing.T) {
			s, fake, stop := newFake(t)
			defer stop()
			gate := make(chan struct{})
			fake.before = func(step, _ string) error {
				if step == at {
					<-gate
				}
				return nil
			}
			ctx, cancel := context.WithCancel(t.Context())
			leaves := start(ctx, s, "leaves", creation(t))
			synctest.Wait()
			waits := start(t.Context(), s, "waits", creation(t))
			synctest.Wait()
			cancel()
			<-leaves.done
			if !errors.Is(leaves.err, context.Canceled) || leaves.version != 0 {
				t.Errorf("stuck in %s: version %d, %v", at, leaves.version, leaves.err)
			}
			close(gate)
			<-waits.done
			if _, stored := fake.row("waits"); waits.err != nil || !stored {
				t.Errorf("stuck in %s: the writer that waited: %v, stored %v", at, waits.err, stored)
			}
			// What was under way when its writer left lands; what had not begun does not.
			_, stored := fake.row("leaves")
			if want := at == "insert" || at == "commit"; stored != want {
				t.Errorf("stuck in %s: stored %v, want %v", at, stored, want)
			}
		})
	}
}

func TestAWriterThatLeavesTheQueueChangesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, fake, stop := newFake(t)
		defer stop()
		gate := make(chan struct{})
		fake.before = func(step, _ string) error {
			if step == "commit" {
				<-gate
			}
			return nil
		}
		first := start(t.Context(), s, "first", creation(t))
		synctest.Wait()
		ctx, cancel := context.WithCancel(t.Context())
		calls := []*call{start(t.Context(), s, "a", creation(t)), start(ctx, s, "leaves", creation(t)), start(t.Context(), s, "b", creation(t))}
		synctest.Wait()
		cancel()
		<-calls[1].done
		if !errors.Is(calls[1].err, context.Canceled) || !strings.Contains(calls[1].err.Error(), "nothing was changed") {
			t.Errorf("%v", calls[1].err)
		}
		close(gate)
		<-first.done
		for _, c := range []*call{calls[0], calls[2]} {
			<-c.done
			if _, stored := fake.row(c.key); c.err != nil || !stored {
				t.Errorf("%s: %v, stored %v", c.key, c.err, stored)
			}
		}
		if _, stored := fake.row("leaves"); stored {
			t.Error("the edit of a writer that had left the queue was made")
		}
	})
}

func TestNothingIsTriedAfterTheContextHasEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, fake, stop := newFake(t)
		defer stop()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := s.Save(ctx, "k", creation(t))
		for what, err := range map[string]error{"save": err, "delete": s.Delete(ctx, "k")} {
			if !errors.Is(err, context.Canceled) {
				t.Errorf("%s: %v", what, err)
			}
		}
		if _, err := s.Sweep(ctx, 10); !errors.Is(err, context.Canceled) {
			t.Errorf("sweep: %v", err)
		}
		if len(fake.log) != 0 {
			t.Errorf("done: %q", fake.log)
		}
	})
}

// The caller of a Save that has returned may alter what it gave, though the transaction
// may still be under way.
func TestNothingOfTheCallersIsReadAfterItsSaveReturned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, fake, stop := newFake(t)
		defer stop()
		c := creation(t)
		c.Set = fieldsOf(t, "a", "1", "b", "2", "c", "3")
		if _, err := s.Save(t.Context(), "k", c); err != nil {
			t.Fatal(err)
		}
		base, err := s.Load(t.Context(), "k")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Save(t.Context(), "k", store.Change{}); err != nil {
			t.Fatal(err)
		}
		// With a stale Base the change is looked at twice: the writer leaves in between.
		gate := make(chan struct{})
		fake.before = func(step, _ string) error {
			if step == "replace" {
				<-gate
			}
			return nil
		}
		owner := "u1"
		change := store.Change{
			If: []store.Condition{{Name: "a", Value: "1"}}, Unset: []string{"b"}, Owner: &owner, Base: &base,
			Set: fieldsOf(t, "d", "4"),
		}
		ctx, cancel := context.WithCancel(t.Context())
		left := start(ctx, s, "k", change)
		synctest.Wait()
		cancel()
		<-left.done
		if !errors.Is(left.err, context.Canceled) {
			t.Fatal(left.err)
		}
		change.If[0], change.Unset[0], owner, base = store.Condition{Name: "x"}, "c", "u2", store.Record{}
		close(gate)
		synctest.Wait()
		if row, _ := fake.row("k"); row.fields != `{"a":1,"c":3,"d":4}` || row.owner != "u1" {
			t.Errorf("stored %+v", row)
		}
	})
}

// A transaction ends when the last of its writers cannot wait any longer, not before.
func TestATransactionLivesUntilTheLastDeadlineOfItsWriters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, fake, stop := newFake(t)
		defer stop()
		gate := make(chan struct{})
		var locked time.Time // until then
		fake.before = func(step, _ string) error {
			switch {
			case step == "commit":
				<-gate
			case step == "lock" && time.Now().Before(locked):
				return errors.New("database is locked")
			}
			return nil
		}
		first := start(t.Context(), s, "first", creation(t))
		synctest.Wait()
		short, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		long, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		a, b := start(short, s, "short", creation(t)), start(long, s, "long", creation(t))
		synctest.Wait()
		locked = time.Now().Add(3 * time.Second)
		close(gate)
		<-first.done
		<-a.done
		<-b.done
		if !errors.Is(a.err, context.DeadlineExceeded) || a.after != time.Second {
			t.Errorf("short: %v after %v", a.err, a.after)
		}
		if b.err != nil || b.after < 3*time.Second {
			t.Errorf("long: %v after %v", b.err, b.after)
		}
		if _, stored := fake.row("short"); stored {
			t.Error("an edit was made whose writer had left before the lock was there")
		}
	})
}

// database/sql would roll back, and close a connection that may be a whole database.
func TestTheEndOfAContextDoesNotCutATransactionShort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, fake, stop := newFake(t)
		defer stop()
		gate := make(chan struct{})
		fake.before = func(step, _ string) error {
			if step == "insert" {
				<-gate
			}
			return nil
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		c := start(ctx, s, "k", creation(t))
		<-c.done
		if !errors.Is(c.err, context.DeadlineExceeded) || c.after != time.Second {
			t.Errorf("%v after %v", c.err, c.after)
		}
		synctest.Wait()
		close(gate)
		synctest.Wait()
		if _, stored := fake.row("k"); !stored || fake.count("rollback") != 0 || fake.count("close") != 0 {
			t.Errorf("stored %v, steps %q", stored, fake.log)
		}
	})
}

// Without a deadline a writer that gets no connection gives up as well.
func TestPatienceEndsAlsoWithoutAConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, fake, stop := newFake(t)
		defer stop()
		s.db.SetMaxOpenConns(1)
		if _, err := s.Save(t.Context(), "k", creation(t)); err != nil {
			t.Fatal(err)
		}
		conn, err := s.db.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		c := start(t.Context(), s, "k", store.Change{})
		<-c.done
		if c.err == nil || isAnswer(c.err) || c.after != patience || fake.count("begin") != 1 {
			t.Errorf("%v after %v", c.err, c.after)
		}
		if err := conn.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Save(t.Context(), "k", store.Change{}); err != nil {
			t.Error(err)
		}
	})
}

func TestNoGoroutineIsLeftWhenNothingWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _, stop := newFake(t)
		defer stop()
		g := s.edits.(*group)
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

func TestAnErrorAfterTheEndOfTheContextSaysSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, fake, stop := newFake(t)
		defer stop()
		ctx, cancel := context.WithCancel(t.Context())
		interrupted := errors.New("interrupted (9)")
		fake.before = func(step, _ string) error {
			if step != "load" {
				return nil
			}
			cancel()
			return interrupted
		}
		_, err := s.Load(ctx, "k")
		if !errors.Is(err, context.Canceled) || !errors.Is(err, interrupted) {
			t.Errorf("%v", err)
		}
	})
}

func TestSweepGoesInBatchesAndReportsWhatItDidBeforeAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, fake, stop := newFake(t)
		defer stop()
		for i := range 3 * sweepBatch {
			fake.rows[fmt.Sprint(i)] = fakeRow{version: 1}
		}
		if n, err := s.Sweep(t.Context(), sweepBatch+10); n != sweepBatch+10 || err != nil || fake.count("sweep") != 2 {
			t.Errorf("%d, %v, in %d batches", n, err, fake.count("sweep"))
		}
		full := errors.New("disk full")
		fake.before = func(step, _ string) error {
			if step == "sweep" && fake.count("sweep") == 4 {
				return full
			}
			return nil
		}
		if n, err := s.Sweep(t.Context(), 10000); n != sweepBatch || !errors.Is(err, full) {
			t.Errorf("%d, %v", n, err)
		}
		fake.before = nil
		if n, err := s.Sweep(t.Context(), 10000); n != sweepBatch-10 || err != nil {
			t.Errorf("%d, %v", n, err)
		}
		if n, err := s.Sweep(t.Context(), 0); n != 0 || err != nil {
			t.Errorf("limit 0: %d, %v", n, err)
		}
	})
}

// Base saves a read when it is what is stored.
func TestASaveWithAFreshBaseReadsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, fake, stop := newFake(t)
		defer stop()
		if _, err := s.Save(t.Context(), "k", creation(t)); err != nil {
			t.Fatal(err)
		}
		base, err := s.Load(t.Context(), "k")
		if err != nil {
			t.Fatal(err)
		}
		fake.log = nil
		if _, err := s.Save(t.Context(), "k", store.Change{Base: &base, Set: fieldsOf(t, "a", "2")}); err != nil {
			t.Fatal(err)
		}
		if n := fake.count("read"); n != 0 {
			t.Errorf("fresh: %d reads", n)
		}
		if _, err := s.Save(t.Context(), "k", store.Change{Base: &base, Set: fieldsOf(t, "b", "3")}); err != nil {
			t.Fatal(err)
		}
		if row, _ := fake.row("k"); fake.count("read") != 1 || row.fields != `{"a":2,"b":3}` {
			t.Errorf("stale: %d reads, %+v", fake.count("read"), row)
		}
	})
}

// A Base is as dead as the record that it is a copy of.
func TestABaseThatHasExpiredRevivesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, fake, stop := newFake(t)
		defer stop()
		if _, err := s.Save(t.Context(), "k", creation(t)); err != nil {
			t.Fatal(err)
		}
		base, err := s.Load(t.Context(), "k")
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		before, _ := fake.row("k")
		_, err = s.Save(t.Context(), "k", store.Change{Base: &base, ExpiresAt: time.Now().Add(time.Hour)})
		if after, _ := fake.row("k"); !errors.Is(err, store.ErrNotFound) || after != before {
			t.Errorf("%v; the row was %+v and is %+v", err, before, after)
		}
	})
}

// The index of a column is written again when an update names it, changed or not.
func TestAnUpdateNamesOnlyTheColumnsThatChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, fake, stop := newFake(t)
		defer stop()
		if _, err := s.Save(t.Context(), "k", creation(t)); err != nil {
			t.Fatal(err)
		}
		owner := "u1"
		for _, step := range []struct {
			form   string
			change store.Change
		}{
			{"edit", store.Change{Set: fieldsOf(t, "a", "2")}},
			{"extend", store.Change{ExpiresAt: time.Now().Add(2 * time.Hour)}},
			{"replace", store.Change{Owner: &owner}},
			{"edit", store.Change{Owner: &owner, ExpiresAt: time.Now().Add(2 * time.Hour)}},
		} {
			fake.log = nil
			if _, err := s.Save(t.Context(), "k", step.change); err != nil {
				t.Fatal(err)
			}
			if fake.count(step.form) != 1 {
				t.Errorf("%+v: %q, want one %s", step.change, fake.log, step.form)
			}
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
