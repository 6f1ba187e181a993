package cloakroom_test

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/store"
)

func TestRestartGivesAnEmptySessionWithANewIDAndEndsTheOld(t *testing.T) {
	r := newRig(t, nil)
	before := r.fresh()
	var id string
	after := ticket(r.with(func(s *cloakroom.Session) {
		visits.Set(s, 1)
		s.Restart()
		if names := s.Names(); len(names) != 0 || !s.IsNew() || s.Owner() != "" {
			t.Errorf("after Restart: fields %q, new %v", names, s.IsNew())
		}
		id = s.ID()
		name.Set(s, "second")
	}, before))
	if after == "" || key(after) == key(before) || key(after) != id {
		t.Fatalf("cookie %q after %q, ID %q", after, before, id)
	}
	wantEvent(t, r.log, cloakroom.Ended{ID: key(before), Reason: cloakroom.ReasonRestarted})
	r.with(func(s *cloakroom.Session) {
		if name.Get(s) != "second" || visits.Get(s) != 0 {
			t.Errorf("name %q, visits %d", name.Get(s), visits.Get(s))
		}
	}, after)
	if r.opens(before) {
		t.Error("the session from before opens still")
	}
}

func TestARestartWithNothingAfterItEndsTheSessionAndClearsTheCookie(t *testing.T) {
	r := newRig(t, nil)
	cookie := r.fresh()
	res := r.with(func(s *cloakroom.Session) { s.Restart() }, cookie)
	if c := cleared(res); !c {
		t.Errorf("the cookie was not cleared: %q", res.Header["Set-Cookie"])
	}
	if _, err := r.record(cookie); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("the record: %v", err)
	}
	if res := r.with(func(s *cloakroom.Session) { s.Restart() }); len(res.Header["Set-Cookie"]) != 0 {
		t.Errorf("a visitor without a session got %q", res.Header["Set-Cookie"])
	}
}

func TestNothingFromBeforeARestartIsWrittenAfterIt(t *testing.T) {
	r := newRig(t, nil)
	before := r.fresh()
	late := r.park(func(s *cloakroom.Session) { name.Set(s, "late") }, before)
	after := ticket(r.with(func(s *cloakroom.Session) { s.Restart(); visits.Set(s, 1) }, before))
	late.finish()
	r.with(func(s *cloakroom.Session) {
		if s.Has("name") {
			t.Error("an edit from before the restart was written")
		}
	}, after)
	if r.opens(before) {
		t.Error("a late request revived the session")
	}
}

func cleared(res *http.Response) bool {
	for _, c := range res.Cookies() {
		if c.MaxAge < 0 && c.Value == "" {
			return true
		}
	}
	return false
}

func TestTouchIsWrittenAtOnce(t *testing.T) {
	r := newRig(t, &cloakroom.Config{IdleTimeout: time.Hour, TouchInterval: 10 * time.Minute})
	cookie := r.fresh()
	r.clock.advance(time.Minute)
	r.with(func(s *cloakroom.Session) { name.Get(s) }, cookie)
	if _, saves, _ := r.spy.calls(); saves != 0 {
		t.Errorf("a read within the interval made %d saves", saves)
	}
	r.with(func(s *cloakroom.Session) {
		s.Touch()
		if want := r.clock.Now().Add(time.Hour); !s.ExpiresAt().Equal(want) {
			t.Errorf("ExpiresAt %v, want %v", s.ExpiresAt(), want)
		}
	}, cookie)
	if _, saves, _ := r.spy.calls(); saves != 1 {
		t.Errorf("Touch made %d saves", saves)
	}
	r.with(func(s *cloakroom.Session) {
		if !s.LastSeenAt().Equal(r.clock.Now()) {
			t.Errorf("seen %v, now %v", s.LastSeenAt(), r.clock.Now())
		}
	}, cookie)
	r.with(func(s *cloakroom.Session) { s.Touch() })
	if _, saves, _ := r.spy.calls(); saves != 0 {
		t.Errorf("a visitor's Touch made %d saves", saves)
	}
}

func TestATouchThatWasAskedForNeverRevives(t *testing.T) {
	r := newRig(t, nil)
	cookie := r.fresh()
	p := r.park(func(s *cloakroom.Session) { s.Touch() }, cookie)
	r.with(func(s *cloakroom.Session) { _ = s.Destroy(t.Context()) }, cookie)
	p.finish()
	if r.opens(cookie) {
		t.Error("the session lives")
	}
}

func TestForceSaveStoresWhatIsEmptyAndUnchanged(t *testing.T) {
	r := newRig(t, nil)
	cookie := ticket(r.with(func(s *cloakroom.Session) { s.ForceSave() }))
	if cookie == "" || !r.opens(cookie) {
		t.Fatal("an empty session was not stored")
	}
	r.spy.calls()
	r.with(func(s *cloakroom.Session) { s.ForceSave() }, cookie)
	if _, saves, _ := r.spy.calls(); saves != 1 {
		t.Errorf("%d saves of what had not changed", saves)
	}
}

