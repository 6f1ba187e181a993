package cloakroomtest

import (
	"context"
	"net/http"
	"testing"

	"github.com/cloakroom-go/cloakroom"
)

// Session returns the session that the client holds after response, as its next request
// would find it: the one that the response set, or else the one that response.Request
// carried. It is an empty one when the handler signed the client out, or never stored
// anything.
//
// A response names the session only when the client does not have the token yet. So set
// response.Request, which only an [http.Client] does by itself:
//
//	res := w.Result() // of the httptest.ResponseRecorder
//	res.Request = r
//	s := cloakroomtest.Session(t, sessions, res)
//
// When neither names a session, and when the store fails, Session ends the test.
//
// The session is there to be read. Looking does not count as use, so idle time runs on,
// and edits are lost: use [SignedIn] to prepare a session.
func Session(t testing.TB, m *cloakroom.Manager, response *http.Response) *cloakroom.Session {
	t.Helper()
	r := blank()
	if response.Request != nil {
		r = replay(response.Request)
	}
	setCookies(r.Header, response.Cookies())
	setHeaders(r.Header, response.Header)
	s, err := look(m, r)
	if err != nil {
		t.Fatalf("cloakroomtest: Session: %v", err)
	}
	if s.IsNew() && response.Request == nil && !names(m, response) {
		t.Fatal("cloakroomtest: Session: the response sets no session, and its Request is nil, so nothing says whose it is: " +
			"set response.Request to the request that the handler got")
	}
	return s
}

// names reports whether response sets or clears a token of m.
func names(m *cloakroom.Manager, response *http.Response) bool {
	// A manager clears a token of a client that carries one, good or bad. These are all
	// bad, so that no session is touched.
	r := blank()
	for name := range response.Header {
		r.Header.Set(name, "bad")
	}
	r.Header.Del("Cookie")
	for _, c := range response.Cookies() {
		r.AddCookie(&http.Cookie{Name: c.Name, Value: "bad"})
	}
	cleared, err := visit(m, r, func(ctx context.Context, s *cloakroom.Session) error {
		if !s.IsNew() {
			return nil
		}
		return s.Destroy(ctx)
	})
	return err == nil && len(cleared) > 0
}
