package seeds

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom"
)

// What several suites say about the cookie.

// named says what the cookie is called.
func named(set, name string) func(*testing.T) {
	return func(t *testing.T) {
		s := newSite(t, cloakroom.Config{Cookie: cloakroom.Cookie{Name: set}})
		b := s.browser()
		want(t, "name", b.set("ada").cookie.Name, name)
		b.reads("ada")
	}
}

func theCookieIsSetOnce(t *testing.T) {
	s := newSite(t)
	b := s.browser()
	if b.set("ada").line == "" {
		t.Error("the first response set none")
	}
	for _, edit := range []func(*cloakroom.Session){nothing, anEdit, nothing} {
		want(t, "the cookie of a later response", b.with(edit).line, "")
	}
	b.reads("lovelace")
}

func theCookieHasTheAttributesAskedFor(t *testing.T) {
	s := newSite(t, cloakroom.Config{Lifetime: 2 * time.Hour, Cookie: cloakroom.Cookie{
		Name: "sid", Domain: "example.com", Path: "/admin", SameSite: http.SameSiteStrictMode, Partitioned: true,
	}})
	a := s.browser().set("ada")
	_, attributes, _ := strings.Cut(a.line, "; ")
	want(t, "attributes", attributes, "Path=/admin; Domain=example.com; HttpOnly; Secure; SameSite=Strict; Partitioned; Max-Age=7200")
}

func theDefaultsCanBeOverridden(t *testing.T) {
	s := newSite(t, cloakroom.Config{Cookie: cloakroom.Cookie{Path: "/app", BrowserSession: true}})
	c := s.browser().set("ada").cookie
	want(t, "Path", c.Path, "/app")
	want(t, "Max-Age", c.MaxAge, 0) // none
	want(t, "HttpOnly", c.HttpOnly, true)
	want(t, "SameSite", c.SameSite, http.SameSiteLaxMode)
}

func browserSession() cloakroom.Config {
	return cloakroom.Config{Cookie: cloakroom.Cookie{BrowserSession: true}}
}

// aBrowserSessionCookieHasNoEnd and is asked for: the default lasts as long as the session.
func aBrowserSessionCookieHasNoEnd(t *testing.T) {
	want(t, "Max-Age by default", newSite(t).browser().set("ada").cookie.MaxAge, 30*24*3600)
	a := newSite(t, browserSession()).browser().set("ada")
	if strings.Contains(a.line, "Max-Age") || strings.Contains(a.line, "Expires") || a.line == "" {
		t.Errorf("the cookie %q", a.line)
	}
}

// aBrowserSessionCookieIsSetOnce also when the session changes and when time goes by.
func aBrowserSessionCookieIsSetOnce(edit func(*cloakroom.Session)) func(*testing.T) {
	return func(t *testing.T) {
		s := newSite(t, browserSession())
		b := s.browser()
		b.set("ada")
		for range 3 {
			s.clock.Advance(12 * time.Hour)
			want(t, "the cookie of a later response", b.with(edit).line, "")
		}
	}
}

func oneSessionForgetsWithTheBrowser(t *testing.T) {
	s := newSite(t)
	b := s.browser()
	a := b.with(func(session *cloakroom.Session) {
		session.SetPersistent(false)
		name.Set(session, "ada")
	})
	want(t, "Max-Age", a.cookie.MaxAge, 0) // none
	b.with(func(session *cloakroom.Session) { want(t, "persistent", session.Persistent(), false) })
	a = b.with(func(session *cloakroom.Session) { session.SetPersistent(true) })
	want(t, "Max-Age", a.cookie.MaxAge, 30*24*3600)
}

// lasting makes an edit that gives the session a lifetime.
func lasting(d time.Duration) func(*cloakroom.Session) {
	return func(session *cloakroom.Session) {
		session.SetLifetime(d)
		name.Set(session, "ada")
	}
}

func maxAgeIsTheLifetime(t *testing.T) {
	s := newSite(t)
	b := s.browser()
	a := b.with(lasting(30 * time.Minute))
	want(t, "Max-Age", a.cookie.MaxAge, 1800)
	want(t, "Expires, which would be the client's clock", a.cookie.RawExpires, "")
	s.clock.Advance(30*time.Minute - time.Second)
	b.reads("ada")
	s.clock.Advance(time.Second)
	b.signedOut()
}

func anotherLifetimeIsAnotherMaxAge(t *testing.T) {
	b := newSite(t).browser()
	b.with(lasting(time.Hour))
	want(t, "Max-Age", b.with(lasting(5*time.Second)).cookie.MaxAge, 5)
	want(t, "the cookie when nothing changes", b.with(nothing).line, "")
}

