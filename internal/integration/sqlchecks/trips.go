package sqlchecks

import (
	"context"
	"database/sql"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/internal/integration/proxy"
	"github.com/cloakroom-go/cloakroom/store"
)

// RoundTrips counts what each call costs, by itself and in a request. db goes through p and
// adds nothing of its own.
func (k *Kind) RoundTrips(t *testing.T, db *sql.DB, p *proxy.Proxy) {
	db.SetMaxOpenConns(1) // else a new connection is opened at times
	s := k.Store(t, db, nil)
	ctx := t.Context()
	var base store.Record
	save := func(change store.Change) func() error {
		return func() error {
			version, err := s.Save(ctx, "k", change)
			if change.Base != nil {
				base.Version, base.Fields = version, base.Fields.With(change.Set)
			}
			return err
		}
	}
	load := func() (err error) {
		base, err = s.Load(ctx, "k")
		return err
	}
	creation := store.Change{Create: true, ExpiresAt: time.Now().Add(time.Hour), Set: Fields(t, "a", "1")}
	owner := "u1"
	for round := range 2 { // in the first round, statements are prepared
		for _, call := range []struct {
			what  string
			trips int64
			do    func() error
		}{
			{"create", 1, save(creation)},
			{"load", 1, load},
			{"edit", 1, save(store.Change{Base: &base, Set: Fields(t, "b", "2")})},
			{"load", 1, load},
			{"extend", 1, save(store.Change{Base: &base, ExpiresAt: time.Now().Add(2 * time.Hour)})},
			{"load", 1, load},
			{"change the owner", 1, save(store.Change{Base: &base, Owner: &owner})},
			{"edit without a base", 2, save(store.Change{Set: Fields(t, "c", "3")})},
			{"edit with a stale base", 3, save(store.Change{Base: &base, Set: Fields(t, "d", "4")})},
			{"delete", 1, func() error { return s.Delete(ctx, "k") }},
			{"ping", 1, func() error { return s.Ping(ctx) }},
		} {
			if call.what == "edit with a stale base" {
				base.Version--
			}
			before := p.Counts().RoundTrips
			if err := call.do(); err != nil {
				t.Fatalf("%s: %v", call.what, err)
			}
			if trips := p.Counts().RoundTrips - before; round > 0 && trips != call.trips {
				t.Errorf("%s: %d round trips, want %d", call.what, trips, call.trips)
			}
		}
	}
	k.requests(t, s, p)
}

func (k *Kind) requests(t *testing.T, s store.Store, p *proxy.Proxy) {
	sessions, err := cloakroom.New(s, nil)
	if err != nil {
		t.Fatal(err)
	}
	visits := cloakroom.NewKey[int]("visits")
	var cookies []*http.Cookie
	request := func(f func(*cloakroom.Session)) int64 {
		t.Helper()
		w := httptest.NewRecorder()
		r := httptest.NewRequestWithContext(context.Background(), http.MethodGet, "https://example.com/", nil)
		for _, c := range cookies {
			r.AddCookie(c)
		}
		before := p.Counts().RoundTrips
		sessions.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if f != nil {
				s, err := sessions.Load(r.Context())
				if err != nil {
					sessions.Fail(w, r, err)
					return
				}
				f(s)
			}
			io.WriteString(w, "ok")
		})).ServeHTTP(w, r)
		if w.Code != http.StatusOK {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
		if c := w.Result().Cookies(); len(c) > 0 {
			cookies = c
		}
		return p.Counts().RoundTrips - before
	}
	write := func(s *cloakroom.Session) { visits.Update(s, func(n int) int { return n + 1 }) }
	for _, want := range []struct {
		what  string
		trips int64
		do    func(*cloakroom.Session)
	}{
		{"new", 1, write},
		{"untouched", 0, nil},
		{"read", 1, func(s *cloakroom.Session) { visits.Get(s) }},
		{"write", 2, write},
		{"sign in", 2, func(s *cloakroom.Session) { s.SignIn("u1") }},
		{"read", 1, func(s *cloakroom.Session) {
			if n := visits.Get(s); n != 2 {
				t.Errorf("%d visits", n)
			}
		}},
	} {
		if trips := request(want.do); trips != want.trips {
			t.Errorf("a request, %s: %d round trips, want %d", want.what, trips, want.trips)
		}
	}
}

// A Save whose answer is lost is an outage, and has been done once.
func (k *Kind) ALostAnswerIsNotAskedForAgain(t *testing.T, db *sql.DB, p *proxy.Proxy) {
	s := k.Store(t, db, nil)
	for what, change := range map[string]store.Change{
		"create": {Create: true, ExpiresAt: time.Now().Add(time.Hour), Set: Fields(t, "marker", `"create"`)},
		"edit":   {Set: Fields(t, "marker", `"edit"`), If: []store.Condition{{Name: "marker", Value: "0"}}},
		"extend": {Set: Fields(t, "marker", `"extend"`), ExpiresAt: time.Now().Add(2 * time.Hour)},
	} {
		key := "key of " + what
		var before store.Record
		if !change.Create {
			Create(t, s, key, "", "marker", "0")
			var err error
			if before, err = s.Load(t.Context(), key); err != nil {
				t.Fatal(err)
			}
			change.Base = &before
		}
		lost := p.CutAfterRequest(1, `"marker":"`+what+`"`)
		version, err := s.Save(t.Context(), key, change)
		if err == nil {
			t.Errorf("%s: the answer was lost and Save returned version %d", what, version)
		}
		<-lost
		rec, err := s.Load(t.Context(), key)
		if got, _ := rec.Fields.Get("marker"); err != nil || got != `"`+what+`"` {
			t.Errorf("%s: %s, %v", what, got, err)
		}
		if !change.Create && rec.Version != before.Version+1 {
			t.Errorf("%s: version %d after %d: it was done %d times", what, rec.Version, before.Version, rec.Version-before.Version)
		}
	}
}
