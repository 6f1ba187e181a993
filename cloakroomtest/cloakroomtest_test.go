package cloakroomtest_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/cloakroomtest"
	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/memstore"
)

// What the examples use.
var (
	t        testing.TB = exampleT{}
	sessions            = newManager(t, nil)
)

// exampleT stands in for the *testing.T that an example cannot have.
type exampleT struct{ testing.TB }

func (exampleT) Helper() {}

func (exampleT) Fatal(args ...any) { panic(fmt.Sprint(args...)) }

func (exampleT) Fatalf(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }

var word = cloakroom.NewKey[string]("word")

func newManager(t testing.TB, c *cloakroom.Config) *cloakroom.Manager {
	t.Helper()
	m, err := cloakroom.New(memstore.New(nil), c)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func newRequest(cookies ...string) *http.Request {
	r := httptest.NewRequest("GET", "https://example.com/", nil)
	if len(cookies) > 0 {
		r.Header.Set("Cookie", strings.Join(cookies, "; "))
	}
	return r
}

// serve runs f as a handler.
func serve(m *cloakroom.Manager, r *http.Request, f func(http.ResponseWriter, *http.Request, *cloakroom.Session)) *http.Response {
	w := httptest.NewRecorder()
	m.Handler(m.Func(f)).ServeHTTP(w, r)
	return w.Result()
}

// see returns the session that a handler sees.
func see(m *cloakroom.Manager, r *http.Request) (seen *cloakroom.Session) {
	serve(m, r, func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) { seen = s })
	return seen
}

// fatal returns what a test that runs f would end with, or "".
func fatal(t *testing.T, f func(t testing.TB)) string {
	t.Helper()
	fake := &fakeT{TB: t}
	var wait sync.WaitGroup
	wait.Go(func() { f(fake) })
	wait.Wait()
	return fake.message
}

type fakeT struct {
	testing.TB
	message string
}

func (f *fakeT) Helper() {}

func (f *fakeT) Fatal(args ...any) {
	f.message = fmt.Sprint(args...)
	runtime.Goexit()
}

func (f *fakeT) Fatalf(format string, args ...any) { f.Fatal(fmt.Sprintf(format, args...)) }

func wantFatal(t *testing.T, want string, f func(t testing.TB)) {
	t.Helper()
	if got := fatal(t, f); !strings.Contains(got, want) {
		t.Errorf("the test ended with %q, want %q in it", got, want)
	}
}

func TestSignedInIsSignedInForTheHandler(t *testing.T) {
	m := newManager(t, nil)
	r := newRequest()
	cloakroomtest.SignedIn(t, m, r, "u1", func(s *cloakroom.Session) {
		if s.Owner() != "u1" {
			t.Errorf("edit sees the owner %q", s.Owner())
		}
		word.Set(s, "hello")
	})
	s := see(m, r)
	if s.IsNew() || s.Owner() != "u1" || word.Get(s) != "hello" {
		t.Errorf("new %v, owner %q, word %q", s.IsNew(), s.Owner(), word.Get(s))
	}
}

func TestAnonymousHasValuesAndNoOwner(t *testing.T) {
	m := newManager(t, nil)
	r := newRequest()
	cloakroomtest.Anonymous(t, m, r, func(s *cloakroom.Session) { word.Set(s, "hello") })
	s := see(m, r)
	if s.IsNew() || s.Owner() != "" || word.Get(s) != "hello" {
		t.Errorf("new %v, owner %q, word %q", s.IsNew(), s.Owner(), word.Get(s))
	}
}

func TestAnEmptyAnonymousSessionEndsTheTest(t *testing.T) {
	wantFatal(t, "have it set a value", func(ft testing.TB) {
		cloakroomtest.Anonymous(ft, newManager(t, nil), newRequest(), func(*cloakroom.Session) {})
	})
}

func TestSignedInReplacesTheSessionOfTheRequest(t *testing.T) {
	m := newManager(t, nil)
	r := newRequest("theme=dark", "lang=en")
	cloakroomtest.SignedIn(t, m, r, "u1", nil)
	cloakroomtest.SignedIn(t, m, r, "u2", nil)
	if owner := see(m, r).Owner(); owner != "u2" {
		t.Errorf("owner %q, want the last one", owner)
	}
	if got := r.Header.Get("Cookie"); !strings.HasPrefix(got, "theme=dark; lang=en; ") || strings.Count(got, "session=") != 1 {
		t.Errorf("Cookie: %s", got)
	}
}

func TestSessionsOfSeveralManagersFitOnOneRequest(t *testing.T) {
	shop := newManager(t, nil)
	staff := newManager(t, &cloakroom.Config{Cookie: cloakroom.Cookie{Name: "__Host-staff"}})
	r := newRequest()
	cloakroomtest.SignedIn(t, shop, r, "customer", nil)
	cloakroomtest.SignedIn(t, staff, r, "clerk", nil)
	if a, b := see(shop, r).Owner(), see(staff, r).Owner(); a != "customer" || b != "clerk" {
		t.Errorf("owners %q and %q", a, b)
	}
}

func TestSignedInMakesTheHeaderOfABareRequest(t *testing.T) {
	m := newManager(t, nil)
	r := &http.Request{Method: "GET", URL: &url.URL{Path: "/"}}
	cloakroomtest.SignedIn(t, m, r, "u1", nil)
	if owner := see(m, r).Owner(); owner != "u1" {
		t.Errorf("owner %q", owner)
	}
}

