package seeds

import (
	"context"
	"fmt"
	"hash/crc32"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/memstore"
)

// koaDefects are those of koa-generic-session and koa-redis.
func koaDefects() []row {
	return []row{
		{"3.4-1", newContentKeepsTheSettings},
		{"3.4-2", everyRecordHasAnEnd},
		{"3.4-3", lostUpdatesAndResurrection},
		{"3.4-4", destroyRepeatsTheAttributes},
		{"3.4-5", aNewSessionWithTheSameContentGetsItsCookie},
		{"3.4-6", errorsAreAnsweredAndTimesAreWhole},
		{"3.4-7", aTrustedProxySaysThatItsClientsUseTLS},
		{"3.4-8", aChangeWithTheSameChecksumIsSaved},
		{"3.4-9", weakSignaturesAndClearIDs},
		{"3.4-10", everythingEndsWhenItIsTold},
		{"3.4-11", anOutageWithNobodyWaitingEndsNoProcess},
	}
}

// newContentKeepsTheSettings: the seed lost signature and end by an assignment.
func newContentKeepsTheSettings(t *testing.T) {
	key := []byte(strings.Repeat("k", 32))
	s := newSite(t, cloakroom.Config{Keys: [][]byte{key}, Cookie: cloakroom.Cookie{Name: "sid", Path: "/app", SameSite: http.SameSiteStrictMode}})
	b := s.browser()
	b.base += "/app"
	b.with(lasting(time.Hour))
	for _, edit := range []func(*cloakroom.Session){(*cloakroom.Session).Clear, func(session *cloakroom.Session) { session.Clear(); session.Renew() }} {
		a := b.with(all(edit, anEdit))
		if a.line != "" && (len(a.token()) != 65 || !strings.Contains(a.line, "; Path=/app; HttpOnly; Secure; SameSite=Strict; Max-Age=3600")) {
			t.Errorf("the cookie %q", a.line)
		}
		b.with(func(session *cloakroom.Session) {
			want(t, "names", fmt.Sprint(session.Names()), "[name]")
			want(t, "lifetime", session.Lifetime(), time.Hour)
		})
		rec, err := s.record(b.token())
		noError(t, err)
		want(t, "the record's end", rec.ExpiresAt.Sub(s.clock.Now()), time.Hour)
	}
	want(t, "records", s.store.Store.(*memstore.Store).Len(), 1)
}

func everyRecordHasAnEnd(t *testing.T) {
	s := newSite(t, cloakroom.Config{IdleTimeout: cloakroom.NoTimeout, Cookie: cloakroom.Cookie{BrowserSession: true}})
	b := s.browser()
	a := b.with(func(session *cloakroom.Session) {
		name.Set(session, "ada")
		session.SetIdleTimeout(cloakroom.NoTimeout)
		session.SetPersistent(false)
	})
	want(t, "Max-Age", a.cookie.MaxAge, 0) // none
	rec, err := s.record(a.token())
	noError(t, err)
	want(t, "the record's end", rec.ExpiresAt.Sub(s.clock.Now()), 30*24*time.Hour)
	refused(t, "Lifetime", cloakroom.Config{Lifetime: cloakroom.NoTimeout})
}

func lostUpdatesAndResurrection(t *testing.T) {
	t.Run("lost updates", bothChangesStay)
	t.Run("resurrection", signedOutStaysSignedOut)
}

func errorsAreAnsweredAndTimesAreWhole(t *testing.T) {
	t.Run("a save that fails", aFailedSaveIsAnswered(false))
	t.Run("the order", nothingIsAnsweredBeforeTheSave)
	t.Run("outages", aFailedLoadIsAnswered)
	t.Run("a page that panics", aPanicSavesNothing)
	t.Run("broken seconds", func(t *testing.T) {
		s := newSite(t)
		a := s.browser().with(lasting(90*time.Second + 500*time.Millisecond + 700*time.Microsecond))
		want(t, "Max-Age", a.cookie.MaxAge, 91) // a cookie lives no shorter than its session
		rec, err := s.record(a.token())
		noError(t, err)
		want(t, "the record's end", rec.ExpiresAt.Sub(s.clock.Now()), 90500*time.Millisecond)
	})
}

func aPanicSavesNothing(t *testing.T) {
	s := newSite(t)
	b := s.browser()
	b.set("ada")
	a := b.try("GET", "/", func(w http.ResponseWriter, r *http.Request) {
		s.with(anEdit)(w, r)
		panic("a mistake of the page")
	})
	if a.err == nil {
		t.Errorf("answered with %d", a.status)
	}
	b.reads("ada")
}

// aChangeWithTheSameChecksumIsSaved: the seed took a CRC-32 for the content.
func aChangeWithTheSameChecksumIsSaved(t *testing.T) {
	const one, other = "plumless", "buckeroo"
	want(t, "the checksums", crc32.ChecksumIEEE([]byte(`"`+one+`"`)), crc32.ChecksumIEEE([]byte(`"`+other+`"`)))
	s := newSite(t)
	b := s.browser()
	b.set(one)
	b.set(other)
	b.reads(other)
}

func weakSignaturesAndClearIDs(t *testing.T) {
	t.Run("hashes", noBrokenHash)
	t.Run("SameSite", theZeroCookieWorks)
	t.Run("a dump", aDumpSignsNobodyIn)
}

// everythingEndsWhenItIsTold, also while the store fails: nothing reconnects by itself.
func everythingEndsWhenItIsTold(t *testing.T) {
	s := newSite(t, cloakroom.Config{Outage: cloakroom.Wait(time.Hour)})
	b := s.browser()
	b.set("ada")
	asked := make(chan struct{}, 1<<10)
	s.store.meddle(hooks{load: func(context.Context, string) (store.Record, error) {
		asked <- struct{}{}
		return store.Record{}, errStore
	}})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.m.Run(ctx) }()
	cancel()
	noError(t, <-done)
	gone := make(chan struct{})
	r, stop := context.WithCancel(t.Context())
	go func() { // a request that waits for the store ends with its client
		defer close(gone)
		if _, err := s.m.Open(r, b.token()); err == nil {
			t.Error("opened without the store")
		}
	}()
	<-asked
	stop()
	<-gone
}
