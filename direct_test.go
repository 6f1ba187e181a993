package cloakroom_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/store"
)

// direct runs f in a request, without loading the session.
func (r *rig) direct(f func(d *cloakroom.Direct), cookies ...string) *http.Response {
	r.t.Helper()
	return r.do(func(w http.ResponseWriter, req *http.Request) {
		d, err := r.m.Direct(req.Context())
		if err != nil {
			r.m.Fail(w, req, err)
			return
		}
		f(d)
	}, cookies...)
}

func (r *rig) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Error(err)
	}
}

func TestADirectReadIsOneCallAndAsksForTheNamedFieldsOnly(t *testing.T) {
	r := newRig(t, nil)
	cookie := ticket(r.with(func(s *cloakroom.Session) { name.Set(s, "first"); visits.Set(s, 7); cart.Set(s, []string{"x"}) }))
	r.spy.calls()
	r.direct(func(d *cloakroom.Direct) {
		var got string
		if ok, err := d.Get(t.Context(), "name", &got); !ok || err != nil || got != "first" {
			t.Errorf("%q, %v, %v", got, ok, err)
		}
		if loads, saves, _ := r.spy.calls(); loads != 1 || saves != 0 {
			t.Errorf("%d loads, %d saves", loads, saves)
		}
		values, err := d.GetMany(t.Context(), "visits", "missing")
		if err != nil || len(values) != 1 || string(values["visits"]) != "7" {
			t.Errorf("%q, %v", values, err)
		}
	}, cookie)
	if !slices.Contains(r.spy.asked, "name") || slices.Contains(r.spy.asked, "cart") {
		t.Errorf("asked for %q", r.spy.asked)
	}
}

func TestADirectWriteMovesOnlyWhatItNames(t *testing.T) {
	r := newRig(t, nil)
	cookie := r.fresh()
	r.direct(func(d *cloakroom.Direct) {
		r.must(d.Set(t.Context(), "visits", 1))
		if loads, saves, _ := r.spy.calls(); loads != 1 || saves != 1 {
			t.Errorf("the first write: %d loads, %d saves", loads, saves)
		}
		r.must(d.SetMany(t.Context(), map[string]any{"visits": 2, "cart": []string{"a"}}))
		if loads, saves, _ := r.spy.calls(); loads != 0 || saves != 1 {
			t.Errorf("the second write: %d loads, %d saves", loads, saves)
		}
		r.must(d.Delete(t.Context(), "name", "never there"))
	}, cookie)
	r.with(func(s *cloakroom.Session) {
		if visits.Get(s) != 2 || len(cart.Get(s)) != 1 || s.Has("name") {
			t.Errorf("fields %q", s.Names())
		}
	}, cookie)
}

func TestAddsInParallelAreAllCounted(t *testing.T) {
	r := newRig(t, nil)
	cookie := r.fresh()
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			r.direct(func(d *cloakroom.Direct) {
				if _, err := d.Add(t.Context(), "visits", 2); err != nil {
					t.Error(err)
				}
			}, cookie)
		})
		all.Go(func() {
			r.must(r.m.DirectTrusted(key(cookie)).Set(t.Context(), "name", "other"))
		})
	}
	all.Wait()
	r.direct(func(d *cloakroom.Direct) {
		if sum, err := d.Add(t.Context(), "visits", 0); sum != 40 || err != nil {
			t.Errorf("%d, %v", sum, err)
		}
	}, cookie)
}

func TestAnAddThatDoesNotFitLeavesTheValue(t *testing.T) {
	r := newRig(t, nil)
	cookie := r.fresh()
	r.direct(func(d *cloakroom.Direct) {
		r.must(d.Set(t.Context(), "visits", math.MaxInt64-1))
		if sum, err := d.Add(t.Context(), "visits", 2); err == nil || sum != 0 || !strings.Contains(err.Error(), `"visits"`) {
			t.Errorf("%d, %v", sum, err)
		}
		if sum, err := d.Add(t.Context(), "visits", 1); err != nil || sum != math.MaxInt64 {
			t.Errorf("%d, %v", sum, err)
		}
		if _, err := d.Add(t.Context(), "name", 1); err == nil || strings.Contains(err.Error(), "first") {
			t.Errorf("a string was added to: %v", err)
		}
		var got string
		if _, err := d.Get(t.Context(), "name", &got); err != nil || got != "first" {
			t.Errorf("%q, %v", got, err)
		}
	}, cookie)
}

