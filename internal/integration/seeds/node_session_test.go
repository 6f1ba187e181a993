package seeds

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/store"
)

// nodeRows are node-session's cases: the middleware (NI), its manager (NM), the session
// object (NS), its encrypted form (NE) and the paths (NU).
func nodeRows() []row {
	older, _ := twoKeys()
	proxied := cloakroom.Config{TrustedProxies: here()}
	return []row{
		{"NI-01", aValueIsKept},
		{"NI-02", noSecretIsNeeded},
		{"NI-03", theSessionIsTheSameAllOverTheRequest},
		{"NI-04", sealedValuesAreUnreadableInTheStore},
		{"NI-05", signedWith(older)},
		{"NI-06", aCounterCounts},
		{"NI-07", maxAgeIsTheLifetime},
		{"NI-08", useMovesTheEnd},
		{"NI-09", savedByTheEnd(withBody)},
		{"NI-10", savedByTheEnd(withoutBody)},
		{"NI-11", anUnknownTokenBeginsAnew},
		{"NI-12", anotherSessionHasOtherFormTokens},
		{"NI-13", noStoreIsRefused},
		{"NI-14", maxAgeIsTheLifetime},
		{"NI-15", aBrowserSessionCookieHasNoEnd},
		{"NI-16", aSecureCookieComesBackOverTLS},
		{"NI-17", aSecureCookieIsLostOverPlainHTTP},
		{"NI-18", warnsOfPlainHTTP(cloakroom.Config{}, true)},
		{"NI-19", warnsOfPlainHTTP(proxied, false, "X-Forwarded-Proto: https")},
		{"NI-20", theListOfProtocols},
		{"NI-21", warnsOfPlainHTTP(proxied, true)},
		{"NI-22", theSessionIsTheSameAllOverTheRequest},
		{"NI-23", aTokenOpensItsSessionOutsideOfHTTP},

		{"NM-01", aValueIsKept},

		{"NS-01", aValueIsKept},
		{"NS-02", aSessionKeepsItsID},
		{"NS-03", anUnknownTokenBeginsAnew},
		{"NS-04", named("session_id", "session_id")},
		{"NS-05", aValueIsKept},
		{"NS-06", aCounterCounts},
		{"NS-07", inBag(hasNothing)},
		{"NS-08", inBag(hasWhatWasPut)},
		{"NS-09", inBag(hasWhatWasPut)},
		{"NS-10", inBag(pullTakes)},
		{"NS-11", inBag(pullOfNothing)},
		{"NS-12", inBag(pullOfNothing)},
		{"NS-13", inBag(getFinds)},
		{"NS-14", inBag(getOfNothing)},
		{"NS-15", inBag(getOfNothing)},
		{"NS-16", inBag(allIsThere)},
		{"NS-17", inBag(putSets)},
		{"NS-18", inBag(putSets)},
		{"NS-19", renewChangesFormTokens},
		{"NS-20", inBag(putSets)},
		{"NS-21", inBag(putAllSets)},
		{"NS-22", inBag(pushAppends)},
		{"NS-23", inBag(pushOntoSomethingElse)},
		{"NS-24", flashIsRemovedByWhoReadsIt},
		{"NS-25", theRecordIsOneOfJSONValues},
		{"NS-26", flashIsForTheNextRequest},
		{"NS-27", flashIsRemovedByWhoReadsIt},
		{"NS-28", inBag(forgetRemoves)},
		{"NS-29", inBag(flushRemovesAll)},
		{"NS-30", renewKeepsTheDataAndRefusesTheOldToken},
		{"NS-31", restartRemovesTheRecord},
		{"NS-34", flashIsForTheNextRequest},
		{"NS-35", reflashKeepsAll},
		{"NS-36", keepKeepsSome("a")},
		{"NS-37", keepKeepsSome("a", "b")},
		{"NS-38", formTokensAreGoodWhileTheSessionIs},
		{"NS-39", renewKeepsTheDataAndRefusesTheOldToken},
		{"NS-40", restartRemovesTheRecord},

		{"NE-01", sealKeysAreChecked},
		{"NE-02", sealedValuesAreUnreadableInTheStore},
		{"NE-03", sealedValuesComeBack},

		{"NU-01", inBag(putSets)},
	}
}

var nodeLeftOut = []reason{
	{"NM-02", "there is no default store to be asked for: a program hands New the one it means"},
	{"NM-03", "there is no default store to be asked for: a program hands New the one it means"},
	{"NS-32", "a store is told by Change.Create whether a record is new, so nobody sets that it exists"},
	{"NS-33", "the program has made the store itself, and has it in its hands"},
}

