package cloakroomtest

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/cloakroom-go/cloakroom"
)

// visit calls f with the session of r, inside m's Handler, and returns the headers that
// m's Transport has set. Nothing is saved but what f saves: looking at a session must not
// count as using it.
func visit(m *cloakroom.Manager, r *http.Request, f func(context.Context, *cloakroom.Session) error) (header http.Header, err error) {
	w := httptest.NewRecorder()
	header = w.Header()
	visited := false
	defer func() {
		if visited {
			_ = recover()
		}
	}()
	m.Handler(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		var s *cloakroom.Session
		if s, err = m.Load(r.Context()); err == nil {
			err = f(r.Context(), s)
			_ = out.Header() // a handler that looks finds what a Save has set
		}
		visited = true
		panic(http.ErrAbortHandler) // the manager commits nothing when a handler panics
	})).ServeHTTP(w, r)
	return header, err
}

// look returns the session of r. It can only be read: its request is over.
func look(m *cloakroom.Manager, r *http.Request) (found *cloakroom.Session, err error) {
	_, err = visit(m, r, func(_ context.Context, s *cloakroom.Session) error {
		found = s
		return nil
	})
	return found, err
}

// blank returns a request that carries nothing. It comes over HTTPS, because the manager
// warns of Secure cookies that do not.
func blank() *http.Request { return httptest.NewRequest("GET", "https://example.com/", nil) }

// replay returns a copy of r that a Transport may look at. Its body is left to the test.
func replay(r *http.Request) *http.Request {
	c := r.Clone(context.Background())
	c.Body = http.NoBody
	if c.Header == nil {
		c.Header = http.Header{}
	}
	return c
}

// setCookies does to the request header what a browser would do: the cookies of a
// response replace those of the same name. Their Path and Domain are not looked at.
func setCookies(request http.Header, cookies []*http.Cookie) {
	for _, c := range cookies {
		var kept []string
		for _, line := range request["Cookie"] {
			for pair := range strings.SplitSeq(line, ";") {
				pair = strings.TrimSpace(pair)
				if name, _, _ := strings.Cut(pair, "="); name != c.Name && pair != "" {
					kept = append(kept, pair)
				}
			}
		}
		if c.MaxAge >= 0 { // a negative one deletes
			kept = append(kept, (&http.Cookie{Name: c.Name, Value: c.Value, Quoted: c.Quoted}).String())
		}
		if len(kept) == 0 {
			request.Del("Cookie")
			continue
		}
		request.Set("Cookie", strings.Join(kept, "; "))
	}
}

// setHeaders carries over what a Transport sends in other headers than Set-Cookie.
func setHeaders(request, response http.Header) {
	for name, values := range response {
		if name != "Set-Cookie" {
			request[name] = values
		}
	}
}