func TestADirectWriteNeverRevives(t *testing.T) {
	r := newRig(t, nil)
	cookie := r.fresh()
	r.direct(func(d *cloakroom.Direct) {
		r.must(d.Set(t.Context(), "visits", 1))
		r.with(func(s *cloakroom.Session) { r.must(s.Destroy(t.Context())) }, cookie)
		for what, err := range map[string]error{
			"set":    d.Set(t.Context(), "visits", 2),
			"again":  d.Set(t.Context(), "visits", 2),
			"delete": d.Delete(t.Context(), "visits"),
			"extend": d.Extend(t.Context(), time.Hour),
		} {
			if !errors.Is(err, cloakroom.ErrEnded) {
				t.Errorf("%s: %v", what, err)
			}
		}
		if _, err := d.Add(t.Context(), "visits", 1); !errors.Is(err, cloakroom.ErrEnded) {
			t.Errorf("add: %v", err)
		}
		var n int
		if ok, err := d.Get(t.Context(), "visits", &n); ok || err != nil {
			t.Errorf("get: %v, %v", ok, err)
		}
	}, cookie)
	if r.opens(cookie) {
		t.Error("the session lives")
	}
}

func TestADirectWriteNeverCrossesASignIn(t *testing.T) {
	r := newRig(t, nil)
	cookie := r.fresh()
	var victim string
	trusted := r.m.DirectTrusted(key(cookie))
	r.must(trusted.Set(t.Context(), "visits", 1))
	r.direct(func(d *cloakroom.Direct) {
		r.must(d.Set(t.Context(), "visits", 2))
		victim = ticket(r.with(func(s *cloakroom.Session) { s.SignIn("victim") }, cookie))
		for _, d := range []*cloakroom.Direct{d, trusted} {
			if err := d.Set(t.Context(), "name", "attacker"); !errors.Is(err, cloakroom.ErrEnded) {
				t.Errorf("set: %v", err)
			}
			if _, err := d.Add(t.Context(), "visits", 1); !errors.Is(err, cloakroom.ErrEnded) {
				t.Errorf("add: %v", err)
			}
			var got string
			if ok, err := d.Get(t.Context(), "name", &got); ok || err != nil {
				t.Errorf("get: %q, %v, %v", got, ok, err)
			}
		}
	}, cookie)
	r.with(func(s *cloakroom.Session) {
		if name.Get(s) != "first" || visits.Get(s) != 2 {
			t.Errorf("name %q, visits %d", name.Get(s), visits.Get(s))
		}
	}, victim)
}

func TestADirectReadFindsNothingWithAnythingButAGoodToken(t *testing.T) {
	r := newRig(t, &cloakroom.Config{IdleTimeout: time.Hour, Lifetime: 2 * time.Hour})
	cookie := r.fresh()
	finds := func(cookies ...string) (ok bool) {
		r.direct(func(d *cloakroom.Direct) {
			var got string
			found, err := d.Get(t.Context(), "name", &got)
			r.must(err)
			ok = found
		}, cookies...)
		return ok
	}
	forged := cookie[:len(cookie)-1] + "A"
	if finds() || finds("__Host-session=nonsense") || finds(forged) && forged != cookie {
		t.Error("a visitor or a forger reads")
	}
	if !finds("__Host-session=nonsense", cookie) {
		t.Error("the good token behind a bad one was not found")
	}
	r.clock.advance(50 * time.Minute)
	if !finds(cookie) {
		t.Error("not found within the idle timeout")
	}
	r.clock.advance(50 * time.Minute)
	if !finds(cookie) {
		t.Error("a direct read did not count as use")
	}
	r.clock.advance(25 * time.Minute)
	if finds(cookie) {
		t.Error("found after the lifetime")
	}
}

