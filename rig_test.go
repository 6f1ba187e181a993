package cloakroom_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/memstore"
)

var (
	visits = cloakroom.NewKey[int]("visits")
	name   = cloakroom.NewKey[string]("name")
	cart   = cloakroom.NewKey[[]string]("cart")
)

// A rig is a manager over a spied memory store, with a clock of its own and an Observer
// that keeps everything.
type rig struct {
	t     testing.TB
	m     *cloakroom.Manager
	spy   *spy
	log   *audit
	clock *clock
}

func newRig(t testing.TB, c *cloakroom.Config) *rig {
	t.Helper()
	r := &rig{t: t, log: &audit{}, clock: &clock{now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}}
	var config cloakroom.Config
	if c != nil {
		config = *c
	}
	config.Observer, config.Now = r.log, r.clock.Now
	r.spy = &spy{Store: memstore.New(&memstore.Options{Now: r.clock.Now})}
	m, err := cloakroom.New(r.spy, &config)
	if err != nil {
		t.Fatal(err)
	}
	r.m = m
	return r
}

type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
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

// fresh stores a session with one field and returns its cookie.
func (r *rig) fresh() string {
	r.t.Helper()
	cookie := ticket(r.with(func(s *cloakroom.Session) { name.Set(s, "first") }))
	if cookie == "" {
		r.t.Fatal("a new session got no cookie")
	}
	r.spy.calls()
	r.log.take()
	return cookie
}

// opens reports whether the cookie opens a stored session.
func (r *rig) opens(cookie string) (ok bool) {
	r.t.Helper()
	r.with(func(s *cloakroom.Session) { ok = !s.IsNew() }, cookie)
	return ok
}

// record returns what the store holds for a cookie's session.
func (r *rig) record(cookie string) (store.Record, error) {
	r.t.Helper()
	return r.spy.Store.Load(context.Background(), key(cookie))
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

// key returns the store key in a cookie, secret the rest.
func key(cookie string) string {
	_, token, _ := strings.Cut(cookie, "=")
	return token[:20]
}

func secret(cookie string) string {
	_, token, _ := strings.Cut(cookie, "=")
	return token[20:]
}

// A parked request is one whose handler waits between its edits and its end.
type parked struct {
	resume chan struct{}
	done   chan *http.Response
}

// park starts a request, runs f in its handler, and leaves it there.
func (r *rig) park(f func(s *cloakroom.Session), cookies ...string) *parked {
	r.t.Helper()
	p := &parked{resume: make(chan struct{}), done: make(chan *http.Response, 1)}
	ready := make(chan struct{})
	go func() {
		p.done <- r.with(func(s *cloakroom.Session) {
			f(s)
			close(ready)
			<-p.resume
		}, cookies...)
	}()
	<-ready
	return p
}

// finish lets the handler return, and waits for the response.
func (p *parked) finish() *http.Response {
	close(p.resume)
	return <-p.done
}

// other returns a rig with another Config over the same store and clock.
func (r *rig) other(c *cloakroom.Config) *rig {
	r.t.Helper()
	var config cloakroom.Config // and with nil, also with the default Observer
	if c != nil {
		config = *c
		config.Observer = r.log
	}
	config.Now = r.clock.Now
	m, err := cloakroom.New(r.spy, &config)
	if err != nil {
		r.t.Fatal(err)
	}
	return &rig{t: r.t, m: m, spy: r.spy, log: r.log, clock: r.clock}
}

func sprint(values ...any) string { return fmt.Sprintf("%+v", values) }
