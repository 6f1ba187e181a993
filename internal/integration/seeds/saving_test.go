package seeds

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom"
)

// What several suites say about when a session is saved, and how a response ends.

// savedByTheEnd says that the session is in the store when the client has its answer,
// whatever the page does between its edit and its end.
func savedByTheEnd(end func(w http.ResponseWriter)) func(*testing.T) {
	return func(t *testing.T) {
		s := newSite(t)
		a := s.browser().get("/", func(w http.ResponseWriter, r *http.Request) {
			session, err := s.m.Load(r.Context())
			noError(t, err)
			name.Set(session, "ada")
			end(w)
		})
		want(t, "what is stored", s.stored(a.token(), "name"), `"ada"`)
		_, saves, _ := s.store.calls()
		want(t, "saves", saves, 1)
	}
}

func withBody(w http.ResponseWriter)  { fmt.Fprint(w, "session saved") }
func withoutBody(http.ResponseWriter) {}
func withNothing(w http.ResponseWriter) {
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write(nil)
}

func inParts(w http.ResponseWriter) {
	for range 3 {
		fmt.Fprint(w, strings.Repeat("part ", 1000))
		_ = http.NewResponseController(w).Flush()
	}
}

func withLength(w http.ResponseWriter) {
	w.Header().Set("Content-Length", "13")
	fmt.Fprint(w, "session saved")
}

func endedTwice(w http.ResponseWriter) {
	w.WriteHeader(http.StatusOK)
	fmt.Fprint(w, "once ")
	w.WriteHeader(http.StatusTeapot)
	fmt.Fprint(w, "and again")
}

func useMovesTheEnd(t *testing.T) {
	s := newSite(t, cloakroom.Config{IdleTimeout: time.Hour})
	b := s.browser()
	token := b.set("ada").token()
	before, err := s.record(token)
	noError(t, err)
	s.clock.Advance(10 * time.Minute)
	b.reads("ada")
	after, err := s.record(token)
	noError(t, err)
	want(t, "later by", after.ExpiresAt.Sub(before.ExpiresAt), 10*time.Minute)
	s.clock.Advance(55 * time.Minute)
	b.reads("ada")
}

// aSlowAnswerEndsNoSession: the time counts from the request, and the cookie need not be
// sent again because it lives as long as the session may.
func aSlowAnswerEndsNoSession(t *testing.T) {
	s := newSite(t, cloakroom.Config{IdleTimeout: time.Hour})
	b := s.browser()
	slow := func(edit string) answer {
		return b.get("/", func(w http.ResponseWriter, r *http.Request) {
			s.with(func(session *cloakroom.Session) { name.Set(session, edit) })(w, r)
			fmt.Fprint(w, "hello, ")
			noError(t, http.NewResponseController(w).Flush())
			s.clock.Advance(30 * time.Minute)
			fmt.Fprint(w, "world!")
		})
	}
	first := slow("ada")
	want(t, "body", first.body, "hello, world!")
	want(t, "Max-Age", first.cookie.MaxAge, 30*24*3600)
	want(t, "the cookie of the second", slow("lovelace").line, "")
	b.reads("lovelace")
}

// rolled says whether a response to an edit sets the cookie, how many saves there are, and
// what the session holds then.
func rolled(c cloakroom.Config, existing bool, edit func(*cloakroom.Session), cookie bool, saves int, value string) func(*testing.T) {
	return func(t *testing.T) {
		s := newSite(t, c)
		b := s.browser()
		if existing {
			b.set("ada")
		}
		s.store.calls()
		a := b.with(edit)
		want(t, "a cookie was set", a.line != "", cookie)
		_, saved, _ := s.store.calls()
		want(t, "saves", saved, saves)
		b.reads(value)
	}
}

func nothing(*cloakroom.Session)        {}
func anEdit(session *cloakroom.Session) { name.Set(session, "lovelace") }

// force makes a page's commit write.
func force(session *cloakroom.Session) { session.ForceSave() }

func anUnchangedSessionIsNotWritten(t *testing.T) {
	s := newSite(t)
	b := s.browser()
	b.set("ada")
	s.store.calls()
	b.with(func(session *cloakroom.Session) { name.Set(session, name.Get(session)) }) // the same value
	b.reads("ada")
	_, saves, _ := s.store.calls()
	want(t, "saves", saves, 0)
}

