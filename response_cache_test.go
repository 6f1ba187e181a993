package cloakroom_test

import (
	"fmt"
	"io"
	"iter"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/cloakroom-go/cloakroom"
)

func TestAResponseThatReadTheSessionIsPrivate(t *testing.T) {
	cases := []struct {
		what string
		set  []string // Cache-Control of the handler, one header line each
		want string
	}{
		{"nothing", nil, "private"},
		{"max-age is kept", []string{"max-age=60"}, "private, max-age=60"},
		{"public is replaced and max-age kept", []string{"public, max-age=60"}, "private, max-age=60"},
		{"s-maxage goes", []string{"public, max-age=60, s-maxage=600"}, "private, max-age=60"},
		{"two lines count as one", []string{"public", "max-age=60"}, "private, max-age=60"},
		{"names in any case", []string{"Public, Max-Age=60"}, "private, Max-Age=60"},
		{"no-store is stricter", []string{"no-store"}, "no-store"},
		{"no-store among others", []string{"public, no-store"}, "public, no-store"},
		{"private is as strict", []string{"private, max-age=5"}, "private, max-age=5"},
		{"no-cache is about something else", []string{"no-cache"}, "private, no-cache"},
		{"a comma in quotes", []string{`no-cache="Set-Cookie, X-A"`}, `private, no-cache="Set-Cookie, X-A"`},
		{"an empty value", []string{""}, "private"},
		// RFC 9111, section 5.2.2.7: with an argument it protects the fields named only.
		{"private for some fields", []string{`private="X-Token", max-age=60`}, "private, max-age=60"},
	}
	for _, c := range cases {
		t.Run(c.what, func(t *testing.T) {
			overEach(t, func(t *testing.T, p protocol) {
				r := newRig(t, nil)
				cookie := r.visitor()
				site := r.serve(t, p, func(w http.ResponseWriter, _ *http.Request, s *cloakroom.Session) {
					visits.Get(s)
					if c.set != nil {
						w.Header()["Cache-Control"] = c.set
					}
					io.WriteString(w, "page")
				})
				res, _ := site.get("/", cookie)
				if got := strings.Join(res.Header["Cache-Control"], ", "); got != c.want {
					t.Errorf("Cache-Control %q, want %q", got, c.want)
				}
				if got := res.Header["Vary"]; !slices.Equal(got, []string{"Cookie"}) {
					t.Errorf("Vary %q", got)
				}
			})
		})
	}
}

func TestVaryIsMergedAndNotDoubled(t *testing.T) {
	cases := []struct {
		what      string
		set, want []string
	}{
		{"another name", []string{"Accept-Encoding"}, []string{"Accept-Encoding", "Cookie"}},
		{"it is there", []string{"Cookie"}, []string{"Cookie"}},
		{"it is there in another case", []string{"cookie"}, []string{"cookie"}},
		{"it is in a list", []string{"Accept, Cookie , Origin"}, []string{"Accept, Cookie , Origin"}},
		{"it is in a second line", []string{"Accept", "Cookie"}, []string{"Accept", "Cookie"}},
		{"a longer name is another one", []string{"Cookie-Consent"}, []string{"Cookie-Consent", "Cookie"}},
		{"everything", []string{"*"}, []string{"*"}},
	}
	for _, c := range cases {
		t.Run(c.what, func(t *testing.T) {
			overEach(t, func(t *testing.T, p protocol) {
				r := newRig(t, nil)
				site := r.serve(t, p, func(w http.ResponseWriter, _ *http.Request, _ *cloakroom.Session) {
					w.Header()["Vary"] = slices.Clone(c.set)
					io.WriteString(w, "page")
				})
				res, _ := site.get("/")
				if got := res.Header["Vary"]; !slices.Equal(got, c.want) {
					t.Errorf("Vary %q, want %q", got, c.want)
				}
			})
		})
	}
}

// bearer carries the token in headers.
type bearer struct{}

func (bearer) Tokens(r *http.Request) iter.Seq[string] {
	token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	return slices.Values([]string{token})
}

func (bearer) Send(w http.ResponseWriter, _ *http.Request, t cloakroom.Ticket) error {
	w.Header().Set("X-Token", t.Token)
	return nil
}

// varyingBearer says which header it reads.
type varyingBearer struct{ bearer }

func (varyingBearer) Vary() string { return "Authorization" }

func TestVaryIsThatOfTheTransport(t *testing.T) {
	for _, states := range []bool{true, false} {
		var transport cloakroom.Transport = bearer{}
		if states {
			transport = varyingBearer{}
		}
		t.Run(fmt.Sprintf("states=%t", states), func(t *testing.T) {
			overEach(t, func(t *testing.T, p protocol) {
				r := newRig(t, &cloakroom.Config{Transport: transport})
				site := r.serve(t, p, func(w http.ResponseWriter, _ *http.Request, s *cloakroom.Session) {
					visits.Set(s, 1)
					io.WriteString(w, "page")
				})
				res, _ := site.get("/")
				if res.Header.Get("X-Token") == "" {
					t.Error("no token")
				}
				want := ""
				if states {
					want = "Authorization"
				}
				if got := strings.Join(res.Header["Vary"], ", "); got != want {
					t.Errorf("Vary %q, want %q", got, want)
				}
				if got := res.Header.Get("Cache-Control"); got != "private" {
					t.Errorf("Cache-Control %q", got)
				}
			})
		})
	}
}