func theSessionIsTheSameAllOverTheRequest(t *testing.T) {
	s := newSite(t)
	s.browser().get("/", func(_ http.ResponseWriter, r *http.Request) {
		first, err := s.m.Load(r.Context())
		noError(t, err)
		if none, err := s.m.Load(t.Context()); none != nil || err == nil {
			t.Errorf("a context of no request has a session: %v", err)
		}
		second, err := s.m.Load(r.Clone(r.Context()).Context())
		noError(t, err)
		want(t, "the session", second, first)
	})
}

func noStoreIsRefused(t *testing.T) {
	if _, err := cloakroom.New(nil, nil); err == nil || !strings.Contains(err.Error(), "store") {
		t.Errorf("New without a store: %v", err)
	}
}

// warnsOfPlainHTTP says whether a Secure cookie over plain HTTP is reported as lost.
func warnsOfPlainHTTP(c cloakroom.Config, warned bool, headers ...string) func(*testing.T) {
	return func(t *testing.T) {
		s := newSite(t, c)
		b := s.plain(headers...)
		b.base = "http://shop.invalid"
		want(t, "the cookie's Secure", b.set("ada").cookie.Secure, true)
		b.signedOut() // a browser keeps a Secure cookie for TLS, whoever speaks it
		_, found := find[cloakroom.Warning](s.events)
		want(t, "a warning", found, warned)
	}
}

func aTokenOpensItsSessionOutsideOfHTTP(t *testing.T) {
	s := newSite(t)
	b := s.browser()
	token := b.set("ada").token()
	session, err := s.m.Open(t.Context(), token)
	noError(t, err)
	want(t, "the value", name.Get(session), "ada")
	name.Set(session, "lovelace")
	ticket, err := s.m.Commit(t.Context(), session)
	noError(t, err)
	want(t, "there is something to send", ticket.Send, false)
	b.reads("lovelace")
}

func aSessionKeepsItsID(t *testing.T) {
	b := newSite(t).browser()
	id := idOf(b.set("ada").token())
	want(t, "the ID in the next request", b.id(), id)
	b.with((*cloakroom.Session).Renew)
	want(t, "the ID after Renew", b.id(), id)
}

func renewKeepsTheDataAndRefusesTheOldToken(t *testing.T) {
	s := newSite(t)
	b := s.browser()
	old := b.set("ada").token()
	s.store.calls()
	a := b.with((*cloakroom.Session).Renew)
	_, saves, deletes := s.store.calls()
	want(t, "saves", saves, 1)
	want(t, "deletes", deletes, 0)
	want(t, "the ID", idOf(a.token()), idOf(old))
	want(t, "the token has changed", a.token() != old, true)
	b.reads("ada")
	s.client("__Host-session=" + old).signedOut()
}

func restartRemovesTheRecord(t *testing.T) {
	s := newSite(t)
	b := s.browser()
	old := b.set("ada").token()
	s.store.calls()
	b.with(all((*cloakroom.Session).Restart, anEdit))
	s.store.mu.Lock()
	deleted := fmt.Sprint(s.store.deleted)
	s.store.mu.Unlock()
	want(t, "deleted", deleted, "["+idOf(old)+"]")
	if _, err := s.record(old); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("the old record: %v", err)
	}
	b.reads("lovelace")
}

func sealed() cloakroom.Config {
	return cloakroom.Config{SealKeys: [][]byte{[]byte("0123456789abcdef0123456789abcdef")}}
}

func sealKeysAreChecked(t *testing.T) {
	refused(t, "SealKeys", cloakroom.Config{SealKeys: [][]byte{[]byte("secret")}})
	if _, err := cloakroom.New(&spy{}, ptr(sealed())); err != nil {
		t.Error(err)
	}
}

func ptr[T any](v T) *T { return &v }

func sealedValuesAreUnreadableInTheStore(t *testing.T) {
	s := newSite(t, sealed())
	b := s.browser()
	token := b.set("a very private name").token()
	text := s.stored(token, "name")
	raw, err := base64.StdEncoding.DecodeString(strings.Trim(text, `"`))
	if err != nil {
		raw, err = base64.RawURLEncoding.DecodeString(strings.Trim(text, `"`))
	}
	noError(t, err)
	if text == "" || strings.Contains(text+string(raw), "private") {
		t.Errorf("the store holds %s", text)
	}
	b.reads("a very private name")
}

func sealedValuesComeBack(t *testing.T) {
	s := newSite(t, sealed())
	b := s.browser()
	for _, v := range []any{"text", 42.0, nil, map[string]any{"a": []any{true}}} {
		if v != nil {
			b.put("k", v)
			b.holds("k", v)
		}
	}
	b.with(countUp)
	b.with(countUp)
	n := 0
	b.with(counted(&n))
	want(t, "count", n, 2)
}
