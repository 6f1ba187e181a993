package cloakroom_test

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"testing"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/store"
)

func TestParallelRequestsThatChangeDifferentValuesLoseNothing(t *testing.T) {
	r := newRig(t, nil)
	cookie := r.fresh()
	var wait sync.WaitGroup
	for i := range 32 {
		wait.Go(func() {
			r.with(func(s *cloakroom.Session) { cloakroom.NewKey[int](fmt.Sprint("f", i)).Set(s, i) }, cookie)
		})
	}
	wait.Wait()
	s := s0(r, cookie)
	for i := range 32 {
		if v, ok := cloakroom.NewKey[int](fmt.Sprint("f", i)).Lookup(s); !ok || v != i {
			t.Errorf("f%d is %d, %v", i, v, ok)
		}
	}
}

func TestACounterInNParallelRequestsEndsAtN(t *testing.T) {
	const n = 64
	r := newRig(t, nil)
	cookie := r.fresh()
	var wait sync.WaitGroup
	for range n {
		wait.Go(func() {
			if res := r.with(func(s *cloakroom.Session) { visits.Update(s, func(n int) int { return n + 1 }) }, cookie); res.StatusCode != 200 {
				t.Errorf("status %d", res.StatusCode)
			}
		})
	}
	wait.Wait()
	if got := visits.Get(s0(r, cookie)); got != n {
		t.Errorf("%d, want %d", got, n)
	}
}

func TestGoroutinesOfOneRequestLoseNothing(t *testing.T) {
	const n = 64
	r := newRig(t, nil)
	cookie := ticket(r.with(func(s *cloakroom.Session) {
		var wait sync.WaitGroup
		for i := range n {
			wait.Go(func() {
				visits.Update(s, func(n int) int { return n + 1 })
				cloakroom.NewKey[int](fmt.Sprint("f", i)).Set(s, i)
			})
		}
		wait.Wait()
	}))
	s := s0(r, cookie)
	if visits.Get(s) != n || len(s.Names()) != n+1 {
		t.Errorf("%d visits, %d fields", visits.Get(s), len(s.Names()))
	}
}

func TestAnUpdateIsReplayedOnTheValueThatWon(t *testing.T) {
	r := newRig(t, nil)
	cookie := r.fresh()
	calls := 0
	p := r.park(func(s *cloakroom.Session) {
		visits.Update(s, func(n int) int { calls++; return n + 1 })
		visits.Update(s, func(n int) int { return n * 10 })
		name.Set(s, "slow")
	}, cookie)
	r.with(func(s *cloakroom.Session) { visits.Set(s, 5); name.Set(s, "fast") }, cookie)
	r.spy.calls()
	p.finish()
	s := s0(r, cookie)
	if visits.Get(s) != 60 || name.Get(s) != "slow" || calls != 2 {
		t.Errorf("visits %d after %d calls, name %q", visits.Get(s), calls, name.Get(s))
	}
	if loads, saves, _ := r.spy.calls(); loads != 2 || saves != 2 { // s0 is one of the loads
		t.Errorf("%d loads, %d saves", loads, saves)
	}
}

// An Update conflicts only with a change of the same value.
func TestAnUpdateDoesNotConflictWithOtherFields(t *testing.T) {
	r := newRig(t, nil)
	cookie := r.fresh()
	p := r.park(func(s *cloakroom.Session) { visits.Update(s, func(n int) int { return n + 1 }) }, cookie)
	r.with(func(s *cloakroom.Session) { name.Set(s, "other") }, cookie)
	r.spy.calls()
	p.finish()
	if loads, saves, _ := r.spy.calls(); loads != 0 || saves != 1 {
		t.Errorf("%d loads, %d saves", loads, saves)
	}
}

// The manager passes Base only while it is exactly what the store holds.
func TestBaseIsPassedOnlyWhileItIsExact(t *testing.T) {
	r := newRig(t, nil)
	cookie := r.fresh()
	base := func() *store.Record {
		t.Helper()
		r.spy.mu.Lock()
		defer r.spy.mu.Unlock()
		return r.spy.changes[len(r.spy.changes)-1].Base
	}
	r.do(func(_ http.ResponseWriter, req *http.Request) {
		ctx := req.Context()
		s, _ := r.m.Load(ctx)
		for i := range 3 {
			visits.Set(s, i+1)
			if err := s.Save(ctx); err != nil {
				t.Fatal(err)
			}
			held, _ := r.record(cookie)
			if b := base(); b == nil || b.Version != held.Version-1 {
				t.Fatalf("save %d: Base %+v before version %d", i, b, held.Version)
			}
		}
		r.with(func(s *cloakroom.Session) { name.Set(s, "between") }, cookie)
		for i := range 2 {
			visits.Set(s, i+10)
			if err := s.Save(ctx); err != nil {
				t.Fatal(err)
			}
			if b := base(); i == 1 && b != nil {
				t.Error("a Base was passed after a Save that skipped a version")
			}
		}
		if err := s.Reload(ctx); err != nil {
			t.Fatal(err)
		}
		visits.Set(s, 20)
		_ = s.Save(context.Background())
		if base() == nil || name.Get(s) != "between" {
			t.Error("after Reload the record is exact again")
		}
	}, cookie)
}
