package seeds

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/store/memstore"
)

// koaRows are the cases of koa-generic-session, with the session at once (KS) and deferred
// (KD), rolling (KR), and saved against the rule (KO). Here every session is deferred.
func koaRows() []row {
	return []row{
		{"KS-02", aRequestWaitsForTheStore},
		{"KS-03", aCounterCounts},
		{"KS-04", aCounterCounts},
		{"KS-07", visitorsHaveSessionsOfTheirOwn},
		{"KS-08", readingChangesNothing},
		{"KS-09", aForeignCookieBeginsAnew},
		{"KS-10", aForeignCookieBeginsAnewEachTime},
		{"KS-11", outsideThereIsNoSession("/wrongpath")},
		{"KS-12", removedIsGone},
		{"KS-13", outsideThereIsNoSession("/")},
		{"KS-14", inside("/session")},
		{"KS-15", rewrittenBeforeItIsRead},
		{"KS-16", anInvalidSessionIsReplaced},
		{"KS-17", theProgramMakesTheIDs},
		{"KS-18", aTokenMayComeByOtherWays},
		{"KS-19", restartReplacesTheSession},
		{"KS-20", restartOfAVisitorIsASession},
		{"KS-21", rolled(cloakroom.Config{RollCookie: cloakroom.RollAlways}, true, nothing, true, 1, "ada")},
		{"KS-22", destroyRepeatsTheAttributes},

		{"KD-01", aCounterCounts},
		{"KD-02", aCounterCounts},
		{"KD-05", visitorsHaveSessionsOfTheirOwn},
		{"KD-06", readingChangesNothing},
		{"KD-07", pagesWithoutSessionsAskNothingOfTheStore},
		{"KD-08", outsideThereIsNoSession("/wrongpath")},
		{"KD-09", aForeignCookieBeginsAnew},
		{"KD-10", aForeignCookieBeginsAnewEachTime},
		{"KD-11", removedIsGone},
		{"KD-12", outsideThereIsNoSession("/")},
		{"KD-13", inside("/session")},
		{"KD-14", removedBeforeItIsRead},
		{"KD-15", rewrittenBeforeItIsRead},
		{"KD-16", restartReplacesTheSession},
		{"KD-17", restartOfAVisitorIsASession},

		{"KR-01", rolled(cloakroom.Config{RollCookie: cloakroom.RollAlways}, true, anEdit, true, 1, "lovelace")},
		{"KR-02", removedWhileRolling},
		{"KR-03", rolled(cloakroom.Config{RollCookie: cloakroom.RollAlways}, true, nothing, true, 1, "ada")},
		{"KR-04", rolled(cloakroom.Config{RollCookie: cloakroom.RollAlways}, false, nothing, false, 0, "")},

		{"KO-01", rolled(cloakroom.Config{}, true, anEdit, false, 1, "lovelace")},
		{"KO-02", rolled(cloakroom.Config{}, true, all(anEdit, skip), false, 0, "ada")},
		{"KO-03", rolled(cloakroom.Config{}, true, (*cloakroom.Session).ForceSave, false, 1, "ada")},
		{"KO-04", rolled(cloakroom.Config{}, true, all((*cloakroom.Session).Restart, skip), false, 0, "ada")},
		{"KO-05", skippedEditsAreDropped},
		{"KO-06", aForcedRestartDeletes},
		{"KO-07", aForcedRestartDeletes},
	}
}

// koaStoreRows are the cases with a store that fails.
func koaStoreRows() []row {
	return []row{
		{"KT-01", noRequestIsWithoutASession},
		{"KT-02", aRequestWaitsForTheStore},
		{"KT-03", eachFailureStartsNoNewWait},
		{"KT-04", afterTheWaitRequestsFailAtOnce},
		{"KT-05", visitorsAskNothingOfTheStore},
		{"KT-06", aFailedLoadIsAnswered},
		{"KT-07", pagesWithoutSessionsAskNothingOfTheStore},
		{"KT-08", aFailedSaveIsAnswered(true)},
		{"KT-09", aFailedSaveIsAnsweredThoughThePageFailsToo},
		{"KT-10", noRequestIsWithoutASession},
		{"KT-11", visitorsAskNothingOfTheStore},
		{"KT-12", aFailedLoadIsAnswered},
		{"KT-13", pagesWithoutSessionsAskNothingOfTheStore},
		{"KT-14", aFailedSaveIsAnswered(false)},
	}
}