func TestTheFirstDirectWriteOfAVisitorBeginsASession(t *testing.T) {
	r := newRig(t, nil)
	res := r.direct(func(d *cloakroom.Direct) {
		var n int
		if ok, err := d.Get(t.Context(), "visits", &n); ok || err != nil {
			t.Errorf("%v, %v", ok, err)
		}
		r.must(d.Set(t.Context(), "visits", 1))
		if sum, err := d.Add(t.Context(), "visits", 1); sum != 2 || err != nil {
			t.Errorf("%d, %v", sum, err)
		}
		if ok, err := d.Get(t.Context(), "visits", &n); !ok || err != nil || n != 2 {
			t.Errorf("%d, %v, %v", n, ok, err)
		}
	})
	cookie := ticket(res)
	r.with(func(s *cloakroom.Session) {
		if visits.Get(s) != 2 {
			t.Errorf("visits %d", visits.Get(s))
		}
	}, cookie)
	if res := r.direct(func(d *cloakroom.Direct) { _, _ = d.GetMany(t.Context(), "visits") }); ticket(res) != "" {
		t.Error("a visitor who reads got a cookie")
	}
}

func TestADirectWriteThatFailedIsNotSavedLater(t *testing.T) {
	refuse := true
	r := newRig(t, &cloakroom.Config{BeforeSave: func(context.Context, *cloakroom.Session) error {
		if refuse {
			return errors.New("not now")
		}
		return nil
	}})
	res := r.direct(func(d *cloakroom.Direct) {
		if err := d.Set(t.Context(), "a", 1); err == nil {
			t.Error("a refused write returned nil")
		}
		refuse = false
	})
	if ticket(res) != "" {
		t.Errorf("the write was saved after all: %q", ticket(res))
	}
	r.do(func(_ http.ResponseWriter, req *http.Request) {
		s, err := r.m.Load(req.Context())
		r.must(err)
		name.Set(s, "pending")
		d, err := r.m.Direct(req.Context())
		r.must(err)
		r.must(d.Set(t.Context(), "visits", 1))
		if s.IsNew() || name.Get(s) != "pending" {
			t.Errorf("new %v, name %q", s.IsNew(), name.Get(s))
		}
	})
}

func TestAddLeavesNullAlone(t *testing.T) {
	r := newRig(t, nil)
	r.direct(func(d *cloakroom.Direct) {
		r.must(d.Set(t.Context(), "n", nil))
		if sum, err := d.Add(t.Context(), "n", 1); err == nil {
			t.Errorf("null and 1 are %d", sum)
		}
	}, r.fresh())
}

func TestTheSessionSeesADirectWriteAfterReload(t *testing.T) {
	r := newRig(t, nil)
	cookie := r.fresh()
	r.do(func(_ http.ResponseWriter, req *http.Request) {
		s, err := r.m.Load(req.Context())
		r.must(err)
		d, err := r.m.Direct(req.Context())
		r.must(err)
		r.must(d.Set(t.Context(), "visits", 1))
		if visits.Get(s) != 0 {
			t.Error("seen without Reload")
		}
		name.Set(s, "kept")
		r.must(s.Reload(t.Context()))
		if visits.Get(s) != 1 || name.Get(s) != "kept" {
			t.Errorf("visits %d, name %q", visits.Get(s), name.Get(s))
		}
	}, cookie)
}

func TestDirectFollowsASignInOfItsOwnRequest(t *testing.T) {
	r := newRig(t, nil)
	cookie := r.fresh()
	res := r.do(func(_ http.ResponseWriter, req *http.Request) {
		s, err := r.m.Load(req.Context())
		r.must(err)
		s.SignIn("u1")
		r.must(s.Save(t.Context()))
		d, err := r.m.Direct(req.Context())
		r.must(err)
		r.must(d.Set(t.Context(), "visits", 5))
	}, cookie)
	r.with(func(s *cloakroom.Session) {
		if visits.Get(s) != 5 {
			t.Errorf("visits %d", visits.Get(s))
		}
	}, ticket(res))
}

