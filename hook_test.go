package cloakroom_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/store"
)

func TestASessionThatValidateRefusesIsEndedAndTheReasonKept(t *testing.T) {
	r := newRig(t, &cloakroom.Config{Validate: func(_ context.Context, s *cloakroom.Session) error {
		if visits.Get(s) > 0 {
			return errors.New("the account is locked")
		}
		return nil
	}})
	good := r.fresh()
	bad := ticket(r.with(func(s *cloakroom.Session) { visits.Set(s, 1) }))
	if !r.opens(good) {
		t.Error("a session that passes was refused")
	}
	res := r.with(func(s *cloakroom.Session) {
		if !s.IsNew() || len(s.Names()) != 0 || s.Err() != nil {
			t.Errorf("the handler sees %q, %v", s.Names(), s.Err())
		}
	}, bad)
	if res.StatusCode != http.StatusOK {
		t.Errorf("status %d", res.StatusCode)
	}
	wantEvent(t, r.log, cloakroom.Ended{ID: key(bad), Reason: cloakroom.ReasonInvalid, Detail: "the account is locked"})
	if _, err := r.record(bad); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("the record: %v", err)
	}
}

func TestAHookThatCannotSayIsAnOutage(t *testing.T) {
	for name, hook := range map[string]func(context.Context) error{
		"panics":         func(context.Context) error { panic("boom") },
		"is unavailable": func(context.Context) error { return fmt.Errorf("accounts: %w", cloakroom.ErrUnavailable) },
		"hangs":          func(ctx context.Context) error { <-ctx.Done(); <-time.After(time.Hour); return nil },
		"runs late":      func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				armed := false
				hook := func(ctx context.Context, _ *cloakroom.Session) error {
					if armed {
						return hook(ctx)
					}
					return nil
				}
				for field, c := range map[string]*cloakroom.Config{"Validate": {Validate: hook}, "BeforeSave": {BeforeSave: hook}} {
					armed = false
					r := newRig(t, c)
					cookie := r.fresh()
					armed = true
					began := time.Now()
					res := r.with(func(s *cloakroom.Session) { visits.Set(s, 7) }, cookie)
					if res.StatusCode != http.StatusServiceUnavailable || res.Header.Get("Retry-After") == "" || ticket(res) != "" || cleared(res) {
						t.Errorf("%s: %d, %v", field, res.StatusCode, res.Header)
					}
					if took := time.Since(began); took > 2*time.Second {
						t.Errorf("%s: the answer took %v", field, took)
					}
					armed = false
					r.with(func(s *cloakroom.Session) {
						if s.IsNew() || visits.Get(s) != 0 {
							t.Errorf("%s: new %v, visits %d", field, s.IsNew(), visits.Get(s))
						}
					}, cookie)
				}
				time.Sleep(2 * time.Hour) // for what hangs to come to its end
			})
		})
	}
}

func TestBeforeSaveAddsToTheSameSave(t *testing.T) {
	var calls int
	r := newRig(t, &cloakroom.Config{BeforeSave: func(_ context.Context, s *cloakroom.Session) error {
		calls++
		visits.Set(s, len(s.Names()))
		return nil
	}})
	cookie := r.fresh()
	if calls != 1 {
		t.Errorf("%d calls for one commit", calls)
	}
	r.with(func(s *cloakroom.Session) { name.Get(s) }, cookie)
	if calls != 1 {
		t.Error("called for a request that saves nothing")
	}
	r.spy.calls()
	r.with(func(s *cloakroom.Session) { name.Set(s, "x"); visits.Set(s, 0) }, cookie)
	if _, saves, _ := r.spy.calls(); saves != 1 {
		t.Errorf("%d saves", saves)
	}
	r.with(func(s *cloakroom.Session) {
		if visits.Get(s) != 2 {
			t.Errorf("visits %d", visits.Get(s))
		}
	}, cookie)
}

