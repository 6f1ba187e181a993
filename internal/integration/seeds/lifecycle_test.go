package seeds

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/memstore"
)

// What several suites say about how a session begins, is found again and ends.

// ownTransport is one that a program might write.
type ownTransport struct{}

func (ownTransport) Tokens(r *http.Request) iter.Seq[string] {
	return slices.Values(r.Header.Values("Own-Token"))
}

func (ownTransport) Send(w http.ResponseWriter, _ *http.Request, t cloakroom.Ticket) error {
	w.Header().Set("Own-Token", t.Token)
	return nil
}

func thePartsCanBeReplaced(t *testing.T) {
	var _ store.Store = &spy{} // as a program's own one would be
	s := newSite(t, cloakroom.Config{Transport: ownTransport{}})
	a := s.browser().set("ada")
	want(t, "the cookie", len(a.header["Set-Cookie"]), 0)
	b := s.client("")
	b.header.Set("Own-Token", a.header.Get("Own-Token"))
	b.reads("ada")
}

func aSecondHandlerDoesNothing(t *testing.T) {
	s := newSite(t)
	var outer *cloakroom.Session
	inner := s.m.Handler(s.page())
	s.root = s.m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var err error
		outer, err = s.m.Load(r.Context())
		noError(t, err)
		inner.ServeHTTP(w, r)
	}))
	b := s.browser()
	b.set("ada")
	s.store.calls()
	b.with(func(session *cloakroom.Session) {
		want(t, "the session inside", session, outer)
		name.Set(session, "lovelace")
	})
	loads, saves, _ := s.store.calls()
	want(t, "loads", loads, 1)
	want(t, "saves", saves, 1)
}

func aValueIsKept(t *testing.T) {
	s := newSite(t)
	b := s.browser()
	a := b.set("ada")
	want(t, "status", a.status, http.StatusOK)
	want(t, "length of the token", len(a.token()), 43)
	id := idOf(a.token())
	want(t, "the cookie in the next response", b.with(func(session *cloakroom.Session) {
		want(t, "the value", name.Get(session), "ada")
		want(t, "the ID", session.ID(), id)
	}).line, "")
	_, saves, _ := s.store.calls()
	want(t, "saves", saves, 1)
}

func visitorsHaveSessionsOfTheirOwn(t *testing.T) {
	s := newSite(t)
	first, second := s.browser(), s.browser()
	first.set("ada")
	second.signedOut()
	second.set("grace")
	first.reads("ada")
	second.reads("grace")
	if first.id() == second.id() {
		t.Error("two visitors have one session")
	}
}

// unknown returns a token in the right form that no session has.
func unknown(t *testing.T) string { return newSite(t).browser().set("elsewhere").token() }

func anUnknownTokenBeginsAnew(t *testing.T) {
	s := newSite(t)
	for _, token := range []string{unknown(t), "", "x", strings.Repeat("A", 5000), "s:abc.def", "../../etc/passwd"} {
		a := s.client("__Host-session=" + token).with(func(session *cloakroom.Session) {
			want(t, "is new", session.IsNew(), true)
			if session.ID() == idOf(token) {
				t.Errorf("the client has chosen the ID %q", token)
			}
			name.Set(session, "ada")
		})
		want(t, "length of the new token", len(a.token()), 43)
		if _, err := s.record(token); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("a record at the client's choice: %v", err)
		}
	}
}

func aForgedTokenReachesNoStore(t *testing.T) {
	key := []byte(strings.Repeat("k", 32))
	s := newSite(t, cloakroom.Config{Keys: [][]byte{key}})
	b := s.browser()
	token := b.set("ada").token()
	b.reads("ada")
	s.store.calls()
	last := "A"
	if strings.HasSuffix(token, last) {
		last = "B"
	}
	for what, forged := range map[string]string{
		"another tag": token[:len(token)-1] + last, "no tag": token[:43], "half a tag": token[:50], "another ID": "AAAA" + token[4:],
	} {
		s.client("__Host-session=" + forged).signedOut()
		if loads, _, _ := s.store.calls(); loads != 0 {
			t.Errorf("%s: %d loads", what, loads)
		}
	}
	b.reads("ada")
}

func anExpiredSessionIsGone(t *testing.T) {
	s := newSite(t, cloakroom.Config{IdleTimeout: time.Hour})
	b := s.browser()
	old := b.set("ada").token()
	s.clock.Advance(time.Hour)
	b.signedOut()
	a := b.set("lovelace")
	if idOf(a.token()) == idOf(old) || a.token() == "" {
		t.Errorf("after %q came %q", old, a.token())
	}
	if _, err := s.record(old); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("the expired record: %v", err)
	}
	b.reads("lovelace")
	_, err := s.store.Store.(*memstore.Store).Sweep(t.Context(), 100)
	noError(t, err)
	want(t, "records in memory", s.store.Store.(*memstore.Store).Len(), 1)
}

// aMalformedRecordSignsOut: the seed failed the request with 500.
func aMalformedRecordSignsOut(t *testing.T) {
	s := newSite(t)
	b := s.browser()
	token := b.set("ada").token()
	_, err := s.store.Store.Save(t.Context(), idOf(token), store.Change{Unset: []string{"$created"}})
	noError(t, err)
	b.signedOut()
	e, _ := find[cloakroom.Rejected](s.events)
	want(t, "the reason", e.Reason, cloakroom.ReasonBadRecord)
}

func anAddressWithoutPathIsServed(t *testing.T) {
	s := newSite(t)
	var path string
	a := s.raw(func(w http.ResponseWriter, r *http.Request) {
		path = r.URL.Path
		s.with(func(session *cloakroom.Session) { name.Set(session, "ada") })(w, r)
	}, "GET http://example.com HTTP/1.1")
	want(t, "the path", path, "")
	want(t, "status", a.status, http.StatusOK)
	want(t, "length of the token", len(a.token()), 43)
}

