package cloakroomtest_test

import (
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/cloakroomtest"
	"github.com/cloakroom-go/cloakroom/store/memstore"
)

func TestSessionReadsWhatANewSessionHolds(t *testing.T) {
	m := newManager(t, nil)
	res := serve(m, newRequest(), func(w http.ResponseWriter, _ *http.Request, s *cloakroom.Session) {
		http.SetCookie(w, &http.Cookie{Name: "theme", Value: "dark"})
		s.SignIn("u1")
		word.Set(s, "hello")
	})
	s := cloakroomtest.Session(t, m, res)
	if s.Owner() != "u1" || word.Get(s) != "hello" {
		t.Errorf("owner %q, word %q", s.Owner(), word.Get(s))
	}
}

func TestSessionReadsWhatTheRequestCarried(t *testing.T) {
	m := newManager(t, nil)
	r := newRequest()
	cloakroomtest.SignedIn(t, m, r, "u1", nil)
	res := serve(m, r, func(w http.ResponseWriter, _ *http.Request, s *cloakroom.Session) {
		http.SetCookie(w, &http.Cookie{Name: "theme", Value: "dark"})
		word.Set(s, "hello")
	})
	res.Request = r
	if got := word.Get(cloakroomtest.Session(t, m, res)); got != "hello" {
		t.Errorf("word %q", got)
	}
}

func TestSessionFollowsARenewal(t *testing.T) {
	m := newManager(t, nil)
	signedIn := serve(m, newRequest(), func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) { s.SignIn("u1") })
	r := newRequest(strings.Split(signedIn.Header.Get("Set-Cookie"), ";")[0])
	before := see(m, r).ID()
	renewed := serve(m, r, func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) { s.Renew() })
	if s := cloakroomtest.Session(t, m, renewed); s.ID() != before || s.Owner() != "u1" {
		t.Errorf("session %s of %q, want %s", s.ID(), s.Owner(), before)
	}
	if s := cloakroomtest.Session(t, m, signedIn); !s.IsNew() {
		t.Error("the old token still opens the session")
	}
	if s := cloakroomtest.Session(t, m, renewed); s.IsNew() {
		t.Error("the session was ended by looking at it with an old token")
	}
}

func TestACookieThatTheResponseDeletesIsGone(t *testing.T) {
	m := newManager(t, nil)
	r := newRequest()
	cloakroomtest.SignedIn(t, m, r, "u1", nil)
	res := &http.Response{Request: r, Header: http.Header{"Set-Cookie": {r.Header.Get("Cookie") + "; Max-Age=0"}}}
	if s := cloakroomtest.Session(t, m, res); !s.IsNew() {
		t.Error("it still opens the session")
	}
}

func TestSessionIsEmptyAfterASignOut(t *testing.T) {
	m := newManager(t, nil)
	r := newRequest()
	cloakroomtest.SignedIn(t, m, r, "u1", nil)
	res := serve(m, r, func(_ http.ResponseWriter, r *http.Request, s *cloakroom.Session) {
		if err := s.Destroy(r.Context()); err != nil {
			t.Error(err)
		}
	})
	for _, request := range []*http.Request{r, nil} {
		res.Request = request
		if s := cloakroomtest.Session(t, m, res); !s.IsNew() || s.Owner() != "" {
			t.Errorf("new %v, owner %q", s.IsNew(), s.Owner())
		}
	}
}

func TestSessionIsEmptyWhenNothingWasStored(t *testing.T) {
	m := newManager(t, nil)
	r := newRequest()
	res := serve(m, r, func(http.ResponseWriter, *http.Request, *cloakroom.Session) {})
	res.Request = r
	if s := cloakroomtest.Session(t, m, res); !s.IsNew() {
		t.Error("a session out of nothing")
	}
}

func TestAResponseThatNamesNoSessionEndsTheTest(t *testing.T) {
	m := newManager(t, nil)
	for name, res := range map[string]*http.Response{
		"no cookie":      {},
		"another cookie": {Header: http.Header{"Set-Cookie": {"theme=dark"}}},
		"headers only":   {Header: http.Header{"Content-Type": {"text/html"}, "X-Token": {"x"}}},
	} {
		t.Run(name, func(t *testing.T) {
			wantFatal(t, "set response.Request", func(ft testing.TB) { cloakroomtest.Session(ft, m, res) })
		})
	}
}