func TestAnErrorOfBeforeSaveFailsTheCommit(t *testing.T) {
	broken := errors.New("no order number")
	r := newRig(t, &cloakroom.Config{BeforeSave: func(context.Context, *cloakroom.Session) error { return broken }})
	res := r.with(func(s *cloakroom.Session) {
		name.Set(s, "x")
		if err := s.Save(t.Context()); !errors.Is(err, broken) || !strings.Contains(err.Error(), "BeforeSave") {
			t.Errorf("Save: %v", err)
		}
	})
	if res.StatusCode != http.StatusInternalServerError || ticket(res) != "" {
		t.Errorf("%d, cookie %q", res.StatusCode, ticket(res))
	}
}

// The edits of a BeforeSave are replayed like those of the handler, not made twice.
func TestUpdatesOfBeforeSaveAreReplayedAndCountOnce(t *testing.T) {
	var calls atomic.Int32
	r := newRig(t, &cloakroom.Config{BeforeSave: func(_ context.Context, s *cloakroom.Session) error {
		calls.Add(1)
		visits.Update(s, func(n int) int { return n + 1 })
		return nil
	}})
	cookie := r.fresh() // visits 1
	const n = 8
	var waiting []*parked
	for range n {
		waiting = append(waiting, r.park(func(s *cloakroom.Session) {
			cart.Update(s, func(c []string) []string { return append(c, "x") })
		}, cookie))
	}
	done := make(chan *http.Response, n)
	for _, p := range waiting {
		go func() { done <- p.finish() }()
	}
	for range n {
		if res := <-done; res.StatusCode != http.StatusOK {
			t.Errorf("status %d", res.StatusCode)
		}
	}
	r.with(func(s *cloakroom.Session) {
		if visits.Get(s) != n+1 || len(cart.Get(s)) != n {
			t.Errorf("visits %d, cart of %d", visits.Get(s), len(cart.Get(s)))
		}
	}, cookie)
	if calls.Load() != n+1 {
		t.Errorf("BeforeSave was called %d times for %d commits", calls.Load(), n+1)
	}
}

// A secret that changes when no cookie can be set any more would sign the client out.
func TestBeforeSaveCannotRenewAfterTheFirstByte(t *testing.T) {
	renew := false
	r := newRig(t, &cloakroom.Config{BeforeSave: func(_ context.Context, s *cloakroom.Session) error {
		if renew {
			s.Renew()
		}
		return nil
	}})
	cookie := r.fresh()
	r.do(func(w http.ResponseWriter, req *http.Request) {
		s, err := r.m.Load(req.Context())
		r.must(err)
		_, _ = w.Write([]byte("first byte"))
		renew = true
		visits.Set(s, 1)
		if err := s.Save(t.Context()); err == nil {
			t.Error("Save renewed the session")
		}
		renew = false
	}, cookie)
	if !r.opens(cookie) {
		t.Error("the client is signed out")
	}
}

func TestAPanicOfNewIDIsAnOutage(t *testing.T) {
	r := newRig(t, &cloakroom.Config{NewID: func(context.Context) ([15]byte, error) { panic("boom") }})
	if res := r.with(func(s *cloakroom.Session) { name.Set(s, "x") }); res.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("status %d", res.StatusCode)
	}
}

func TestTheLotterySweepsInRequestsThatLoadASession(t *testing.T) {
	r := newRig(t, &cloakroom.Config{SweepLottery: cloakroom.SweepLottery{Wins: 1, Of: 1}, IdleTimeout: time.Minute})
	cookie := r.fresh()
	r.clock.advance(time.Hour)
	held := func() int { return r.spy.Store.(interface{ Len() int }).Len() }
	r.do(func(http.ResponseWriter, *http.Request) {})
	if held() != 1 {
		t.Errorf("%d records: a request that loads no session swept", held())
	}
	r.with(func(s *cloakroom.Session) {}, cookie)
	if held() != 0 {
		t.Errorf("%d records after a request that drew the lot", held())
	}
	for _, l := range []cloakroom.SweepLottery{{-1, 2}, {3, 2}, {1, -1}} {
		if _, err := cloakroom.New(r.spy, &cloakroom.Config{SweepLottery: l}); err == nil || !strings.Contains(err.Error(), "SweepLottery") {
			t.Errorf("%+v: %v", l, err)
		}
	}
}