func TestSignedInEndsTheTestWhenEditGoesWrong(t *testing.T) {
	m := newManager(t, nil)
	wantFatal(t, `encode the field "f"`, func(ft testing.TB) {
		cloakroomtest.SignedIn(ft, m, newRequest(), "u1", func(s *cloakroom.Session) {
			cloakroom.NewKey[func()]("f").Set(s, func() {})
		})
	})
	wantFatal(t, "owner", func(ft testing.TB) { cloakroomtest.SignedIn(ft, m, newRequest(), "", nil) })
	wantFatal(t, "from edit", func(ft testing.TB) {
		cloakroomtest.SignedIn(ft, m, newRequest(), "u1", func(*cloakroom.Session) { ft.Fatal("from edit") })
	})
}

func TestAPanicOfEditIsNotSwallowed(t *testing.T) {
	defer func() {
		if p := recover(); p != "mine" {
			t.Errorf("recovered %v", p)
		}
	}()
	cloakroomtest.SignedIn(t, newManager(t, nil), newRequest(), "u1", func(*cloakroom.Session) { panic("mine") })
	t.Error("went on")
}

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

type observer chan cloakroom.Event

func (o observer) Observe(_ context.Context, e cloakroom.Event) { o <- e }

func TestNothingIsWarnedOf(t *testing.T) {
	events := make(observer, 10)
	m := newManager(t, &cloakroom.Config{Observer: events})
	cloakroomtest.SignedIn(t, m, httptest.NewRequest("GET", "/", nil), "u1", nil)
	close(events)
	for e := range events {
		if w, ok := e.(cloakroom.Warning); ok {
			t.Errorf("%+v", w)
		}
	}
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

// down is a store that has an outage.
type down struct{ store.Store }

var errDown = errors.New("no route to host")

func (down) Load(context.Context, string) (store.Record, error) { return store.Record{}, errDown }

func (down) Save(context.Context, string, store.Change) (uint64, error) { return 0, errDown }

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

// headers is a Transport that sends tokens in one header and reads them in another.
type headers struct{ sends, reads string }

func (h headers) Tokens(r *http.Request) iter.Seq[string] {
	return func(yield func(string) bool) {
		if v := r.Header.Get(h.reads); v != "" {
			yield(v)
		}
	}
}

func (h headers) Send(w http.ResponseWriter, _ *http.Request, t cloakroom.Ticket) error {
	w.Header().Set(h.sends, t.Token)
	return nil
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

func TestATransportThatReadsElsewhereEndsTheTest(t *testing.T) {
	m := newManager(t, &cloakroom.Config{Transport: headers{"X-Session", "Authorization"}})
	wantFatal(t, "Ticket.Token", func(ft testing.TB) { cloakroomtest.SignedIn(ft, m, newRequest(), "u1", nil) })
}

func TestTheBodyIsLeftToTheHandler(t *testing.T) {
	m := newManager(t, &cloakroom.Config{Transport: formTransport{}})
	r := httptest.NewRequest("POST", "https://example.com/", strings.NewReader("a=1"))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	_ = fatal(t, func(ft testing.TB) { cloakroomtest.SignedIn(ft, m, r, "u1", nil) })
	if got := r.FormValue("a"); got != "1" {
		t.Errorf("the form holds %q", got)
	}
}

// formTransport reads the body of requests.
type formTransport struct{}

func (formTransport) Tokens(r *http.Request) iter.Seq[string] {
	return func(yield func(string) bool) { yield(r.FormValue("token")) }
}

func (formTransport) Send(http.ResponseWriter, *http.Request, cloakroom.Ticket) error { return nil }

func TestClock(t *testing.T) {
	start := time.Date(2030, 5, 6, 7, 8, 9, 0, time.UTC)
	c := cloakroomtest.NewClock(start)
	c.Advance(time.Hour)
	c.Advance(-time.Minute)
	if got := c.Now(); !got.Equal(start.Add(59 * time.Minute)) {
		t.Errorf("%v", got)
	}
	var zero cloakroomtest.Clock
	if a, b := zero.Now(), cloakroomtest.NewClock(time.Time{}).Now(); !a.Equal(b) || a.IsZero() {
		t.Errorf("the zero Clock shows %v, a new one %v", a, b)
	}
}

func TestAClockServesManyGoroutines(t *testing.T) {
	c := cloakroomtest.NewClock(time.Time{})
	start := c.Now()
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			for range 100 {
				c.Advance(time.Second)
				c.Now()
			}
		})
	}
	wait.Wait()
	if passed := c.Now().Sub(start); passed != 800*time.Second {
		t.Errorf("%v passed", passed)
	}
}

func TestABubbleNeedsNoClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newManager(t, &cloakroom.Config{IdleTimeout: time.Hour})
		r := newRequest()
		cloakroomtest.SignedIn(t, m, r, "u1", nil)
		time.Sleep(time.Hour - time.Second)
		if owner := see(m, r).Owner(); owner != "u1" {
			t.Errorf("owner %q before the idle timeout", owner)
		}
		time.Sleep(time.Hour)
		if !see(m, r).IsNew() {
			t.Error("still there after the idle timeout")
		}
	})
}