func TestADirectDestroyEndsTheSessionAndClearsTheCookie(t *testing.T) {
	r := newRig(t, nil)
	for name, destroy := range map[string]http.HandlerFunc{
		"alone": func(_ http.ResponseWriter, req *http.Request) {
			d, err := r.m.Direct(req.Context())
			r.must(err)
			r.must(d.Destroy(req.Context()))
		},
		"beside a loaded session with edits": func(_ http.ResponseWriter, req *http.Request) {
			s, err := r.m.Load(req.Context())
			r.must(err)
			visits.Set(s, 1)
			d, err := r.m.Direct(req.Context())
			r.must(err)
			r.must(d.Destroy(req.Context()))
		},
	} {
		cookie := r.fresh()
		if res := r.do(destroy, cookie); !cleared(res) {
			t.Errorf("%s: %q", name, res.Header["Set-Cookie"])
		}
		wantEvent(t, r.log, cloakroom.Ended{ID: key(cookie), Reason: cloakroom.ReasonDestroyed})
		if r.opens(cookie) {
			t.Errorf("%s: the session lives", name)
		}
	}
	cookie := r.fresh()
	r.must(r.m.DirectTrusted(key(cookie)).Destroy(t.Context()))
	r.must(r.m.DirectTrusted(key(cookie)).Destroy(t.Context()))
	if r.opens(cookie) {
		t.Error("a trusted Destroy left the session")
	}
}

func TestExtendMovesTheIdleTimeoutAndNeverTheLifetime(t *testing.T) {
	r := newRig(t, &cloakroom.Config{IdleTimeout: time.Hour, Lifetime: 5 * time.Hour})
	cookie := r.fresh()
	r.direct(func(d *cloakroom.Direct) { r.must(d.Extend(t.Context(), 3*time.Hour)) }, cookie)
	r.clock.advance(2*time.Hour + 50*time.Minute)
	if !r.opens(cookie) {
		t.Fatal("ended before the time it was extended by")
	}
	r.direct(func(d *cloakroom.Direct) {
		r.must(d.Extend(t.Context(), cloakroom.NoTimeout))
		if err := d.Extend(t.Context(), -time.Second); err == nil {
			t.Error("a negative time was accepted")
		}
	}, cookie)
	r.clock.advance(2*time.Hour + 11*time.Minute)
	if r.opens(cookie) {
		t.Error("lives past its lifetime")
	}
}

func TestTrustedAccessNeedsNoTokenAndSaysWhenThereIsNoSession(t *testing.T) {
	r := newRig(t, &cloakroom.Config{KeyPrefix: "app:"})
	cookie := r.fresh()
	d := r.m.DirectTrusted(key(cookie))
	var got string
	if ok, err := d.Get(t.Context(), "name", &got); !ok || err != nil || got != "first" {
		t.Errorf("%q, %v, %v", got, ok, err)
	}
	for _, id := range []string{"AAAAAAAAAAAAAAAAAAAA", "", "$own", "\xff", strings.Repeat("x", 300)} {
		d := r.m.DirectTrusted(id)
		if err := d.Set(t.Context(), "name", "x"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%q: %v", id, err)
		}
		if ok, err := d.Get(t.Context(), "name", &got); ok || err != nil {
			t.Errorf("%q: %v, %v", id, ok, err)
		}
		r.must(d.Destroy(t.Context()))
	}
}

func TestBadNamesAndValuesOfDirectAreErrorsThatNameThem(t *testing.T) {
	r := newRig(t, nil)
	cookie := r.fresh()
	r.direct(func(d *cloakroom.Direct) {
		for _, bad := range []string{"", "$secret", "\xff", strings.Repeat("n", 257)} {
			_, read := d.GetMany(t.Context(), "name", bad)
			_, add := d.Add(t.Context(), bad, 1)
			for _, err := range []error{read, add, d.Set(t.Context(), bad, 1), d.Delete(t.Context(), bad)} {
				if err == nil {
					t.Errorf("the name %.10q was accepted", bad)
				}
			}
		}
		if err := d.Set(t.Context(), "ch", make(chan int)); err == nil || !strings.Contains(err.Error(), `"ch"`) {
			t.Errorf("%v", err)
		}
		var n int
		if _, err := d.Get(t.Context(), "name", &n); err == nil || strings.Contains(err.Error(), "first") || !strings.Contains(err.Error(), `"name"`) {
			t.Errorf("%v", err)
		}
		if _, err := d.Get(t.Context(), "name", n); err == nil || !strings.Contains(err.Error(), "pointer") {
			t.Errorf("%v", err)
		}
	}, cookie)
	if _, saves, _ := r.spy.calls(); saves != 0 {
		t.Errorf("%d saves", saves)
	}
}