func aFieldCalledCookieIsAValue(t *testing.T) {
	cookie := cloakroom.NewKey[map[string]string]("cookie")
	s := newSite(t)
	b := s.browser()
	b.set("ada")
	b.with(func(session *cloakroom.Session) { cookie.Set(session, map[string]string{"flavour": "vanilla"}) })
	b.with(func(session *cloakroom.Session) {
		cookie.Set(session, map[string]string{"flavour": "chocolate"}) // a change at the second level
	})
	b.with(func(session *cloakroom.Session) {
		want(t, "the flavour", cookie.Get(session)["flavour"], "chocolate")
	})
}

func saveIsNow(t *testing.T) {
	s := newSite(t)
	s.browser().get("/", func(w http.ResponseWriter, r *http.Request) {
		session, err := s.m.Load(r.Context())
		noError(t, err)
		name.Set(session, "ada")
		noError(t, session.Save(r.Context()))
		rec, err := s.store.Store.Load(t.Context(), session.ID())
		noError(t, err)
		text, _ := rec.Fields.Get("name")
		want(t, "what is stored while the page runs", text, `"ada"`)
	})
}

// savedOnce says that Save leaves the end of the request nothing to do.
func savedOnce(existing, reload bool) func(*testing.T) {
	return func(t *testing.T) {
		s := newSite(t)
		b := s.browser()
		if existing {
			b.set("ada")
		}
		s.store.calls()
		b.with(func(session *cloakroom.Session) {
			if reload {
				noError(t, session.Reload(t.Context()))
			}
			name.Set(session, "lovelace")
			noError(t, session.Save(t.Context()))
		})
		_, saves, _ := s.store.calls()
		want(t, "saves", saves, 1)
		b.reads("lovelace")
	}
}

func touchMovesTheEndNow(t *testing.T) {
	s := newSite(t, cloakroom.Config{IdleTimeout: time.Hour})
	b := s.browser()
	token := b.set("ada").token()
	s.clock.Advance(time.Minute) // sooner than a read would be noted
	b.with((*cloakroom.Session).Touch)
	rec, err := s.record(token)
	noError(t, err)
	want(t, "the end", rec.ExpiresAt.Sub(s.clock.Now()), time.Hour)
}

func aWriterOutsideMayWrapTheResponse(t *testing.T) {
	s := newSite(t)
	inner := s.root
	s.root = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		inner.ServeHTTP(&upper{ResponseWriter: w}, r)
	})
	a := s.browser().get("/", func(w http.ResponseWriter, r *http.Request) {
		s.with(anEdit)(w, r)
		fmt.Fprint(w, "loud")
	})
	want(t, "body", a.body, "LOUD")
	want(t, "what is stored", s.stored(a.token(), "name"), `"lovelace"`)
}

func aWriterInsideMayWrapTheResponse(t *testing.T) {
	s := newSite(t)
	a := s.browser().get("/", func(w http.ResponseWriter, r *http.Request) {
		s.with(anEdit)(w, r)
		fmt.Fprint(&upper{ResponseWriter: w}, "loud")
	})
	want(t, "body", a.body, "LOUD")
	want(t, "what is stored", s.stored(a.token(), "name"), `"lovelace"`)
}

// upper is a middleware that changes what is written.
type upper struct{ http.ResponseWriter }

func (u *upper) Write(b []byte) (int, error) {
	return u.ResponseWriter.Write([]byte(strings.ToUpper(string(b))))
}

func skippedEditsAreDropped(t *testing.T) {
	s := newSite(t)
	b := s.browser()
	b.set("ada")
	b.with(func(session *cloakroom.Session) {
		session.Clear()
		session.SkipSave()
	})
	b.reads("ada")
}

func aForcedSaveWrites(t *testing.T) {
	s := newSite(t)
	b := s.browser()
	token := b.set("ada").token()
	before, err := s.record(token)
	noError(t, err)
	s.clock.Advance(time.Second)
	b.with(force)
	after, err := s.record(token)
	noError(t, err)
	want(t, "written", after.Version > before.Version, true)
	b.reads("ada")
}

func theRecordIsOneOfJSONValues(t *testing.T) {
	s := newSite(t)
	b := s.browser()
	token := b.set("ada").token()
	s.store.mu.Lock()
	changes := s.store.changes
	s.store.mu.Unlock()
	want(t, "saves", len(changes), 1)
	text, _ := changes[0].Set.Get("name")
	want(t, "the JSON in the save", text, `"ada"`)
	want(t, "the save makes a record", changes[0].Create, true)
	_, err := s.store.Store.Load(t.Context(), idOf(token)) // the key is the session's ID
	noError(t, err)
}
