package seeds

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/store"
)

// What several suites say about a store that fails.

// answers503 says that an answer is that of an outage, and takes nothing from the client.
func answers503(t *testing.T, a answer) {
	t.Helper()
	want(t, "status", a.status, http.StatusServiceUnavailable)
	want(t, "Retry-After", a.header.Get("Retry-After"), "5")
	want(t, "the cookie", a.line, "")
}

// told collects what OnError is told, and answers like the default.
func told(errs *[]error) func(http.ResponseWriter, *http.Request, error) {
	var mu sync.Mutex
	return func(w http.ResponseWriter, _ *http.Request, err error) {
		mu.Lock()
		*errs = append(*errs, err)
		mu.Unlock()
		w.Header().Set("Retry-After", "5")
		w.WriteHeader(http.StatusServiceUnavailable)
	}
}

func aFailedLoadIsAnswered(t *testing.T) {
	var errs []error
	s := newSite(t, cloakroom.Config{OnError: told(&errs)})
	b := s.browser()
	b.set("ada")
	s.store.meddle(broken())
	ran := false
	answers503(t, b.with(func(*cloakroom.Session) { ran = true }))
	want(t, "the page ran without a session", ran, false)
	if len(errs) != 1 || !errors.Is(errs[0], cloakroom.ErrUnavailable) || !errors.Is(errs[0], errStore) {
		t.Errorf("OnError got %v", errs)
	}
	e, _ := find[cloakroom.Outage](s.events)
	want(t, "the outage", e.Op, "load")
	s.store.meddle(hooks{})
	b.reads("ada") // with the same cookie
}

func aSessionThatIsNotThereIsNoFailure(t *testing.T) {
	s := newSite(t)
	b := s.browser()
	old := b.set("ada").token()
	s.store.meddle(hooks{load: func(context.Context, string) (store.Record, error) {
		return store.Record{}, fmt.Errorf("ENOENT: %w", store.ErrNotFound)
	}})
	a := b.with(func(session *cloakroom.Session) {
		want(t, "is new", session.IsNew(), true)
		name.Set(session, "lovelace")
	})
	want(t, "status", a.status, http.StatusOK)
	if a.token() == "" || idOf(a.token()) == idOf(old) {
		t.Errorf("after %q came %q", old, a.token())
	}
}

// aFailedSaveIsAnswered: nobody is told 200 for what was not stored.
func aFailedSaveIsAnswered(existing bool) func(*testing.T) {
	return func(t *testing.T) {
		var errs []error
		s := newSite(t, cloakroom.Config{OnError: told(&errs)})
		b := s.browser()
		if existing {
			b.set("ada")
		}
		h := broken()
		h.load = nil
		s.store.meddle(h)
		a := b.get("/", func(w http.ResponseWriter, r *http.Request) {
			s.with(anEdit)(w, r)
			w.Header().Set("Location", "/done")
			w.WriteHeader(http.StatusSeeOther)
			if _, err := fmt.Fprint(w, "all is well"); err == nil {
				t.Error("the page does not learn of it")
			}
		})
		answers503(t, a)
		want(t, "Location", a.header.Get("Location"), "")
		want(t, "body", a.body, "")
		if len(errs) != 1 || !errors.Is(errs[0], errStore) {
			t.Errorf("OnError got %v", errs)
		}
		e, _ := find[cloakroom.Outage](s.events)
		want(t, "the outage", e.Op, "save")
		s.store.meddle(hooks{})
		if existing {
			b.reads("ada")
		}
	}
}

func aFailedSaveIsAnsweredThoughThePageFailsToo(t *testing.T) {
	var errs []error
	s := newSite(t, cloakroom.Config{OnError: told(&errs)})
	b := s.browser()
	b.set("ada")
	h := broken()
	h.load = nil
	s.store.meddle(h)
	a := b.get("/", func(w http.ResponseWriter, r *http.Request) {
		s.with(anEdit)(w, r)
		http.Error(w, "a mistake of the page", http.StatusInternalServerError)
	})
	answers503(t, a)
	if len(errs) != 1 || !errors.Is(errs[0], errStore) || strings.Contains(a.body, "mistake") {
		t.Errorf("OnError got %v; the body is %q", errs, a.body)
	}
}

func aFailedTouchIsAnswered(t *testing.T) {
	s := newSite(t)
	b := s.browser()
	b.set("ada")
	h := broken()
	h.load = nil
	s.store.meddle(h)
	want(t, "status while none is due", b.with(nothing).status, http.StatusOK)
	s.clock.Advance(12 * time.Hour)
	answers503(t, b.with(nothing))
	e, _ := find[cloakroom.Outage](s.events)
	want(t, "the outage", e.Op, "save")
	s.store.meddle(hooks{})
	b.reads("ada")
}

func aFailedDestroyIsAnError(t *testing.T) {
	s := newSite(t)
	b := s.browser()
	b.set("ada")
	s.store.meddle(hooks{delete: broken().delete})
	a := b.get("/", func(w http.ResponseWriter, r *http.Request) {
		session, err := s.m.Load(r.Context())
		noError(t, err)
		err = session.Destroy(r.Context())
		if !errors.Is(err, cloakroom.ErrUnavailable) || !errors.Is(err, errStore) {
			t.Errorf("Destroy: %v", err)
		}
		s.m.Fail(w, r, err)
	})
	answers503(t, a) // the cookie stays, so that the user can try again
	s.store.meddle(hooks{})
	b.reads("ada")
}