func TestSkipSaveSavesNothingAndSendsNoCookie(t *testing.T) {
	r := newRig(t, nil)
	cookie := r.fresh()
	r.clock.advance(12 * time.Hour) // a touch is due
	res := r.with(func(s *cloakroom.Session) {
		name.Set(s, "skipped")
		s.SkipSave()
		s.Renew()
	}, cookie)
	if _, saves, _ := r.spy.calls(); saves != 0 || ticket(res) != "" {
		t.Errorf("%d saves, cookie %q", saves, ticket(res))
	}
	if d, ok := find(r.log.take(), func(cloakroom.Dropped) bool { return true }); ok {
		t.Errorf("what the program asked for was told as a loss: %+v", d)
	}
	r.with(func(s *cloakroom.Session) { s.SkipSave(); name.Set(s, "kept"); s.ForceSave() }, cookie)
	r.with(func(s *cloakroom.Session) {
		if name.Get(s) != "kept" {
			t.Errorf("ForceSave after SkipSave left %q", name.Get(s))
		}
		s.SkipSave()
		name.Set(s, "now")
		if err := s.Save(t.Context()); err != nil {
			t.Error(err)
		}
	}, cookie)
	r.with(func(s *cloakroom.Session) {
		if name.Get(s) != "now" {
			t.Errorf("Save under SkipSave left %q", name.Get(s))
		}
	}, cookie)
}

func TestSkipSaveHoldsForCommitToo(t *testing.T) {
	r := newRig(t, nil)
	s, err := r.m.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	name.Set(s, "x")
	s.SkipSave()
	if out, err := r.m.Commit(t.Context(), s); err != nil || out.Send || !s.IsNew() {
		t.Errorf("%+v, %v", out, err)
	}
}

func TestCookiesRollAsConfigured(t *testing.T) {
	for _, c := range []struct {
		roll          cloakroom.Roll
		read, touched bool
	}{
		{cloakroom.RollNever, false, false},
		{cloakroom.RollOnTouch, false, true},
		{cloakroom.RollAlways, true, true},
	} {
		r := newRig(t, &cloakroom.Config{RollCookie: c.roll})
		cookie := r.fresh()
		read := ticket(r.with(func(s *cloakroom.Session) { name.Get(s) }, cookie))
		r.clock.advance(12 * time.Hour)
		touched := ticket(r.with(func(s *cloakroom.Session) { name.Get(s) }, cookie))
		if read != "" != c.read || touched != "" != c.touched {
			t.Errorf("roll %d: cookie of a read %q, of a touch %q", c.roll, read, touched)
		}
		if untouched := r.do(func(http.ResponseWriter, *http.Request) {}, cookie); ticket(untouched) != "" {
			t.Errorf("roll %d: a response that did not load the session has a cookie", c.roll)
		}
		if visitor := r.with(func(s *cloakroom.Session) { name.Get(s) }); ticket(visitor) != "" {
			t.Errorf("roll %d: a visitor without a session got a cookie", c.roll)
		}
	}
}

// A slow response that rolls the cookie must not put the old token over the new one.
func TestARolledCookieNeverOverwritesANewerOne(t *testing.T) {
	r := newRig(t, &cloakroom.Config{RollCookie: cloakroom.RollAlways})
	cookie := r.fresh()
	slow := r.park(func(s *cloakroom.Session) { name.Get(s) }, cookie)
	r.with(func(s *cloakroom.Session) { s.Renew() }, cookie)
	if c := ticket(slow.finish()); c != "" {
		t.Errorf("the slow response sent %q", c)
	}
}

func TestKeepEmptyStoresWhoeverLoads(t *testing.T) {
	r := newRig(t, &cloakroom.Config{KeepEmpty: true})
	cookie := ticket(r.with(func(s *cloakroom.Session) {}))
	if cookie == "" || !r.opens(cookie) {
		t.Fatal("an empty session was not stored")
	}
	res := r.with(func(s *cloakroom.Session) {
		if err := s.Destroy(t.Context()); err != nil {
			t.Error(err)
		}
	}, cookie)
	if !cleared(res) {
		t.Errorf("a sign-out began a new session: %q", res.Header["Set-Cookie"])
	}
	r.spy.calls()
	if res := r.do(func(http.ResponseWriter, *http.Request) {}); ticket(res) != "" {
		t.Error("a request that loaded nothing has a session")
	}
}

func TestABadRollIsRefused(t *testing.T) {
	if _, err := cloakroom.New(newRig(t, nil).spy, &cloakroom.Config{RollCookie: 3}); err == nil {
		t.Error("RollCookie 3 was accepted")
	}
}

func TestLoadsAndSavesAreObserved(t *testing.T) {
	r := newRig(t, nil)
	cookie := r.fresh()
	r.with(func(s *cloakroom.Session) { name.Set(s, "x") }, cookie)
	events := r.log.take()
	if _, ok := find(events, func(e cloakroom.Loaded) bool { return e.ID == key(cookie) }); !ok {
		t.Errorf("no Loaded in %+v", events)
	}
	if _, ok := find(events, func(e cloakroom.Saved) bool { return e.ID == key(cookie) }); !ok {
		t.Errorf("no Saved in %+v", events)
	}
}
