package cloakroomtest

import (
	"context"
	"errors"
	"net/http"
	"testing"

	"github.com/cloakroom-go/cloakroom"
)

// SignedIn stores a new session in which owner is signed in, and puts its token on r, in
// place of one that r had. edit, which may be nil, is called before the session is stored
// and puts into it what the handler shall find.
//
// The token goes where the manager's [cloakroom.Transport] sends it: a cookie is added to
// r, whatever its Path and Domain and the URL of r, and a header is copied. When the
// Transport does not find the token there, and on any other error, SignedIn ends the test.
func SignedIn(t testing.TB, m *cloakroom.Manager, r *http.Request, owner string, edit func(s *cloakroom.Session)) {
	t.Helper()
	err := start(m, r, func(s *cloakroom.Session) {
		s.SignIn(owner)
		if edit != nil {
			edit(s)
		}
	})
	if err != nil {
		t.Fatalf("cloakroomtest: SignedIn: %v", err)
	}
}

// Anonymous is [SignedIn] for a visitor who has not signed in: with a cart, say. edit must
// put something into the session, because an empty one is not stored.
func Anonymous(t testing.TB, m *cloakroom.Manager, r *http.Request, edit func(s *cloakroom.Session)) {
	t.Helper()
	if err := start(m, r, edit); err != nil {
		t.Fatalf("cloakroomtest: Anonymous: %v", err)
	}
}

// start stores a session and puts its token on r.
func start(m *cloakroom.Manager, r *http.Request, edit func(s *cloakroom.Session)) error {
	var id string
	response, err := visit(m, blank(), func(ctx context.Context, s *cloakroom.Session) error {
		edit(s)
		err := s.Save(ctx)
		if !s.IsNew() {
			id = s.ID()
		}
		return err
	})
	switch {
	case err != nil:
		return err
	case id == "":
		return errors.New("nothing was stored, because edit left the session empty: have it set a value")
	}
	if r.Header == nil {
		r.Header = http.Header{}
	}
	setCookies(r.Header, (&http.Response{Header: response}).Cookies())
	setHeaders(r.Header, response)
	s, err := look(m, replay(r))
	switch {
	case err != nil:
		return err
	case s.ID() != id:
		return errors.New("the manager's Transport does not find the token where it sends it, in a cookie or a header of the same name: " +
			"make the session with Manager.Open and Manager.Commit instead, and put Ticket.Token where the Transport reads it")
	}
	return nil
}
