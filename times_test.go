package cloakroom_test

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/store"
)

func TestIdleSessionsEnd(t *testing.T) {
	r := newRig(t, &cloakroom.Config{IdleTimeout: hour})
	cookie := r.fresh()
	for range 10 {
		r.clock.advance(50 * time.Minute)
		if !r.opens(cookie) {
			t.Fatal("a session in use ended")
		}
	}
	r.log.take()
	r.clock.advance(hour)
	if r.opens(cookie) {
		t.Error("an idle session lives")
	}
}

func TestIdleTimeoutsDoNotTurnReadsIntoWrites(t *testing.T) {
	r := newRig(t, &cloakroom.Config{IdleTimeout: 10 * hour})
	cookie := r.fresh()
	for range 59 {
		r.clock.advance(time.Minute)
		r.opens(cookie)
	}
	if loads, saves, _ := r.spy.calls(); loads != 59 || saves != 0 {
		t.Errorf("%d loads, %d saves", loads, saves)
	}
	r.clock.advance(time.Minute) // a tenth of the timeout has passed
	r.opens(cookie)
	r.opens(cookie)
	if _, saves, _ := r.spy.calls(); saves != 1 {
		t.Errorf("%d saves, want one touch", saves)
	}
}

func TestTheAbsoluteDeadlineNeverMovesOnActivityOrRenew(t *testing.T) {
	r := newRig(t, &cloakroom.Config{IdleTimeout: hour, Lifetime: 5 * hour})
	cookie := r.fresh()
	for range 9 {
		r.clock.advance(30 * time.Minute)
		renewed := ticket(r.with(func(s *cloakroom.Session) {
			visits.Update(s, func(n int) int { return n + 1 })
			s.Renew()
		}, cookie))
		if renewed == "" {
			t.Fatal("the session ended early")
		}
		cookie = renewed
	}
	r.log.take()
	r.clock.advance(30 * time.Minute)
	if r.opens(cookie) {
		t.Error("activity or Renew moved the end of the lifetime")
	}
}

func TestAClockThatGoesBackExtendsNothing(t *testing.T) {
	r := newRig(t, &cloakroom.Config{IdleTimeout: hour, Lifetime: 5 * hour})
	cookie := r.fresh()
	before, _ := r.record(cookie)
	r.clock.advance(-30 * time.Minute)
	r.with(func(s *cloakroom.Session) { visits.Set(s, 1) }, cookie)
	after, err := r.record(cookie)
	if err != nil || after.ExpiresAt.After(before.ExpiresAt) {
		t.Errorf("expiry went from %v to %v, %v", before.ExpiresAt, after.ExpiresAt, err)
	}
}

func TestDeadlinesAreJudgedByTheManagerWhateverTheStoreSays(t *testing.T) {
	for reason, config := range map[cloakroom.Reason]*cloakroom.Config{
		cloakroom.ReasonIdle:     {IdleTimeout: hour},
		cloakroom.ReasonLifetime: {Lifetime: hour},
	} {
		r := newRig(t, config)
		cookie := r.fresh()
		rec, err := r.record(cookie)
		if err != nil {
			t.Fatal(err)
		}
		r.spy.meddle(func(s *spy) {
			s.load = func(context.Context, string) (store.Record, error) { return rec, nil }
		})
		r.clock.advance(hour)
		if r.opens(cookie) {
			t.Errorf("%s: accepted because the store still had it", reason)
		}
		if e, _ := find(r.log.take(), func(cloakroom.Rejected) bool { return true }); e.Reason != reason {
			t.Errorf("%s: told %+v", reason, e)
		}
	}
}

