package cloakroom_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/store/memstore"
)

func TestARequestThatDoesNotLoadItsSessionCostsNothing(t *testing.T) {
	r := newRig(t, nil)
	cookie := r.fresh()
	for _, cookies := range [][]string{nil, {cookie}, {"__Host-session=junk"}} {
		res := r.do(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "hello") }, cookies...)
		for _, h := range []string{"Set-Cookie", "Vary", "Cache-Control"} {
			if v, ok := res.Header[h]; ok {
				t.Errorf("%q: %s: %q", cookies, h, v)
			}
		}
	}
	if loads, saves, deletes := r.spy.calls(); loads+saves+deletes != 0 {
		t.Errorf("%d loads, %d saves, %d deletes", loads, saves, deletes)
	}
	if events := r.log.take(); len(events) != 0 {
		t.Errorf("events %v", events)
	}
}

func TestAtMostOneLoadAndOneSavePerRequest(t *testing.T) {
	r := newRig(t, nil)
	cookie := r.fresh()
	for what, tc := range map[string]struct {
		f            func(s *cloakroom.Session)
		loads, saves int
	}{
		"read":   {func(s *cloakroom.Session) { name.Get(s); name.Get(s); s.Has("x"); s.Owner(); s.ID() }, 1, 0},
		"write":  {func(s *cloakroom.Session) { visits.Set(s, 1); name.Set(s, "n"); cart.Set(s, nil) }, 1, 1},
		"update": {func(s *cloakroom.Session) { visits.Update(s, func(n int) int { return n + 1 }) }, 1, 1},
		"all": {func(s *cloakroom.Session) {
			name.Set(s, "m")
			s.Renew()
			s.SetPersistent(false)
			s.SetIdleTimeout(hour)
		}, 1, 1},
		"clear":   {func(s *cloakroom.Session) { s.Clear() }, 0, 0}, // after "all" the cookie is old
		"several": {func(s *cloakroom.Session) { name.Set(s, "a"); name.Set(s, "first") }, 0, 0},
	} {
		if what == "clear" || what == "several" {
			cookie, tc.loads = r.fresh(), 1
			tc.saves = map[string]int{"clear": 1}[what]
		}
		r.spy.calls()
		res := r.with(tc.f, cookie)
		if loads, saves, _ := r.spy.calls(); loads != tc.loads || saves != tc.saves {
			t.Errorf("%s: %d loads and %d saves, want %d and %d", what, loads, saves, tc.loads, tc.saves)
		}
		if c := ticket(res); c != "" {
			cookie = c
		}
	}
	r.with(func(s *cloakroom.Session) { name.Set(s, "x"); s.SignIn("u1") })
	if loads, saves, _ := r.spy.calls(); loads != 0 || saves != 1 {
		t.Errorf("a new session: %d loads, %d saves", loads, saves)
	}
}

func TestLoadReturnsTheSamePointerEveryTime(t *testing.T) {
	r := newRig(t, nil)
	r.do(func(_ http.ResponseWriter, req *http.Request) {
		a, _ := r.m.Load(req.Context())
		type key struct{}
		b, _ := r.m.Load(context.WithValue(req.Context(), key{}, 1))
		if a != b || a == nil {
			t.Errorf("%p and %p", a, b)
		}
	})
}

func TestNoRecordAndNoCookieForASessionThatNeverHeldAnything(t *testing.T) {
	st := memstore.New(nil)
	m, err := cloakroom.New(st, nil)
	if err != nil {
		t.Fatal(err)
	}
	h := m.Handler(m.Func(func(w http.ResponseWriter, _ *http.Request, s *cloakroom.Session) {
		visits.Get(s)
		name.Set(s, "x")
		name.Delete(s)
		cart.Pop(s)
		s.Clear()
		s.SetPersistent(false)
		s.Renew()
		_ = s.ID()
		_ = s.Derive("csrf")
		fmt.Fprint(w, "hello")
	}))
	for i := range 10_000 {
		req := httptest.NewRequest("GET", "https://example.com/", nil)
		if i%3 == 0 {
			req.Header.Set("Cookie", "__Host-session="+strings.Repeat("A", 43))
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, req)
		if len(w.Header()["Set-Cookie"]) != 0 {
			t.Fatalf("visit %d got a cookie", i)
		}
	}
	for key, err := range st.List(context.Background()) {
		t.Errorf("there is a record: %q, %v", key, err)
	}
}

func TestAnEmptiedRecordStaysUntilItExpires(t *testing.T) {
	r := newRig(t, nil)
	cookie := r.fresh()
	if res := r.with(func(s *cloakroom.Session) { name.Delete(s) }, cookie); len(res.Cookies()) != 0 {
		t.Errorf("cookies %v", res.Cookies())
	}
	if !r.opens(cookie) {
		t.Error("the emptied session is gone")
	}
	r.clock.advance(25 * hour)
	if r.opens(cookie) {
		t.Error("it did not expire")
	}
}

