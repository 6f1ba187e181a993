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

var (
	visits = cloakroom.NewKey[int]("visits")
	name   = cloakroom.NewKey[string]("name")
)

// A rig is a manager over a spied memory store, with an Observer that keeps everything.
type rig struct {
	t   testing.TB
	m   *cloakroom.Manager
	spy *spy
	log *audit
}

func newRig(t testing.TB, c *cloakroom.Config) *rig {
	t.Helper()
	r := &rig{t: t, log: &audit{}}
	options := &memstore.Options{}
	if c == nil {
		c = &cloakroom.Config{}
	}
	if c.Observer == nil {
		c.Observer = r.log
	}
	options.Now = c.Now
	r.spy = &spy{Store: memstore.New(options)}
	m, err := cloakroom.New(r.spy, c)
	if err != nil {
		t.Fatal(err)
	}
	r.m = m
	return r
}

// do sends one request with the cookies given through the middleware.
func (r *rig) do(f http.HandlerFunc, cookies ...string) *http.Response {
	r.t.Helper()
	req := httptest.NewRequest("GET", "https://example.com/", nil)
	if len(cookies) > 0 {
		req.Header.Set("Cookie", strings.Join(cookies, "; "))
	}
	w := httptest.NewRecorder()
	r.m.Handler(f).ServeHTTP(w, req)
	return w.Result()
}

// with is do for a function of the session.
func (r *rig) with(f func(s *cloakroom.Session), cookies ...string) *http.Response {
	r.t.Helper()
	return r.do(func(w http.ResponseWriter, req *http.Request) {
		s, err := r.m.Load(req.Context())
		if err != nil {
			r.m.Fail(w, req, err)
			return
		}
		f(s)
	}, cookies...)
}

// ticket returns the cookie that a response set, as a request header has it, or "".
func ticket(res *http.Response) string {
	for _, c := range res.Cookies() {
		if strings.HasSuffix(c.Name, "session") {
			return c.Name + "=" + c.Value
		}
	}
	return ""
}

func TestVisits(t *testing.T) {
	r := newRig(t, nil)
	count := func(s *cloakroom.Session) { visits.Update(s, func(n int) int { return n + 1 }) }
	cookie := ticket(r.with(count))
	if cookie == "" {
		t.Fatal("no cookie")
	}
	for range 3 {
		if res := r.with(count, cookie); ticket(res) != "" {
			t.Error("a cookie for an unchanged token")
		}
	}
	r.with(func(s *cloakroom.Session) {
		if n := visits.Get(s); n != 4 {
			t.Errorf("%d visits, want 4", n)
		}
	}, cookie)
	loads, saves, _ := r.spy.calls()
	if loads != 4 || saves != 4 {
		t.Errorf("%d loads and %d saves", loads, saves)
	}
	t.Log(r.log.take())
}

func TestAllocs(t *testing.T) {
	m, _ := cloakroom.New(memstore.New(nil), nil)
	s, _ := m.Open(context.Background())
	for i := range 10 {
		cloakroom.NewKey[string](fmt.Sprint("key", i)).Set(s, strings.Repeat("x", 90))
	}
	tk, err := m.Commit(context.Background(), s)
	if err != nil {
		t.Fatal(err)
	}
	w := &nullWriter{h: http.Header{}}
	req := httptest.NewRequest("GET", "https://example.com/", nil)
	measure := func(what string, h http.HandlerFunc) {
		hh := m.Handler(h)
		t.Log(what, testing.AllocsPerRun(1000, func() { clear(w.h); hh.ServeHTTP(w, req) }))
	}
	k := cloakroom.NewKey[string]("key5")
	measure("untouched", func(w http.ResponseWriter, r *http.Request) { w.Write(nil) })
	n := 0
	measure("create", func(w http.ResponseWriter, r *http.Request) {
		s, _ := m.Load(r.Context())
		k.Set(s, "hello")
		w.Write(nil)
	})
	req.Header.Set("Cookie", "__Host-session="+tk.Token)
	measure("read", func(w http.ResponseWriter, r *http.Request) {
		s, _ := m.Load(r.Context())
		if len(k.Get(s)) < 5 {
			t.Fatal()
		}
		w.Write(nil)
	})
	vals := []string{"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"}
	measure("write", func(w http.ResponseWriter, r *http.Request) {
		s, _ := m.Load(r.Context())
		n++
		k.Set(s, vals[n%2])
		w.Write(nil)
	})
}

type nullWriter struct{ h http.Header }

func (w *nullWriter) Header() http.Header         { return w.h }
func (w *nullWriter) WriteHeader(int)             {}
func (w *nullWriter) Write(b []byte) (int, error) { return len(b), nil }
