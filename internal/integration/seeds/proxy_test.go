package seeds

import (
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/cloakroom-go/cloakroom"
)

// What several suites say about TLS, the proxies that end it, and paths.

// here is where the tests' own connections come from.
func here() []netip.Prefix { return []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")} }

// secureAuto has cookies with Secure for those who came over TLS only.
func secureAuto(trusted []netip.Prefix) cloakroom.Config {
	return cloakroom.Config{TrustedProxies: trusted, Cookie: cloakroom.Cookie{SecureAuto: true}}
}

// seenAs says whether a request over plain HTTP with these headers counts as one over TLS.
func seenAs(secure bool, trusted []netip.Prefix, headers ...string) func(*testing.T) {
	return func(t *testing.T) {
		s := newSite(t, secureAuto(trusted))
		a := s.plain(headers...).get("/", func(w http.ResponseWriter, r *http.Request) {
			want(t, "Manager.Secure", s.m.Secure(r), secure)
			s.with(anEdit)(w, r)
		})
		want(t, "the cookie's Secure", a.cookie.Secure, secure)
		want(t, "length of the token", len(a.token()), 43)
	}
}

func overTLS(t *testing.T) {
	s := newSite(t, secureAuto(nil))
	b := s.browser()
	want(t, "the cookie's Secure", b.set("ada").cookie.Secure, true)
	b.reads("ada")
}

// theListOfProtocols: of a list, the element of the client's own hop counts, and only
// where all proxies behind it are trusted. The seed took the first element of any list.
func theListOfProtocols(t *testing.T) {
	chain := append(here(), netip.MustParsePrefix("10.1.0.0/16"))
	for _, c := range []struct {
		proto, hops string
		secure      bool
	}{
		{"https,http", "203.0.113.9, 10.1.2.3", true},
		{"http,https", "203.0.113.9, 10.1.2.3", false},
		{"https,https", "", true},
		{"https,http", "", false},                          // nobody knows which is whose
		{"https,http", "203.0.113.9, 198.51.100.7", false}, // the client wrote the first itself
	} {
		t.Run(c.proto+" for "+c.hops, seenAs(c.secure, chain, "X-Forwarded-Proto: "+c.proto, "X-Forwarded-For: "+c.hops))
	}
}

// theRequestLineIsNotBelieved: a client may write https there.
func theRequestLineIsNotBelieved(t *testing.T) {
	s := newSite(t, secureAuto(nil))
	a := s.raw(s.with(anEdit), "GET https://example.com/ HTTP/1.1")
	want(t, "length of the token", len(a.token()), 43)
	want(t, "the cookie's Secure", a.cookie.Secure, false)
}

// aSecureCookieIsLostOverPlainHTTP, as it must be, and somebody is told why.
func aSecureCookieIsLostOverPlainHTTP(t *testing.T) {
	s := newSite(t)
	b := s.plain()
	b.base = "http://shop.invalid" // no name that tests use only
	a := b.set("ada")
	want(t, "the cookie's Secure", a.cookie.Secure, true)
	b.signedOut()
	w, ok := find[cloakroom.Warning](s.events)
	if !ok || !strings.Contains(w.Problem, "plain HTTP") || !strings.Contains(w.Remedy, "TrustedProxies") {
		t.Errorf("the warning: %+v, %v", w, ok)
	}
}

func aSecureCookieComesBackOverTLS(t *testing.T) {
	b := newSite(t).browser()
	want(t, "the cookie's Secure", b.set("ada").cookie.Secure, true)
	b.reads("ada")
}

// aTrustedProxySaysThatItsClientsUseTLS: then a Secure cookie over plain HTTP is in order.
func aTrustedProxySaysThatItsClientsUseTLS(t *testing.T) {
	s := newSite(t, cloakroom.Config{TrustedProxies: here()})
	b := s.plain("X-Forwarded-Proto: https")
	b.base = "http://shop.invalid"
	a := b.set("ada")
	want(t, "status", a.status, http.StatusOK)
	want(t, "the cookie's Secure", a.cookie.Secure, true)
	if w, warned := find[cloakroom.Warning](s.events); warned {
		t.Errorf("a warning: %+v", w)
	}
	s.client("__Host-session=" + a.token()).reads("ada")
}

// sameSite says what a cookie has when SameSite follows the connection: three lines of
// CookieFor. With secure "auto" the cookie has Secure over TLS only, with "true" always.
// A cookie with SameSite=None and without Secure is refused, as browsers refuse it.
func sameSite(tls bool, secure string, config cloakroom.Config, headers []string, wantSameSite http.SameSite, wantSecure bool) func(*testing.T) {
	return func(t *testing.T) {
		var s *site
		config.CookieFor = func(r *http.Request) cloakroom.Cookie {
			c := cloakroom.Cookie{Name: "sid", SecureAuto: secure != "true", SameSite: http.SameSiteLaxMode}
			if s.m.Secure(r) {
				c.SameSite = http.SameSiteNoneMode
				c.SecureAuto = secure == "false"
			}
			return c
		}
		s = newSite(t, config)
		s.cookie = "sid"
		b := s.plain(headers...)
		if tls {
			b.base = "https://example.com"
		}
		a := b.set("ada")
		if wantSameSite == http.SameSiteNoneMode && !wantSecure {
			want(t, "status", a.status, http.StatusInternalServerError)
			want(t, "the cookie", a.line, "")
			return
		}
		want(t, "SameSite", a.cookie.SameSite, wantSameSite)
		want(t, "Secure", a.cookie.Secure, wantSecure)
	}
}

func secureOnlyOverPlainHTTPIsLost(t *testing.T) {
	s := newSite(t, cloakroom.Config{Cookie: cloakroom.Cookie{SameSite: http.SameSiteNoneMode}})
	b := s.plain()
	b.set("ada")
	b.signedOut() // the browser keeps it for TLS
}

// mounted says whether a request finds sessions when they are mounted below /foo/bar, as
// ServeMux does it, and limited to there.
func mounted(requestLine string, cookie bool) func(*testing.T) {
	return func(t *testing.T) {
		s := newSite(t, cloakroom.Config{Cookie: cloakroom.Cookie{Path: "/foo/bar"}})
		sessions := s.m.Handler(s.page())
		mux := http.NewServeMux()
		mux.Handle("/foo/bar", sessions)
		mux.Handle("/foo/bar/", sessions)
		mux.Handle("/", s.page())
		s.root = mux
		atPath(t, s, requestLine, cookie)
	}
}

// stripped says the same of a part of a program that is mounted at /foo and knows nothing
// of it: the browser knows only the whole path.
func stripped(requestLine string, cookie bool) func(*testing.T) {
	return func(t *testing.T) {
		s := newSite(t, cloakroom.Config{Cookie: cloakroom.Cookie{Path: "/foo/bar"}})
		part := http.NewServeMux()
		part.Handle("/bar", s.m.Handler(s.page()))
		part.Handle("/", s.page())
		mux := http.NewServeMux()
		mux.Handle("/foo/", http.StripPrefix("/foo", part))
		s.root = mux
		atPath(t, s, requestLine, cookie)
	}
}

func atPath(t *testing.T, s *site, requestLine string, cookie bool) {
	t.Helper()
	a := s.raw(func(w http.ResponseWriter, r *http.Request) {
		session, err := s.m.Load(r.Context())
		if err != nil {
			fmt.Fprint(w, "no session")
			return
		}
		name.Set(session, "ada")
	}, requestLine)
	want(t, "status", a.status, http.StatusOK)
	want(t, "a cookie was set", a.line != "", cookie)
	want(t, "there was no session", a.body == "no session", !cookie)
	if cookie {
		want(t, "Path", a.cookie.Path, "/foo/bar")
	}
}