func TestTheCookieIsSentOnlyWhenTheClientNeedsIt(t *testing.T) {
	r := newRig(t, nil)
	cookie := r.fresh()
	for _, tc := range []struct {
		what string
		f    func(s *cloakroom.Session)
		want bool
	}{
		{"write", func(s *cloakroom.Session) { visits.Update(s, func(n int) int { return n + 1 }) }, false},
		{"clear", func(s *cloakroom.Session) { s.Clear() }, false},
		{"idle timeout", func(s *cloakroom.Session) { s.SetIdleTimeout(2 * hour) }, false},
		{"same persistence", func(s *cloakroom.Session) { s.SetPersistent(true) }, false},
		{"persistence", func(s *cloakroom.Session) { s.SetPersistent(false) }, true},
		{"lifetime", func(s *cloakroom.Session) { s.SetLifetime(3 * hour) }, true},
	} {
		if got := ticket(r.with(tc.f, cookie)); (got != "") != tc.want || got != "" && got != cookie {
			t.Errorf("%s: cookie %q", tc.what, got)
		}
	}
	r.clock.advance(hour) // a touch is due
	if got := ticket(r.with(func(s *cloakroom.Session) {}, cookie)); got != "" {
		t.Errorf("touch: cookie %q", got)
	}
}

func TestWithoutTheHandlerLoadIsAnErrorAndNoPanic(t *testing.T) {
	r := newRig(t, nil)
	if _, err := r.m.Load(context.Background()); err == nil || !strings.Contains(err.Error(), "Manager.Handler") {
		t.Errorf("%v", err)
	}
	w := httptest.NewRecorder()
	r.m.Func(func(http.ResponseWriter, *http.Request, *cloakroom.Session) { t.Error("called") }).
		ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
	if w.Code != 500 {
		t.Errorf("Func answered %d", w.Code)
	}
	if other := newRig(t, nil); other != nil {
		r.do(func(_ http.ResponseWriter, req *http.Request) {
			if _, err := other.m.Load(req.Context()); err == nil {
				t.Error("another manager's Handler was enough")
			}
		})
	}
}

func TestTheHandlerOfOneManagerTwiceIsOnce(t *testing.T) {
	r := newRig(t, nil)
	h := r.m.Handler(r.m.Handler(r.m.Func(func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) { name.Set(s, "x") })))
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", "https://example.com/", nil))
	if _, saves, _ := r.spy.calls(); saves != 1 || len(w.Header()["Set-Cookie"]) != 1 {
		t.Errorf("%d saves, %q", saves, w.Header())
	}
}

// Allocations are a promise: a change that adds one must say why.
func TestAllocationsPerRequest(t *testing.T) {
	if raceEnabled {
		t.Log("the race detector allocates too: only run without it")
		return
	}
	m, err := cloakroom.New(memstore.New(nil), nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	s, _ := m.Open(ctx)
	for i := range 10 {
		cloakroom.NewKey[string](fmt.Sprint("key", i)).Set(s, strings.Repeat("x", 90))
	}
	tk, err := m.Commit(ctx, s)
	if err != nil {
		t.Fatal(err)
	}
	for range 5000 { // so that the store has done most of its growing
		s, _ := m.Open(ctx)
		name.Set(s, "x")
		if _, err := m.Commit(ctx, s); err != nil {
			t.Fatal(err)
		}
	}
	k, n := cloakroom.NewKey[string]("key5"), 0
	values := []string{strings.Repeat("a", 90), strings.Repeat("b", 90)}
	for _, tc := range []struct {
		what   string
		cookie bool
		most   float64
		f      func(w http.ResponseWriter, r *http.Request)
	}{
		{"no cookie, untouched", false, 1, func(http.ResponseWriter, *http.Request) {}},
		{"cookie, untouched", true, 1, func(http.ResponseWriter, *http.Request) {}},
		{"read one of ten", true, 2, func(_ http.ResponseWriter, r *http.Request) {
			s, _ := m.Load(r.Context())
			if len(k.Get(s)) != 90 {
				t.Fatal("the value is lost")
			}
		}},
		{"write one of ten", true, 7, func(_ http.ResponseWriter, r *http.Request) {
			s, _ := m.Load(r.Context())
			n++
			k.Set(s, values[n%2])
		}},
		{"new session", false, 14, func(_ http.ResponseWriter, r *http.Request) {
			s, _ := m.Load(r.Context())
			k.Set(s, "hello")
		}},
	} {
		w := &discard{http.Header{}}
		req := httptest.NewRequest("GET", "https://example.com/", nil)
		if tc.cookie {
			req.Header.Set("Cookie", "__Host-session="+tk.Token)
		}
		h := m.Handler(http.HandlerFunc(tc.f))
		got := testing.AllocsPerRun(500, func() {
			clear(w.h)
			h.ServeHTTP(w, req)
		})
		if got > tc.most {
			t.Errorf("%s: %v allocations, at most %v are promised", tc.what, got, tc.most)
		}
	}
}

type discard struct{ h http.Header }

func (d *discard) Header() http.Header         { return d.h }
func (d *discard) WriteHeader(int)             {}
func (d *discard) Write(b []byte) (int, error) { return len(b), nil }