// aLongLifetimeIsNotCutOff: more milliseconds than 31 bits hold, and more than browsers
// take, who cut it off at 400 days themselves.
func aLongLifetimeIsNotCutOff(t *testing.T) {
	b := newSite(t).browser()
	b.with(lasting(time.Second))
	want(t, "Max-Age", b.with(lasting(3_000_000_000*time.Millisecond)).cookie.MaxAge, 3_000_000)
	want(t, "Max-Age", b.with(lasting(1000*24*time.Hour)).cookie.MaxAge, 400*24*3600)
	b.with(func(session *cloakroom.Session) { want(t, "lifetime", session.Lifetime(), 1000*24*time.Hour) })
}

func anEndCanBeADate(t *testing.T) {
	s := newSite(t)
	b := s.browser()
	date := s.clock.Now().Add(10 * time.Hour)
	a := b.with(func(session *cloakroom.Session) {
		session.SetLifetime(date.Sub(session.CreatedAt()))
		name.Set(session, "ada")
		want(t, "the end", session.ExpiresAt().Equal(date), true)
	})
	want(t, "Max-Age", a.cookie.MaxAge, 36000)
	rec, err := s.record(a.token())
	noError(t, err)
	want(t, "the record's end", rec.ExpiresAt.Equal(date), true)
}

func theLifetimeStaysWhatItIs(t *testing.T) {
	s := newSite(t)
	b := s.browser()
	b.with(lasting(2 * time.Hour))
	for range 3 {
		s.clock.Advance(20 * time.Minute)
		b.with(func(session *cloakroom.Session) { want(t, "lifetime", session.Lifetime(), 2*time.Hour) })
	}
}

// anErrorOfTheCookieIsAnswered: a token that no cookie can hold.
func anErrorOfTheCookieIsAnswered(t *testing.T) {
	var told error
	s := newSite(t, cloakroom.Config{Tokens: badTokens{}, OnError: func(w http.ResponseWriter, _ *http.Request, err error) {
		told = err
		http.Error(w, "sorry", http.StatusInternalServerError)
	}})
	a := s.browser().set("ada")
	want(t, "status", a.status, http.StatusInternalServerError)
	want(t, "the cookie", a.line, "")
	if told == nil || !strings.Contains(told.Error(), "cookie") {
		t.Errorf("OnError got %v", told)
	}
}

func otherCookiesStay(t *testing.T) {
	s := newSite(t)
	inner := s.root
	s.root = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		inner.ServeHTTP(&lateCookie{ResponseWriter: w}, r) // sets one in WriteHeader
	})
	a := s.browser().get("/", func(w http.ResponseWriter, r *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "before", Value: "1"})
		s.with(anEdit)(w, r)
		http.SetCookie(w, &http.Cookie{Name: "after", Value: "2"})
		w.WriteHeader(http.StatusOK)
	})
	var names []string
	for _, line := range a.header["Set-Cookie"] {
		name, _, _ := strings.Cut(line, "=")
		names = append(names, name)
	}
	want(t, "cookies", fmt.Sprint(names), "[before after __Host-session late]")
}

type lateCookie struct{ http.ResponseWriter }

func (l *lateCookie) WriteHeader(status int) {
	http.SetCookie(l.ResponseWriter, &http.Cookie{Name: "late", Value: "3"})
	l.ResponseWriter.WriteHeader(status)
}

func partitioned(set bool) func(*testing.T) {
	return func(t *testing.T) {
		s := newSite(t, cloakroom.Config{Cookie: cloakroom.Cookie{Partitioned: set}})
		want(t, "Partitioned", strings.Contains(s.browser().set("ada").line, "; Partitioned"), set)
	}
}

// theCookieComesFromTheRequest is CookieFor.
func theCookieComesFromTheRequest(t *testing.T) {
	s := newSite(t, cloakroom.Config{CookieFor: func(r *http.Request) cloakroom.Cookie {
		return cloakroom.Cookie{Name: r.Header.Get("Tenant") + "-session", Path: r.URL.Path, SameSite: http.SameSiteStrictMode}
	}})
	b := s.browser()
	b.header.Set("Tenant", "acme")
	c := b.get("/shop", s.with(anEdit)).cookie
	want(t, "name", c.Name, "acme-session")
	want(t, "path", c.Path, "/shop")
	want(t, "SameSite", c.SameSite, http.SameSiteStrictMode)
	var value string
	b.get("/shop", s.with(func(session *cloakroom.Session) { value = name.Get(session) }))
	want(t, "the value in the next request", value, "lovelace")
}

