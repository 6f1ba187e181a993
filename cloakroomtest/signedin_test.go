package cloakroomtest_test

import (
	"iter"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/cloakroomtest"
)

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