var koaLeftOut = []reason{
	{"KS-01", "the memory store leaks nothing and may be bounded, so there is nothing to warn of; no library code logs"},
	{"KS-05", "HttpOnly cannot be switched off: a script that can read the token can send it elsewhere (promise: safe by default)"},
	{"KS-06", "HttpOnly cannot be switched off, so it cannot be switched on again"},
	{"KD-03", "HttpOnly cannot be switched off: a script that can read the token can send it elsewhere (promise: safe by default)"},
	{"KD-04", "HttpOnly cannot be switched off, so it cannot be switched on again"},
}

func skip(s *cloakroom.Session) { s.SkipSave() }

func all(edits ...func(*cloakroom.Session)) func(*cloakroom.Session) {
	return func(s *cloakroom.Session) {
		for _, edit := range edits {
			edit(s)
		}
	}
}

func readingChangesNothing(t *testing.T) {
	s := newSite(t)
	b := s.browser()
	b.set("ada")
	s.store.calls()
	want(t, "the cookie", b.with(func(session *cloakroom.Session) { want(t, "the value", name.Get(session), "ada") }).line, "")
	loads, saves, _ := s.store.calls()
	want(t, "loads", loads, 1)
	want(t, "saves", saves, 0)
}

// foreignCookies are those of the seed's test and of other libraries.
const foreignCookies = "koa.sid=s:dsfdss.PjOnUyhFG5bkeHsZ1UbEY7bDerxBINnZsD5MUguEph8; __Host-session=s:dsfdss.PjOnUyhFG5bkeHsZ1UbEY7bDerxBINnZsD5MUguEph8"

func aForeignCookieBeginsAnew(t *testing.T) {
	s := newSite(t)
	a := s.client(foreignCookies).with(countUp)
	want(t, "status", a.status, http.StatusOK)
	want(t, "the count", s.stored(a.token(), "count"), "1")
	loads, _, _ := s.store.calls()
	want(t, "loads for what is no token", loads, 0)
}

func aForeignCookieBeginsAnewEachTime(t *testing.T) {
	s := newSite(t)
	b := s.client(foreignCookies)
	first, second := b.with(countUp), b.with(countUp)
	want(t, "the count of the second", s.stored(second.token(), "count"), "1")
	if idOf(first.token()) == idOf(second.token()) {
		t.Error("two visitors with the same bad cookie share a session")
	}
}

// inSession mounts sessions at /session, and all else without.
func inSession(t *testing.T) *site {
	s := newSite(t, cloakroom.Config{Cookie: cloakroom.Cookie{Path: "/session"}})
	mux := http.NewServeMux()
	for _, pattern := range []string{"/session", "/session/"} {
		mux.Handle(pattern, s.m.Handler(s.page()))
	}
	mux.Handle("/", s.page())
	s.root = mux
	return s
}

// has tells whether there is a session.
func (s *site) has(w http.ResponseWriter, r *http.Request) {
	if _, err := s.m.Load(r.Context()); err != nil {
		fmt.Fprint(w, "no session")
		return
	}
	fmt.Fprint(w, "has session")
}

func outsideThereIsNoSession(path string) func(*testing.T) {
	return func(t *testing.T) {
		s := inSession(t)
		b := s.browser()
		a := b.get("/session/get", s.with(anEdit))
		b.header.Set("Cookie", "__Secure-session="+a.token()) // also if a client sent it there
		a = b.get(path, s.has)
		want(t, "body", a.body, "no session")
		want(t, "the cookie", a.line, "")
	}
}

func inside(path string) func(*testing.T) {
	return func(t *testing.T) {
		s := inSession(t)
		want(t, "body", s.browser().get(path, s.has).body, "has session")
	}
}

func removedIsGone(t *testing.T) {
	s := newSite(t)
	b := s.browser()
	b.with(countUp)
	b.with(countUp)
	old := b.token()
	b.with(destroy(t, t.Context()))
	want(t, "the count", s.stored(b.with(countUp).token(), "count"), "1")
	want(t, "the count for the old cookie", s.stored(s.client("__Host-session="+old).with(countUp).token(), "count"), "1")
}

