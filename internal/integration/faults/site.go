package faults

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/store"
)

var (
	count = cloakroom.NewKey[int]("count")
	mark  = cloakroom.NewKey[string]("mark")
)

// A site is a web server with sessions.
type site struct {
	t      testing.TB
	server *httptest.Server
	client *http.Client
	m      *cloakroom.Manager
	late   *lateness

	mu         sync.Mutex
	beforeEdit func() // what happens in the next handler, before it edits
}

func newSite(t testing.TB, st store.Store) *site {
	t.Helper()
	s := &site{t: t, late: newLateness()}
	m, err := cloakroom.New(st, &cloakroom.Config{StoreTimeout: storeTimeout, Observer: observer{t}})
	if err != nil {
		t.Fatal(err)
	}
	s.m = m
	mux := http.NewServeMux()
	mux.HandleFunc("/plain", func(http.ResponseWriter, *http.Request) {})
	mux.Handle("/read", s.page(func(*cloakroom.Session, *http.Request) error { return nil }))
	mux.Handle("/add", s.page(func(s *cloakroom.Session, r *http.Request) error {
		count.Update(s, func(n int) int { return n + 1 })
		return nil
	}))
	mux.Handle("/renew", s.page(func(s *cloakroom.Session, r *http.Request) error {
		s.Renew()
		return nil
	}))
	mux.Handle("/signin", s.page(func(s *cloakroom.Session, r *http.Request) error {
		s.SignIn(r.FormValue("owner"))
		return nil
	}))
	mux.Handle("/signout", s.page(func(s *cloakroom.Session, r *http.Request) error { return s.Destroy(r.Context()) }))
	s.server = httptest.NewServer(m.Handler(mux))
	transport := &http.Transport{MaxIdleConnsPerHost: 64}
	s.client = &http.Client{Transport: transport}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		s.server.Close()
		close(s.late.stop)
	})
	return s
}

// page edits the session and says what is in it then.
func (s *site) page(edit func(*cloakroom.Session, *http.Request) error) http.Handler {
	return s.m.Func(func(w http.ResponseWriter, r *http.Request, session *cloakroom.Session) {
		if m := r.FormValue("mark"); m != "" {
			mark.Set(session, m)
		}
		s.mu.Lock()
		before := s.beforeEdit
		s.beforeEdit = nil
		s.mu.Unlock()
		if before != nil {
			before()
		}
		if err := edit(session, r); err != nil {
			s.m.Fail(w, r, err)
			return
		}
		id := "none"
		if !session.IsNew() || count.Get(session) > 0 || session.Owner() != "" {
			id = session.ID()
		}
		fmt.Fprintf(w, "%s %d %q", id, count.Get(session), session.Owner())
	})
}

// observer fails the test when the manager finds a mistake of the store or the program.
type observer struct{ testing.TB }

func (o observer) Observe(_ context.Context, e cloakroom.Event) {
	if w, ok := e.(cloakroom.Warning); ok {
		o.Errorf("the manager warns: %s", w.Problem)
	}
}

// An answer is what a client gets.
type answer struct {
	status int
	token  string // of a cookie that was sent, with its name
	id     string // of the session; "none" when it is a new one with nothing in it
	count  int
	owner  string
}

// get asks for a page with a cookie, and checks what is true of every answer.
func (s *site) get(path, cookie string) answer {
	s.t.Helper()
	r, err := http.NewRequest("GET", s.server.URL+path, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	if cookie != "" {
		r.Header.Set("Cookie", cookie)
	}
	begin, late := time.Now(), s.late.sum()
	res, err := s.client.Do(r)
	if err != nil {
		s.t.Errorf("%s: no answer: %v", path, err)
		return answer{}
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if took, late := time.Since(begin), min(s.late.sum()-late, excuse); took > limit+late {
		s.t.Errorf("%s: the answer took %v, of which the machine was late for %v, and StoreTimeout is %v", path, took, late, storeTimeout)
	}
	a := answer{status: res.StatusCode}
	cookies := res.Header.Values("Set-Cookie")
	for _, c := range cookies {
		a.token, _, _ = strings.Cut(c, ";")
	}
	switch {
	case err != nil:
		s.t.Errorf("%s: the answer breaks off: %v", path, err)
	case a.status == 200 && path != "/plain":
		if _, err := fmt.Sscanf(string(body), "%s %d %q", &a.id, &a.count, &a.owner); err != nil {
			s.t.Errorf("%s: %q: %v", path, body, err)
		}
	case a.status == 503:
		if res.Header.Get("Retry-After") == "" || len(cookies) > 0 {
			s.t.Errorf("%s: a 503 with Retry-After %q and cookies %q", path, res.Header.Get("Retry-After"), cookies)
		}
	case a.status != 200:
		s.t.Errorf("%s: status %d: %s", path, a.status, body)
	}
	return a
}
