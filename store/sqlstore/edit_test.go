package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
)

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