// removedBeforeItIsRead: without loading any of it.
func removedBeforeItIsRead(t *testing.T) {
	s := newSite(t)
	b := s.browser()
	b.set("ada")
	s.store.calls()
	a := b.direct(func(ctx context.Context, d *cloakroom.Direct) { noError(t, d.Destroy(ctx)) })
	want(t, "Max-Age", a.cookie.MaxAge, -1)
	asked := s.store.asked()
	want(t, "some fields are asked for", len(asked) > 0, true)
	for _, field := range asked {
		if !strings.HasPrefix(field, "$") {
			t.Errorf("the value of %q was moved", field)
		}
	}
	b.signedOut()
	s.browser().direct(func(ctx context.Context, d *cloakroom.Direct) { noError(t, d.Destroy(ctx)) }) // nothing to remove
}

func rewrittenBeforeItIsRead(t *testing.T) {
	s := newSite(t)
	b := s.browser()
	b.with(countUp)
	b.with(func(session *cloakroom.Session) {
		session.Clear()
		name.Set(session, "bar")
	})
	b.with(func(session *cloakroom.Session) {
		want(t, "names", fmt.Sprint(session.Names()), "[name]")
		want(t, "the value", name.Get(session), "bar")
	})
}

func anInvalidSessionIsReplaced(t *testing.T) {
	s := newSite(t, cloakroom.Config{Validate: func(_ context.Context, session *cloakroom.Session) error {
		if name.Get(session) == "banned" {
			return errors.New("this user is banned")
		}
		return nil
	}})
	b := s.browser()
	old := b.set("banned").token()
	a := b.with(func(session *cloakroom.Session) {
		want(t, "the value", name.Get(session), "")
		want(t, "is new", session.IsNew(), true)
		name.Set(session, "ada")
	})
	if a.token() == "" || idOf(a.token()) == idOf(old) {
		t.Errorf("after %q came %q", old, a.token())
	}
	e, _ := find[cloakroom.Ended](s.events)
	want(t, "the reason", e, cloakroom.Ended{ID: idOf(old), Reason: cloakroom.ReasonInvalid, Detail: "this user is banned"})
	want(t, "records", s.store.Store.(*memstore.Store).Len(), 1)
	b.reads("ada")
}

// aTokenMayComeByOtherWays: a program says from where, and never chooses a session's ID.
func aTokenMayComeByOtherWays(t *testing.T) {
	s := newSite(t, cloakroom.Config{Transport: cloakroom.ChainTransports(
		cloakroom.CookieTransport(cloakroom.Cookie{}), cloakroom.BearerTransport{}, cloakroom.InsecureQueryTransport{Parameter: "sid"},
	)})
	token := s.browser().set("ada").token()
	var got string
	read := s.with(func(session *cloakroom.Session) { got = name.Get(session) })
	s.browser().get("/?sid="+token, read)
	want(t, "by query", got, "ada")
	b := s.browser()
	b.header.Set("Authorization", "Bearer "+token)
	b.get("/", read)
	want(t, "by header", got, "ada")
	s.browser().get("/?sid=chosen", read)
	want(t, "by a choice", got, "")
	s.browser().get("/?sid="+idOf(token), read)
	want(t, "by the public half", got, "")
}

func removedWhileRolling(t *testing.T) {
	s := newSite(t, cloakroom.Config{RollCookie: cloakroom.RollAlways})
	b := s.browser()
	b.set("ada")
	want(t, "Max-Age", b.with(destroy(t, t.Context())).cookie.MaxAge, -1)
	b.signedOut()
}

func aForcedRestartDeletes(t *testing.T) {
	s := newSite(t)
	b := s.browser()
	old := b.set("ada").token()
	a := b.with(all((*cloakroom.Session).Restart, force))
	if a.token() == "" || idOf(a.token()) == idOf(old) {
		t.Errorf("after %q came %q", old, a.token())
	}
	value, live := b.read()
	want(t, "a fresh session is there", live, true)
	want(t, "the value", value, "")
	s.client("__Host-session=" + old).signedOut()
}