// noRequestIsWithoutASession: the seed left req.session undefined, and pages crashed.
func noRequestIsWithoutASession(t *testing.T) {
	s := newSite(t)
	b := s.browser()
	b.set("ada")
	s.store.meddle(broken())
	a := b.get("/", func(w http.ResponseWriter, r *http.Request) {
		session, err := s.m.Load(r.Context())
		if session != nil || !errors.Is(err, cloakroom.ErrUnavailable) {
			t.Errorf("Load: %v, %v", session, err)
		}
		s.m.Fail(w, r, err)
	})
	answers503(t, a)
	want(t, "a page that needs no session", b.get("/", withPage).body, "here you are")
	a = b.get("/", func(w http.ResponseWriter, r *http.Request) {
		s.m.AnonymousOnOutage(s.with(nothing)).ServeHTTP(w, r)
		withPage(w, r)
	})
	want(t, "one that can do without", a.body, "here you are")
	want(t, "its cookie", a.line, "")
}

func withPage(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "here you are") }

func theSessionIsBackWithTheStore(t *testing.T) {
	s := newSite(t)
	b := s.browser()
	b.set("ada")
	s.store.meddle(broken())
	answers503(t, b.with(nothing))
	s.store.meddle(hooks{})
	want(t, "the cookie", b.set("lovelace").line, "")
	b.reads("lovelace")
}

// failing makes the next n loads of a store fail. The count goes on below zero.
func failing(s *site, n int) (tries func() int) {
	var mu sync.Mutex
	made := 0
	s.store.meddle(hooks{load: func(ctx context.Context, key string) (store.Record, error) {
		mu.Lock()
		defer mu.Unlock()
		if made++; made <= n {
			return store.Record{}, errStore
		}
		return s.store.Store.Load(ctx, key)
	}})
	return func() int { mu.Lock(); defer mu.Unlock(); return made }
}

func aRequestWaitsForTheStore(t *testing.T) {
	s := newSite(t, cloakroom.Config{Outage: cloakroom.Wait(time.Minute)})
	b := s.browser()
	b.set("ada")
	tries := failing(s, 3)
	b.reads("ada")
	want(t, "loads", tries(), 4)
	if e, ok := find[cloakroom.Recovered](s.events); !ok || e.After <= 0 {
		t.Errorf("the recovery: %+v, %v", e, ok)
	}
}

// eachFailureStartsNoNewWait: otherwise a request would never be answered.
func eachFailureStartsNoNewWait(t *testing.T) {
	s := newSite(t, cloakroom.Config{Outage: cloakroom.Wait(60 * time.Millisecond)})
	b := s.browser()
	b.set("ada")
	tries := failing(s, 40) // and no more, or a failing test would never end
	answers503(t, b.with(nothing))
	if n := tries(); n < 2 {
		t.Errorf("%d loads: it did not wait", n)
	}
	s.store.meddle(hooks{})
	b.reads("ada")
}

// afterTheWaitRequestsFailAtOnce, but for one that finds out when the store is back.
func afterTheWaitRequestsFailAtOnce(t *testing.T) {
	s := newSite(t, cloakroom.Config{Outage: cloakroom.Wait(time.Millisecond)})
	b := s.browser()
	b.set("ada")
	failing(s, 40)
	answers503(t, b.with(nothing)) // the wait is over
	asks, mended := make(chan struct{}), make(chan struct{})
	s.store.meddle(hooks{load: func(ctx context.Context, key string) (store.Record, error) {
		close(asks) // only one may
		<-mended
		return s.store.Store.Load(ctx, key)
	}})
	probe := make(chan answer)
	go func() { probe <- b.try("GET", "/", s.with(nothing)) }()
	<-asks
	s.store.calls()
	for range 3 {
		answers503(t, b.with(nothing))
	}
	loads, _, _ := s.store.calls()
	want(t, "loads beside the probe", loads, 0)
	close(mended)
	want(t, "the probe", (<-probe).status, http.StatusOK)
	s.store.meddle(hooks{})
	b.reads("ada")
}

// anOutageWithNobodyWaitingEndsNoProcess: in the seed it did, when its time was over.
func anOutageWithNobodyWaitingEndsNoProcess(t *testing.T) {
	s := newSite(t, cloakroom.Config{Outage: cloakroom.Wait(time.Millisecond)})
	b := s.browser()
	b.set("ada")
	failing(s, 40)
	answers503(t, b.with(nothing))
	answers503(t, b.with(nothing)) // the time was over, and nobody waited
	s.store.meddle(hooks{})
	b.reads("ada")
	if _, ok := find[cloakroom.Recovered](s.events); !ok {
		t.Error("nobody was told that the store is back")
	}
}

// visitorsAskNothingOfTheStore, so its failure is nothing to them.
func visitorsAskNothingOfTheStore(t *testing.T) {
	s := newSite(t)
	s.store.meddle(broken())
	a := s.browser().with(func(session *cloakroom.Session) { want(t, "is new", session.IsNew(), true) })
	want(t, "status", a.status, http.StatusOK)
}

// pagesWithoutSessionsAskNothingOfTheStore, whatever cookie comes.
func pagesWithoutSessionsAskNothingOfTheStore(t *testing.T) {
	s := newSite(t)
	b := s.browser()
	b.set("ada")
	s.store.meddle(broken())
	s.store.calls()
	a := b.get("/", withPage)
	want(t, "status", a.status, http.StatusOK)
	want(t, "the cookie", a.line, "")
	want(t, "Vary and Cache-Control", a.header.Get("Vary")+a.header.Get("Cache-Control"), "")
	loads, saves, deletes := s.store.calls()
	want(t, "calls of the store", loads+saves+deletes, 0)
}
