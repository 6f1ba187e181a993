package cloakroom_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/store"
)

func (r *rig) mend() {
	r.spy.meddle(func(s *spy) { s.load, s.save, s.delete = nil, nil, nil })
}

func TestWithWaitALoadGoesOnUntilTheStoreIsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, &cloakroom.Config{Outage: cloakroom.Wait(10 * time.Second)})
		cookie := r.fresh()
		r.failLoads()
		time.AfterFunc(5*time.Second, r.mend)
		began := time.Now()
		res := r.with(func(s *cloakroom.Session) { visits.Set(s, 1) }, cookie)
		if took := time.Since(began); res.StatusCode != http.StatusOK || took < 5*time.Second || took > 7*time.Second {
			t.Errorf("%d after %v", res.StatusCode, took)
		}
		e, ok := find(r.log.take(), func(cloakroom.Recovered) bool { return true })
		if !ok || e.After < 5*time.Second {
			t.Errorf("the recovery was told as %+v, %v", e, ok)
		}
	})
}

func TestAfterTheWaitOneProbeAtATimeAndTheOthersFailAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, &cloakroom.Config{Outage: cloakroom.Wait(10 * time.Second)})
		cookie := r.fresh()
		hang := func(ctx context.Context, _ string) (store.Record, error) {
			<-ctx.Done()
			return store.Record{}, errStore
		}
		r.spy.meddle(func(s *spy) { s.load = hang })
		began := time.Now()
		if res := r.with(func(*cloakroom.Session) {}, cookie); res.StatusCode != 503 || time.Since(began) > 13*time.Second {
			t.Errorf("the first: %d after %v", res.StatusCode, time.Since(began))
		}
		r.spy.calls()

		began = time.Now()
		var all sync.WaitGroup
		var mu sync.Mutex
		slow := 0
		for range 20 {
			all.Go(func() {
				res := r.with(func(*cloakroom.Session) {}, cookie)
				mu.Lock()
				defer mu.Unlock()
				if res.StatusCode != 503 {
					t.Errorf("status %d", res.StatusCode)
				}
				if time.Since(began) > 0 {
					slow++
				}
			})
		}
		all.Wait()
		if loads, _, _ := r.spy.calls(); loads != 1 || slow != 1 {
			t.Errorf("%d loads, %d requests that waited: want one probe", loads, slow)
		}
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("the probe took %v, longer than StoreTimeout", took)
		}
		// A visitor who would begin a session is not sent to the store either.
		probe := make(chan struct{})
		go func() { defer close(probe); r.with(func(*cloakroom.Session) {}, cookie) }()
		synctest.Wait()
		if res := r.with(func(s *cloakroom.Session) { name.Set(s, "x") }); res.StatusCode != 503 {
			t.Errorf("status %d", res.StatusCode)
		}
		if _, saves, _ := r.spy.calls(); saves != 0 {
			t.Errorf("%d saves", saves)
		}
		<-probe

		r.mend()
		for range 2 {
			if !r.opens(cookie) {
				t.Error("not open after the outage")
			}
		}
	})
}

func TestWithWaitASaveIsNeverRepeated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, &cloakroom.Config{Outage: cloakroom.Wait(10 * time.Second)})
		cookie := r.fresh()
		r.loseAnswers(true)
		res := r.with(func(s *cloakroom.Session) { visits.Update(s, func(n int) int { return n + 1 }) }, cookie)
		if _, saves, _ := r.spy.calls(); saves != 1 || res.StatusCode != 503 {
			t.Errorf("%d saves, status %d", saves, res.StatusCode)
		}
	})
}

// A Save that times out, or a request that leaves, has not heard from the store.
func TestSilenceIsNoRecovery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, &cloakroom.Config{Outage: cloakroom.Wait(5 * time.Second)})
		cookie := r.fresh()
		hangs := func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
		r.spy.meddle(func(s *spy) {
			s.load = func(ctx context.Context, _ string) (store.Record, error) { return store.Record{}, hangs(ctx) }
			s.save = func(ctx context.Context, _ string, _ store.Change) (uint64, error) { return 0, hangs(ctx) }
			s.delete = func(ctx context.Context, _ string) error { return hangs(ctx) }
		})
		r.with(func(*cloakroom.Session) {}, cookie) // the outage has lasted longer than d now
		r.log.take()
		_, token, _ := strings.Cut(cookie, "=")
		soon, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := r.m.Open(soon, token); err == nil { // the probe
			t.Error("a store that hangs has answered")
		}
		r.with(func(s *cloakroom.Session) { name.Set(s, "x") })
		if e, ok := find(r.log.take(), func(cloakroom.Recovered) bool { return true }); ok {
			t.Errorf("told as %+v", e)
		}
		began := time.Now()
		done := make(chan struct{})
		go func() { defer close(done); r.with(func(*cloakroom.Session) {}, cookie) }() // the next probe
		synctest.Wait()
		if res := r.with(func(*cloakroom.Session) {}, cookie); res.StatusCode != 503 || time.Since(began) != 0 {
			t.Errorf("%d after %v: want to fail at once", res.StatusCode, time.Since(began))
		}
		<-done
	})
}

func TestWithWaitAClientThatLeavesIsNotWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, &cloakroom.Config{Outage: cloakroom.Wait(time.Hour)})
		cookie := r.fresh()
		r.failLoads()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, token, _ := strings.Cut(cookie, "=")
		if _, err := r.m.Open(ctx, token); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Open: %v", err)
		}
	})
}

func TestAnAbsentSessionIsNoOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, &cloakroom.Config{Outage: cloakroom.Wait(time.Hour)})
		cookie := r.fresh()
		r.with(func(s *cloakroom.Session) { _ = s.Destroy(t.Context()) }, cookie)
		began := time.Now()
		if r.opens(cookie) || time.Since(began) != 0 {
			t.Errorf("waited %v for a session that has ended", time.Since(began))
		}
	})
}

func TestAnonymousOnOutageShowsThePageAndKeepsTheCookie(t *testing.T) {
	r := newRig(t, &cloakroom.Config{KeepEmpty: true, RollCookie: cloakroom.RollAlways})
	cookie := r.fresh()
	r.failLoads()
	page := r.m.AnonymousOnOutage(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		s, err := r.m.Load(req.Context())
		if err != nil {
			t.Error(err)
			return
		}
		if !s.IsNew() || name.Get(s) != "" {
			t.Error("the session is not empty")
		}
		if err := s.Destroy(t.Context()); !errors.Is(err, cloakroom.ErrUnavailable) {
			t.Errorf("Destroy: %v", err)
		}
		if err := s.Reload(t.Context()); !errors.Is(err, cloakroom.ErrUnavailable) {
			t.Errorf("Reload: %v", err)
		}
		_, _ = w.Write([]byte("the news"))
	}))
	res := r.do(page.ServeHTTP, cookie)
	if res.StatusCode != http.StatusOK || len(res.Header["Set-Cookie"]) != 0 {
		t.Errorf("%d, %v", res.StatusCode, res.Header)
	}
	if _, saves, deletes := r.spy.calls(); saves+deletes != 0 {
		t.Errorf("%d saves, %d deletes", saves, deletes)
	}
	if _, ok := find(r.log.take(), func(e cloakroom.Outage) bool { return e.Op == "load" }); !ok {
		t.Error("the outage was not told")
	}
	r.mend()
	if !r.opens(cookie) {
		t.Error("the session is gone")
	}
}

func TestAnEditOnAnAnonymousPageIsAnswered503(t *testing.T) {
	r := newRig(t, nil)
	cookie := r.fresh()
	r.failLoads()
	for what, edit := range map[string]func(*cloakroom.Session){
		"set":     func(s *cloakroom.Session) { name.Set(s, "x") },
		"sign in": func(s *cloakroom.Session) { s.SignIn("u1") },
		"restart": func(s *cloakroom.Session) { s.Restart() },
		"saved": func(s *cloakroom.Session) {
			name.Set(s, "x")
			if err := s.Save(t.Context()); !errors.Is(err, cloakroom.ErrUnavailable) {
				t.Errorf("Save: %v", err)
			}
		},
	} {
		page := r.m.AnonymousOnOutage(r.m.Func(func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) { edit(s) }))
		if res := r.do(page.ServeHTTP, cookie); res.StatusCode != 503 || len(res.Header["Set-Cookie"]) != 0 {
			t.Errorf("%s: %d, %v", what, res.StatusCode, res.Header)
		}
	}
	if _, saves, _ := r.spy.calls(); saves != 0 {
		t.Errorf("%d saves", saves)
	}
}

// A middleware outside may have met the outage before the page was reached.
func TestAnonymousOnOutageHoldsForALoadThatHasFailedAlready(t *testing.T) {
	r := newRig(t, nil)
	cookie := r.fresh()
	r.failLoads()
	inner := r.m.AnonymousOnOutage(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		if _, err := r.m.Load(req.Context()); err != nil {
			t.Errorf("inside: %v", err)
		}
	}))
	r.do(func(w http.ResponseWriter, req *http.Request) {
		if _, err := r.m.Load(req.Context()); !errors.Is(err, cloakroom.ErrUnavailable) {
			t.Errorf("outside: %v", err)
		}
		inner.ServeHTTP(w, req)
	}, cookie)
	if loads, _, _ := r.spy.calls(); loads != 1 {
		t.Errorf("%d loads", loads)
	}
}
