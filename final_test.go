package cloakroom_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/store"
)

func destroy(t *testing.T) func(s *cloakroom.Session) {
	return func(s *cloakroom.Session) {
		t.Helper()
		if err := s.Destroy(context.Background()); err != nil {
			t.Error(err)
		}
	}
}

func TestSaveNeverRevives(t *testing.T) {
	r := newRig(t, nil)
	cookie := r.fresh()
	slow := r.park(func(s *cloakroom.Session) { name.Set(s, "slow"); visits.Update(s, func(n int) int { return n + 1 }) }, cookie)
	r.with(destroy(t), cookie)
	r.log.take()
	if res := slow.finish(); ticket(res) != "" || res.StatusCode != 200 {
		t.Errorf("the slow request: status %d, cookie %q", res.StatusCode, ticket(res))
	}
	if _, err := r.record(cookie); !errors.Is(err, store.ErrNotFound) || r.opens(cookie) {
		t.Errorf("the session came back: %v", err)
	}
	if d, ok := find(r.log.take(), func(d cloakroom.Dropped) bool { return d.Reason == cloakroom.ReasonGone }); !ok || len(d.Names) != 2 {
		t.Errorf("dropped: %+v", d)
	}
}

func TestTouchNeverRevives(t *testing.T) {
	r := newRig(t, nil)
	cookie := r.fresh()
	r.clock.advance(3 * hour)
	slow := r.park(func(s *cloakroom.Session) { name.Get(s) }, cookie)
	r.with(destroy(t), cookie)
	r.spy.calls()
	if res := slow.finish(); ticket(res) != "" || res.StatusCode != 200 {
		t.Errorf("status %d, cookie %q", res.StatusCode, ticket(res))
	}
	if _, saves, _ := r.spy.calls(); saves != 1 {
		t.Errorf("%d saves: the touch was to be tried", saves)
	}
	if _, err := r.record(cookie); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("the session came back: %v", err)
	}
}

func TestDestroyIsServerFirstAndThenClearsTheCookie(t *testing.T) {
	r := newRig(t, nil)
	cookie := r.fresh()
	res := r.with(func(s *cloakroom.Session) {
		id := s.ID()
		name.Set(s, "dropped")
		destroy(t)(s)
		if !s.IsNew() || len(s.Names()) != 0 || s.Owner() != "" || s.ID() == id {
			t.Errorf("afterwards: new %v, fields %q, ID %q", s.IsNew(), s.Names(), s.ID())
		}
	}, cookie)
	line := res.Header.Get("Set-Cookie")
	if !strings.HasPrefix(line, "__Host-session=;") || !strings.Contains(line, "Max-Age=0") || !strings.Contains(line, "Path=/") || !strings.Contains(line, "Secure") {
		t.Errorf("Set-Cookie: %q", line)
	}
	wantEvent(t, r.log, cloakroom.Ended{ID: key(cookie), Reason: cloakroom.ReasonDestroyed})
	if _, _, deletes := r.spy.calls(); deletes != 1 {
		t.Errorf("%d deletes", deletes)
	}
}

func TestEditsAfterDestroyMakeANewSession(t *testing.T) {
	r := newRig(t, nil)
	old := r.fresh()
	res := r.with(func(s *cloakroom.Session) { destroy(t)(s); name.Set(s, "goodbye") }, old)
	if lines := res.Header["Set-Cookie"]; len(lines) != 1 {
		t.Errorf("Set-Cookie: %q", lines)
	}
	fresh := ticket(res)
	if key(fresh) == key(old) || name.Get(s0(r, fresh)) != "goodbye" || r.opens(old) {
		t.Errorf("from %q to %q", old, fresh)
	}
}

func TestAFailedDestroyKeepsTheCookieAndReturnsTheError(t *testing.T) {
	r := newRig(t, nil)
	cookie := r.fresh()
	r.spy.meddle(func(s *spy) {
		s.delete = func(context.Context, string) error { return errors.New("down") }
	})
	res := r.with(func(s *cloakroom.Session) {
		if err := s.Destroy(context.Background()); !errors.Is(err, cloakroom.ErrUnavailable) || !strings.Contains(err.Error(), "delete: down") {
			t.Errorf("%v", err)
		}
		if s.IsNew() || name.Get(s) != "first" {
			t.Error("the view was emptied though the session lives")
		}
	}, cookie)
	if len(res.Header["Set-Cookie"]) != 0 || !r.opens(cookie) {
		t.Errorf("Set-Cookie %q", res.Header["Set-Cookie"])
	}
}