func TestASessionsOwnLimits(t *testing.T) {
	r := newRig(t, &cloakroom.Config{IdleTimeout: hour, Lifetime: 10 * hour, Cookie: cloakroom.Cookie{BrowserSession: true}})
	cookie := r.fresh()
	res := r.with(func(s *cloakroom.Session) {
		if s.Persistent() || s.IdleTimeout() != hour || s.Lifetime() != 10*hour {
			t.Error("defaults")
		}
		s.SetPersistent(true)
		s.SetLifetime(100 * hour)
		s.SetIdleTimeout(50 * hour)
		if !s.Persistent() || s.IdleTimeout() != 50*hour || s.Lifetime() != 100*hour {
			t.Error("the view does not show what was set")
		}
		if got := s.ExpiresAt().Sub(r.clock.Now()); got != 50*hour {
			t.Errorf("ExpiresAt in %v", got)
		}
	}, cookie)
	if line := res.Header.Get("Set-Cookie"); !strings.Contains(line, "Max-Age=360000") {
		t.Errorf("Set-Cookie %q", line)
	}
	r.clock.advance(49 * hour)
	r.with(func(s *cloakroom.Session) {
		if s.IsNew() || !s.Persistent() || s.IdleTimeout() != 50*hour || s.Lifetime() != 100*hour {
			t.Error("the limits were lost")
		}
	}, cookie)
	r.clock.advance(49 * hour)
	if !r.opens(cookie) {
		t.Error("the touch was computed with other limits")
	}
	r.with(func(s *cloakroom.Session) { s.SetIdleTimeout(cloakroom.NoTimeout); s.SetPersistent(false) }, cookie)
	r.with(func(s *cloakroom.Session) {
		if s.IdleTimeout() != cloakroom.NoTimeout || s.Persistent() {
			t.Errorf("idle %v, persistent %v", s.IdleTimeout(), s.Persistent())
		}
	}, cookie)
}

// A Save that moves the expiry carries the limits it was computed with.
func TestATouchInFlightCannotCutARememberMeShort(t *testing.T) {
	r := newRig(t, &cloakroom.Config{IdleTimeout: hour, Lifetime: 10 * hour})
	cookie := r.fresh()
	r.clock.advance(30 * time.Minute)
	touch := r.park(func(s *cloakroom.Session) { visits.Set(s, 1) }, cookie)
	r.with(func(s *cloakroom.Session) { s.SetLifetime(1000 * hour); s.SetIdleTimeout(500 * hour) }, cookie)
	touch.finish()
	rec, err := r.record(cookie)
	if left := rec.ExpiresAt.Sub(r.clock.Now()); err != nil || left != 500*hour {
		t.Errorf("%v are left, %v", left, err)
	}
	if visits.Get(s0(r, cookie)) != 1 {
		t.Error("the edit was lost")
	}
}

func TestTwoRequestsThatSetDifferentLimitsKeepBoth(t *testing.T) {
	r := newRig(t, nil)
	cookie := r.fresh()
	slow := r.park(func(s *cloakroom.Session) { s.SetIdleTimeout(2 * hour) }, cookie)
	r.with(func(s *cloakroom.Session) { s.SetLifetime(48 * hour) }, cookie)
	slow.finish()
	if s := s0(r, cookie); s.IdleTimeout() != 2*hour || s.Lifetime() != 48*hour {
		t.Errorf("idle %v, lifetime %v", s.IdleTimeout(), s.Lifetime())
	}
}

func TestTimesOfASession(t *testing.T) {
	r := newRig(t, nil)
	start := r.clock.Now()
	cookie := ticket(r.with(func(s *cloakroom.Session) {
		name.Set(s, "x")
		if !s.CreatedAt().Equal(start) || !s.LastSeenAt().Equal(start) || !s.ExpiresAt().Equal(start.Add(24*hour)) {
			t.Errorf("new: created %v, seen %v, expires %v", s.CreatedAt(), s.LastSeenAt(), s.ExpiresAt())
		}
	}))
	r.clock.advance(3 * hour)
	for range 2 {
		r.with(func(s *cloakroom.Session) {
			if !s.CreatedAt().Equal(start) || !s.ExpiresAt().Equal(start.Add(27*hour)) {
				t.Errorf("created %v, expires %v", s.CreatedAt(), s.ExpiresAt())
			}
		}, cookie)
	}
	if seen := s0(r, cookie).LastSeenAt(); !seen.Equal(start.Add(3 * hour)) {
		t.Errorf("seen %v", seen)
	}
}