func TestDirectOutsideOfTheHandlerIsAnError(t *testing.T) {
	if _, err := newRig(t, nil).m.Direct(context.Background()); err == nil || !strings.Contains(err.Error(), "Handler") {
		t.Errorf("%v", err)
	}
}

func TestAnUncertainDirectWriteIsNeverRepeated(t *testing.T) {
	r := newRig(t, nil)
	cookie := r.fresh()
	r.loseAnswers(true)
	r.direct(func(d *cloakroom.Direct) {
		if _, err := d.Add(t.Context(), "visits", 1); !errors.Is(err, cloakroom.ErrUnavailable) {
			t.Errorf("%v", err)
		}
		r.mend()
		if sum, err := d.Add(t.Context(), "visits", 1); sum != 2 || err != nil {
			t.Errorf("%d, %v", sum, err)
		}
	}, cookie)
}

func TestDirectCallsShareTheStoreTimeoutOfTheirRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		cookie := r.fresh()
		r.spy.meddle(func(s *spy) {
			s.load = func(ctx context.Context, _ string) (store.Record, error) {
				<-ctx.Done()
				return store.Record{}, ctx.Err()
			}
		})
		began := time.Now()
		r.direct(func(d *cloakroom.Direct) {
			for range 3 {
				if _, err := d.GetMany(t.Context(), "name"); !errors.Is(err, cloakroom.ErrUnavailable) {
					t.Errorf("%v", err)
				}
			}
		}, cookie)
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("three calls took %v", took)
		}
	})
}

// A hook judges the whole session, so it is given the whole.
func TestHooksOfADirectWriteSeeTheWholeSession(t *testing.T) {
	var seen []string
	r := newRig(t, &cloakroom.Config{
		Validate: func(_ context.Context, s *cloakroom.Session) error {
			seen = append(seen, fmt.Sprint(s.Names()))
			return nil
		},
		BeforeSave: func(_ context.Context, s *cloakroom.Session) error {
			seen = append(seen, fmt.Sprint(s.Names()))
			return nil
		},
	})
	cookie := r.fresh()
	seen = nil
	r.direct(func(d *cloakroom.Direct) { r.must(d.Set(t.Context(), "visits", 1)) }, cookie)
	if fmt.Sprint(seen) != "[[name] [name visits]]" {
		t.Errorf("seen: %v", seen)
	}
}

func TestDirectReadsAndWritesSealedValues(t *testing.T) {
	r := sealedRig(t, 1)
	cookie := r.fresh()
	r.direct(func(d *cloakroom.Direct) {
		for range 3 {
			_, err := d.Add(t.Context(), "visits", 1)
			r.must(err)
		}
		var n int
		if ok, err := d.Get(t.Context(), "visits", &n); !ok || err != nil || n != 3 {
			t.Errorf("%d, %v, %v", n, ok, err)
		}
	}, cookie)
	r.with(func(s *cloakroom.Session) {
		if visits.Get(s) != 3 || name.Get(s) != "first" {
			t.Errorf("visits %d, name %q", visits.Get(s), name.Get(s))
		}
	}, cookie)
}

func TestAResponseMadeOfDirectReadsIsPrivate(t *testing.T) {
	r := newRig(t, nil)
	res := r.direct(func(d *cloakroom.Direct) { _, _ = d.GetMany(t.Context(), "name") }, r.fresh())
	if res.Header.Get("Cache-Control") != "private" || res.Header.Get("Vary") != "Cookie" {
		t.Errorf("%v", res.Header)
	}
	if res := r.direct(func(*cloakroom.Direct) {}, r.fresh()); len(res.Header) != 0 {
		t.Errorf("a Direct that reads nothing left %v", res.Header)
	}
}
