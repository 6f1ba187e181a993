package sqlstore

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
)

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