func TestMaxAgeIsTheRemainingLifetimeAndNeverAbove400Days(t *testing.T) {
	age := func(res *http.Response) int {
		for part := range strings.SplitSeq(res.Header.Get("Set-Cookie"), "; ") {
			if v, ok := strings.CutPrefix(part, "Max-Age="); ok {
				n, _ := strconv.Atoi(v)
				return n
			}
		}
		return 0
	}
	r := newRig(t, &cloakroom.Config{Lifetime: 1000 * 24 * hour})
	if got := age(r.with(func(s *cloakroom.Session) { name.Set(s, "x") })); got != 400*24*3600 {
		t.Errorf("Max-Age %d", got)
	}
	r = newRig(t, &cloakroom.Config{Lifetime: 10 * hour})
	cookie := r.fresh()
	r.clock.advance(4 * hour)
	if got := age(r.with(func(s *cloakroom.Session) { s.Renew() }, cookie)); got != 6*3600 {
		t.Errorf("Max-Age %d after a renew", got)
	}
	r = newRig(t, &cloakroom.Config{Cookie: cloakroom.Cookie{BrowserSession: true}})
	if res := r.with(func(s *cloakroom.Session) { name.Set(s, "x") }); strings.Contains(res.Header.Get("Set-Cookie"), "Max-Age") {
		t.Errorf("%q", res.Header)
	}
}

func TestStoppingTheSweeperChangesNoAnswer(t *testing.T) {
	for _, sweep := range []bool{true, false} {
		r := newRig(t, nil)
		cookie := r.fresh()
		r.clock.advance(25 * hour)
		if sweep {
			sweeper, _ := store.As[store.Sweeper](r.spy)
			if n, err := sweeper.Sweep(context.Background(), 10); n != 1 || err != nil {
				t.Fatalf("swept %d, %v", n, err)
			}
		}
		fresh := ticket(r.with(func(s *cloakroom.Session) {
			if !s.IsNew() || s.Has("name") {
				t.Errorf("swept %v: the expired session opens", sweep)
			}
			name.Set(s, "new")
		}, cookie))
		if key(fresh) == key(cookie) {
			t.Errorf("swept %v: the expired ID was taken up again", sweep)
		}
	}
}

type sweeping struct {
	store.Store
	swept chan int
	give  func(limit int) (int, error)
}

func (s *sweeping) Sweep(_ context.Context, limit int) (int, error) {
	n, err := s.give(limit)
	s.swept <- n
	return n, err
}

func TestRunSweepsInBatchesUntilItsContextEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		due := 2500
		s := &sweeping{Store: r.spy.Store, swept: make(chan int), give: nil}
		s.give = func(limit int) (int, error) {
			n := min(due, limit)
			due -= n
			return n, nil
		}
		m, err := cloakroom.New(s, nil)
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- m.Run(ctx) }()
		start := time.Now()
		for _, want := range []int{1000, 1000, 500, 0} {
			if got := <-s.swept; got != want {
				t.Errorf("swept %d, want %d", got, want)
			}
			if want == 500 && time.Since(start) > 65*time.Second {
				t.Errorf("the batches took %v", time.Since(start))
			}
		}
		if since := time.Since(start); since < 45*time.Second || since > 3*time.Minute {
			t.Errorf("the second sweep came after %v", since)
		}
		stop()
		if err := <-done; err != nil {
			t.Errorf("Run returned %v", err)
		}
	})
}

func TestRunTellsOfASweepThatFailsAndGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &audit{}
		s := &sweeping{
			Store: newRig(t, nil).spy.Store, swept: make(chan int),
			give: func(int) (int, error) { return 0, context.DeadlineExceeded },
		}
		m, _ := cloakroom.New(s, &cloakroom.Config{Observer: log})
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		go func() { _ = m.Run(ctx) }()
		<-s.swept
		<-s.swept
		if e, ok := find(log.take(), func(cloakroom.Outage) bool { return true }); !ok || e.Op != "sweep" {
			t.Errorf("%+v", e)
		}
	})
}

func TestRunOnlyWaitsWhereTheStoreSweepsItself(t *testing.T) {
	m, _ := cloakroom.New(withoutOwners{newRig(t, nil).spy.Store}, nil)
	ctx, stop := context.WithCancel(context.Background())
	stop()
	if err := m.Run(ctx); err != nil {
		t.Error(err)
	}
}

func TestConstructorsStartNoGoroutines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		// A bubble does not end while a goroutine of it lives.
		r := newRig(t, nil)
		r.with(func(s *cloakroom.Session) { name.Set(s, "x") })
	})
}