func TestOnlyDestroyEverClearsACookie(t *testing.T) {
	r := newRig(t, nil)
	for _, cookie := range []string{"__Host-session=junk", "__Host-session=" + strings.Repeat("A", 43)} {
		if res := r.with(func(s *cloakroom.Session) { s.Clear(); s.Renew() }, cookie); len(res.Header["Set-Cookie"]) != 0 {
			t.Errorf("%q: Set-Cookie %q", cookie, res.Header["Set-Cookie"])
		}
		if res := r.with(destroy(t), cookie); !strings.Contains(res.Header.Get("Set-Cookie"), "Max-Age=0") {
			t.Errorf("%q: Destroy left the cookie", cookie)
		}
	}
	if res := r.with(destroy(t)); len(res.Header["Set-Cookie"]) != 0 {
		t.Errorf("a client without a cookie was told to clear it: %q", res.Header["Set-Cookie"])
	}
	if _, _, deletes := r.spy.calls(); deletes != 0 {
		t.Errorf("%d deletes for sessions that never were", deletes)
	}
}

// A client that leaves in the middle of its sign-out is signed out.
func TestDestroyGoesOnWhenTheClientLeaves(t *testing.T) {
	r := newRig(t, nil)
	cookie := r.fresh()
	ctx, leave := context.WithCancel(context.Background())
	r.spy.meddle(func(s *spy) {
		s.delete = func(ctx context.Context, key string) error {
			leave()
			if ctx.Err() != nil {
				t.Error("the store call was cancelled with the client")
			}
			return s.Store.Delete(ctx, key)
		}
	})
	req := httptest.NewRequestWithContext(ctx, "GET", "https://example.com/", nil)
	req.Header.Set("Cookie", cookie)
	r.m.Handler(r.m.Func(func(_ http.ResponseWriter, req *http.Request, s *cloakroom.Session) {
		if err := s.Destroy(req.Context()); err != nil {
			t.Error(err)
		}
		if err := s.Save(req.Context()); !errors.Is(err, context.Canceled) {
			t.Errorf("a method begun with a cancelled context: %v", err)
		}
	})).ServeHTTP(httptest.NewRecorder(), req)
	if r.opens(cookie) {
		t.Error("the session lives")
	}
}

func TestSaveAndReloadTellThatTheSessionHasEnded(t *testing.T) {
	r := newRig(t, nil)
	for what, f := range map[string]func(s *cloakroom.Session) error{
		"Save":   func(s *cloakroom.Session) error { visits.Set(s, 1); return s.Save(context.Background()) },
		"Reload": func(s *cloakroom.Session) error { visits.Set(s, 1); return s.Reload(context.Background()) },
	} {
		cookie := r.fresh()
		res := r.with(func(s *cloakroom.Session) {
			r.with(destroy(t), cookie)
			if err := f(s); !errors.Is(err, cloakroom.ErrEnded) {
				t.Errorf("%s: %v", what, err)
			}
			if !s.IsNew() || len(s.Names()) != 0 {
				t.Errorf("%s: the view still shows %q", what, s.Names())
			}
			visits.Set(s, 2) // dropped as well
			if err := s.Reload(context.Background()); !errors.Is(err, cloakroom.ErrEnded) {
				t.Errorf("%s, then Reload: %v", what, err)
			}
			visits.Set(s, 3)
		}, cookie)
		if ticket(res) != "" || r.opens(cookie) {
			t.Errorf("%s: cookie %q", what, ticket(res))
		}
	}
}

func TestReloadPutsEditsOnTop(t *testing.T) {
	r := newRig(t, nil)
	cookie := r.fresh()
	r.with(func(s *cloakroom.Session) {
		visits.Update(s, func(n int) int { return n + 1 })
		r.with(func(s *cloakroom.Session) { visits.Set(s, 41); name.Set(s, "theirs") }, cookie)
		if err := s.Reload(context.Background()); err != nil {
			t.Fatal(err)
		}
		if visits.Get(s) != 42 || name.Get(s) != "theirs" {
			t.Errorf("visits %d, name %q", visits.Get(s), name.Get(s))
		}
	}, cookie)
	if got := visits.Get(s0(r, cookie)); got != 42 {
		t.Errorf("stored %d", got)
	}
}

func TestASignInSurvivesAReloadThatFindsTheSessionEnded(t *testing.T) {
	r := newRig(t, nil)
	cookie := r.fresh()
	after := ticket(r.with(func(s *cloakroom.Session) {
		s.SignIn("u1")
		r.with(destroy(t), cookie)
		if err := s.Reload(context.Background()); !errors.Is(err, cloakroom.ErrEnded) {
			t.Error(err)
		}
	}, cookie))
	if after == "" || s0(r, after).Owner() != "u1" {
		t.Errorf("cookie %q", after)
	}
}

func TestSaveSaysEveryTimeThatTheSessionHasEnded(t *testing.T) {
	r := newRig(t, nil)
	cookie := r.fresh()
	r.with(func(s *cloakroom.Session) {
		r.with(destroy(t), cookie)
		visits.Set(s, 1)
		for range 3 {
			if err := s.Save(context.Background()); !errors.Is(err, cloakroom.ErrEnded) {
				t.Errorf("%v", err)
			}
		}
	}, cookie)
}