// destroyRepeatsTheAttributes: a browser takes a cookie away only for the path and domain
// that it was set for.
func destroyRepeatsTheAttributes(t *testing.T) {
	s := newSite(t, cloakroom.Config{Cookie: cloakroom.Cookie{Name: "sid", Path: "/app", Domain: "example.com"}})
	b := s.browser()
	b.base += "/app"
	b.set("ada")
	b.reads("ada")
	a := b.with(destroy(t, t.Context()))
	want(t, "lines", len(a.header["Set-Cookie"]), 1)
	want(t, "the cookie", a.line, "sid=; Path=/app; Domain=example.com; HttpOnly; Secure; SameSite=Lax; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT")
	want(t, "what the browser sends now", strings.Join(jar(b), " "), "")
}

// jar returns the cookies that a browser would send.
func jar(b *browser) (cookies []string) {
	r, err := http.NewRequest("GET", b.base+"/", nil)
	noError(b.s.t, err)
	for _, c := range b.jar.Cookies(r.URL) {
		cookies = append(cookies, c.String())
	}
	return cookies
}

func twoKeys() (older, newer []byte) {
	return []byte(strings.Repeat("old", 11)), []byte("\x00\xff\xfe not text at all, but 32 bytes")
}

// signedWith says that tokens are tagged with the first key and opened with all.
func signedWith(keys ...[]byte) func(*testing.T) {
	return func(t *testing.T) {
		s := newSite(t, cloakroom.Config{Keys: keys})
		b := s.browser()
		token := b.set("ada").token()
		want(t, "length of the token", len(token), 43+22)
		b.reads("ada")
		for i, key := range keys {
			alone := newSiteOver(t, s.store, cloakroom.Config{Keys: [][]byte{key}, Now: s.clock.Now})
			_, live := alone.client("__Host-session=" + token).read()
			want(t, fmt.Sprintf("opened by key %d alone", i), live, i == 0)
		}
	}
}

// anOlderKeyStillOpens, and its tokens are sent anew, with as long to live as before.
func anOlderKeyStillOpens(t *testing.T) {
	older, newer := twoKeys()
	before := newSite(t, cloakroom.Config{Keys: [][]byte{older}})
	b := before.browser()
	b.set("ada")
	before.clock.Advance(time.Hour)
	after := newSiteOver(t, before.store, cloakroom.Config{Keys: [][]byte{newer, older}, Now: before.clock.Now})
	b.s = after
	b.reads("ada")
	if b.token() == "" {
		t.Fatal("the token was taken away")
	}
	last := newSiteOver(t, before.store, cloakroom.Config{Keys: [][]byte{newer}, Now: before.clock.Now})
	b.s = last
	b.reads("ada")
}

func anOlderKeysCookieIsSentAnewWithItsEnd(t *testing.T) {
	older, newer := twoKeys()
	before := newSite(t, cloakroom.Config{Keys: [][]byte{older}})
	b := before.browser()
	b.set("ada")
	before.clock.Advance(time.Hour)
	b.s = newSiteOver(t, before.store, cloakroom.Config{Keys: [][]byte{newer, older}, Now: before.clock.Now})
	want(t, "Max-Age", b.with(nothing).cookie.MaxAge, 30*24*3600-3600)
	want(t, "the cookie of the next response", b.with(nothing).line, "")
}

func weakKeysAreRefused(t *testing.T) {
	refused(t, "Keys", cloakroom.Config{Keys: [][]byte{nil}})
	refused(t, "Keys", cloakroom.Config{Keys: [][]byte{[]byte("keyboard cat")}})
	refused(t, "AcceptUntagged", cloakroom.Config{Keys: [][]byte{}, AcceptUntagged: true})
}

// noSecretIsNeeded: a token is 136 secret bits of its own.
func noSecretIsNeeded(t *testing.T) {
	s := newSite(t)
	b := s.browser()
	token := b.set("ada").token()
	b.reads("ada")
	s.client("__Host-session=" + idOf(token) + strings.Repeat("A", 23)).signedOut()
	weakKeysAreRefused(t)
}

func badTimesAreRefused(t *testing.T) {
	refused(t, "Lifetime", cloakroom.Config{Lifetime: -time.Second})
	refused(t, "IdleTimeout", cloakroom.Config{IdleTimeout: time.Microsecond})
	a := newSite(t).browser().with(func(session *cloakroom.Session) {
		session.SetLifetime(-1)
		if session.Err() == nil {
			t.Error("a negative lifetime was taken")
		}
		name.Set(session, "ada")
	})
	want(t, "status", a.status, http.StatusInternalServerError)
	want(t, "the cookie", a.line, "")
}

// badTokens cannot stand in a cookie.
type badTokens struct{}

func (badTokens) New(context.Context) (cloakroom.Token, error) {
	return cloakroom.Token{Key: "one; two"}, nil
}

func (badTokens) Parse(text string) (cloakroom.Token, bool) {
	return cloakroom.Token{Key: text}, text != ""
}
func (badTokens) Format(t cloakroom.Token) string { return t.Key }