func TestAResponseWhoseSessionHasEndedDoesNotEndTheTest(t *testing.T) {
	clock := cloakroomtest.NewClock(time.Time{})
	m, err := cloakroom.New(memstore.New(&memstore.Options{Now: clock.Now}), &cloakroom.Config{Now: clock.Now, Lifetime: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	res := serve(m, newRequest(), func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) { s.SignIn("u1") })
	clock.Advance(time.Hour)
	if s := cloakroomtest.Session(t, m, res); !s.IsNew() {
		t.Error("the session outlived its lifetime")
	}
}

func TestLookingIsNoUse(t *testing.T) {
	clock := cloakroomtest.NewClock(time.Time{})
	m, err := cloakroom.New(memstore.New(&memstore.Options{Now: clock.Now}), &cloakroom.Config{Now: clock.Now, IdleTimeout: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	r := newRequest()
	cloakroomtest.SignedIn(t, m, r, "u1", nil)
	res := &http.Response{Request: r}
	clock.Advance(40 * time.Minute)
	if s := cloakroomtest.Session(t, m, res); s.Owner() != "u1" || !s.LastSeenAt().Equal(clock.Now().Add(-40*time.Minute)) {
		t.Errorf("owner %q, last seen %v", s.Owner(), s.LastSeenAt())
	}
	clock.Advance(40 * time.Minute)
	if s := cloakroomtest.Session(t, m, res); !s.IsNew() {
		t.Error("a session that no request used did not end")
	}
}

func TestEditsOfWhatWasReadBackAreLost(t *testing.T) {
	events := make(observer, 10)
	m := newManager(t, &cloakroom.Config{Observer: events})
	r := newRequest()
	cloakroomtest.SignedIn(t, m, r, "u1", nil)
	res := &http.Response{Request: r}
	s := cloakroomtest.Session(t, m, res)
	word.Set(s, "too late")
	if err := s.Save(t.Context()); err == nil {
		t.Error("saved")
	}
	if word.Get(cloakroomtest.Session(t, m, res)) != "" {
		t.Error("the edit was stored")
	}
	close(events)
	for e := range events {
		if d, ok := e.(cloakroom.Dropped); ok && d.Reason == cloakroom.ReasonFinished {
			return
		}
	}
	t.Error("the Observer was not told")
}

func TestSessionWorksWithARealClient(t *testing.T) {
	m := newManager(t, nil)
	srv := httptest.NewTLSServer(m.Handler(m.Func(func(_ http.ResponseWriter, r *http.Request, s *cloakroom.Session) {
		word.Set(s, r.FormValue("word"))
	})))
	defer srv.Close()
	client := srv.Client()
	client.Jar, _ = cookiejar.New(nil)
	for _, want := range []string{"one", "two"} {
		res, err := client.Get(srv.URL + "?word=" + want)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if got := word.Get(cloakroomtest.Session(t, m, res)); got != want {
			t.Errorf("word %q, want %q", got, want)
		}
	}
}

func TestAnOutageEndsTheTest(t *testing.T) {
	r := newRequest()
	cloakroomtest.SignedIn(t, newManager(t, nil), r, "u1", nil)
	m, err := cloakroom.New(down{memstore.New(nil)}, &cloakroom.Config{Observer: make(observer, 10)})
	if err != nil {
		t.Fatal(err)
	}
	wantFatal(t, errDown.Error(), func(ft testing.TB) { cloakroomtest.SignedIn(ft, m, newRequest(), "u1", nil) })
	wantFatal(t, errDown.Error(), func(ft testing.TB) { cloakroomtest.Session(ft, m, &http.Response{Request: r}) })
}

func TestAHeaderIsCarriedOver(t *testing.T) {
	m := newManager(t, &cloakroom.Config{Transport: headers{"X-Session", "X-Session"}})
	r := newRequest()
	cloakroomtest.SignedIn(t, m, r, "u1", nil)
	if owner := see(m, r).Owner(); owner != "u1" {
		t.Errorf("owner %q", owner)
	}
	if len(r.Header) != 1 {
		t.Errorf("more than the token's header was set: %v", r.Header)
	}
	res := serve(m, r, func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) { s.SignIn("u2") })
	if owner := cloakroomtest.Session(t, m, res).Owner(); owner != "u2" {
		t.Errorf("owner %q in the response", owner)
	}
	res = serve(m, r, func(_ http.ResponseWriter, r *http.Request, s *cloakroom.Session) { _ = s.Destroy(r.Context()) })
	res.Request = r
	if s := cloakroomtest.Session(t, m, res); !s.IsNew() {
		t.Error("still there after Destroy")
	}
}