func reservedNamesOfTheSeedAreValues(t *testing.T) {
	s := newSite(t)
	b := s.browser()
	names := []string{"id", "ID", "cookie", "req", "touch", "save", "Save", "hash", "maxAge", "__proto__", "constructor"}
	token := b.with(func(session *cloakroom.Session) {
		for _, n := range names {
			session.SetRaw(n, `"`+n+`"`)
		}
	}).token()
	b.with(func(session *cloakroom.Session) {
		for _, n := range names {
			text, _ := session.Raw(n)
			want(t, "the field "+n, text, `"`+n+`"`)
		}
		want(t, "the ID", session.ID(), idOf(token))
	})
	a := b.with(func(session *cloakroom.Session) { session.SetRaw("$secret", `"x"`) })
	want(t, "status for a name that is the manager's", a.status, http.StatusInternalServerError)
	_, live := b.read()
	want(t, "live", live, true)
}

func onlyValuesAreListed(t *testing.T) {
	s := newSite(t)
	b := s.browser()
	b.with(func(session *cloakroom.Session) {
		name.Set(session, "ada")
		session.SetPersistent(true)
		session.SignIn("u1")
	})
	b.with(func(session *cloakroom.Session) { want(t, "names", fmt.Sprint(session.Names()), "[name]") })
}

func destroyEndsTheSession(t *testing.T) {
	s := newSite(t)
	b := s.browser()
	token := b.set("ada").token()
	a := b.with(func(session *cloakroom.Session) {
		noError(t, session.Destroy(t.Context()))
		want(t, "the value after Destroy", name.Get(session), "")
		if session.ID() == idOf(token) {
			t.Error("it goes on under its ID")
		}
	})
	want(t, "Max-Age", a.cookie.MaxAge, -1)
	b.signedOut()
	s.client("__Host-session=" + token).signedOut()
}

func restartReplacesTheSession(t *testing.T) {
	s := newSite(t)
	b := s.browser()
	old := b.set("ada").token()
	a := b.with(func(session *cloakroom.Session) {
		session.Restart()
		want(t, "the value after Restart", name.Get(session), "")
		name.Set(session, "lovelace")
	})
	if a.token() == "" || idOf(a.token()) == idOf(old) {
		t.Errorf("after %q came %q", old, a.token())
	}
	b.reads("lovelace")
	s.client("__Host-session=" + old).signedOut()
	if _, err := s.record(old); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("the old record: %v", err)
	}
}

func restartOfAVisitorIsASession(t *testing.T) {
	s := newSite(t)
	b := s.browser()
	var id string
	a := b.with(func(session *cloakroom.Session) {
		name.Set(session, "before")
		session.Restart()
		name.Set(session, "after")
		id = session.ID()
	})
	want(t, "the ID", idOf(a.token()), id)
	b.reads("after")
}

func reloadShowsWhatOthersSaved(t *testing.T) {
	s := newSite(t)
	b := s.browser()
	b.set("ada")
	b.with(func(session *cloakroom.Session) {
		b.set("lovelace")
		want(t, "before Reload", name.Get(session), "ada")
		count.Set(session, 7)
		noError(t, session.Reload(t.Context()))
		want(t, "after Reload", name.Get(session), "lovelace")
		want(t, "what was pending", count.Get(session), 7)
	})
	b.with(func(session *cloakroom.Session) { want(t, "count", count.Get(session), 7) })
}

func reloadOfAnEndedSessionIsAnError(t *testing.T) {
	s := newSite(t)
	b := s.browser()
	b.set("ada")
	b.with(func(session *cloakroom.Session) {
		b.with(destroy(t, t.Context()))
		if err := session.Reload(t.Context()); !errors.Is(err, cloakroom.ErrEnded) {
			t.Errorf("Reload: %v", err)
		}
		want(t, "the value", name.Get(session), "")
	})
}

func aSessionNeverSavedIsDestroyedWithoutACookie(t *testing.T) {
	s := newSite(t)
	a := s.browser().with(func(session *cloakroom.Session) {
		name.Set(session, "ada")
		noError(t, session.Destroy(t.Context()))
	})
	want(t, "the cookie", a.line, "")
	_, saves, _ := s.store.calls()
	want(t, "saves", saves, 0)
}

func aBadIDStoresNothing(t *testing.T) {
	s := newSite(t, cloakroom.Config{NewID: func(context.Context) ([15]byte, error) { return [15]byte{}, errors.New("no ID today") }})
	a := s.browser().set("ada")
	want(t, "status", a.status, http.StatusInternalServerError)
	want(t, "the cookie", a.line, "")
	_, saves, _ := s.store.calls()
	want(t, "saves", saves, 0)
}

func theProgramMakesTheIDs(t *testing.T) {
	type key struct{}
	s := newSite(t, cloakroom.Config{NewID: func(ctx context.Context) (id [15]byte, _ error) {
		copy(id[:], "shard-3/\x00\xff\"; "+ctx.Value(key{}).(string)) // of the request
		return id, nil
	}})
	inner := s.root
	s.root = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		inner.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), key{}, "abc")))
	})
	b := s.browser()
	a := b.set("ada")
	want(t, "the ID", idOf(a.token()), "c2hhcmQtMy8A_yI7IGFi") // base64url of it: safe in a cookie
	b.reads("ada")
}

func theManagerMakesIDs(t *testing.T) {
	s := newSite(t)
	seen := map[string]bool{}
	for range 10 {
		token := s.browser().set("ada").token()
		if len(token) != 43 || seen[token] || strings.Trim(token, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			t.Errorf("the token %q", token)
		}
		seen[token] = true
	}
}
