package cloakroom_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/store"
)

// A protocol is one way to talk to a real server.
type protocol struct {
	name  string
	major int
	tls   bool
}

var (
	plain     = protocol{"HTTP1", 1, false}
	plainTLS  = protocol{"HTTP1-TLS", 1, true}
	protocol2 = protocol{"HTTP2", 2, true}
)

func overEach(t *testing.T, f func(t *testing.T, p protocol)) {
	t.Helper()
	over(t, f, plain, plainTLS, protocol2)
}

// overHTTP1 is for what HTTP/2 does not have.
func overHTTP1(t *testing.T, f func(t *testing.T, p protocol)) {
	t.Helper()
	over(t, f, plain, plainTLS)
}

func over(t *testing.T, f func(t *testing.T, p protocol), protocols ...protocol) {
	t.Helper()
	for _, p := range protocols {
		t.Run(p.name, func(t *testing.T) { f(t, p) })
	}
}

// A site is a real server and a client of it that keeps no cookies and follows nothing.
type site struct {
	t testing.TB
	protocol
	srv    *httptest.Server
	client *http.Client
	log    *logText
	ended  chan struct{} // has one value for each request whose handler has returned
}

// serve starts a server for h, which has the middleware in it.
func serve(t testing.TB, p protocol, h http.Handler) *site {
	t.Helper()
	return serveOn(t, p, h, nil)
}

// serveOn is serve with a listener of the caller's making, for plain TCP.
func serveOn(t testing.TB, p protocol, h http.Handler, wrap func(net.Listener) net.Listener) *site {
	t.Helper()
	s := &site{t: t, protocol: p, log: &logText{}, ended: make(chan struct{}, 64)}
	s.srv = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() { s.ended <- struct{}{} }()
		h.ServeHTTP(w, r)
	}))
	s.srv.Config.ErrorLog = log.New(s.log, "", 0)
	if wrap != nil {
		s.srv.Listener = wrap(s.srv.Listener)
	}
	s.srv.EnableHTTP2 = p.major == 2
	if p.tls {
		s.srv.StartTLS()
	} else {
		s.srv.Start()
	}
	t.Cleanup(s.srv.Close)
	s.client = s.srv.Client()
	s.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return s
}

// request makes one; cookies are name=value.
func (s *site) request(method, path string, body io.Reader, cookies ...string) *http.Request {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), method, s.srv.URL+path, body)
	if err != nil {
		s.t.Fatal(err)
	}
	if len(cookies) > 0 {
		r.Header.Set("Cookie", strings.Join(cookies, "; "))
	}
	return r
}

// open sends a request and leaves the body to the caller.
func (s *site) open(r *http.Request) *http.Response {
	s.t.Helper()
	res, err := s.client.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { res.Body.Close() })
	if res.ProtoMajor != s.major {
		s.t.Fatalf("the answer is %s, so this test does not show what it says", res.Proto)
	}
	return res
}

// do sends a request, reads the answer to its end and waits for the handler's return.
func (s *site) do(r *http.Request) (*http.Response, string) {
	s.t.Helper()
	res := s.open(r)
	body, err := io.ReadAll(res.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	s.wait()
	return res, string(body)
}

func (s *site) get(path string, cookies ...string) (*http.Response, string) {
	s.t.Helper()
	return s.do(s.request("GET", path, nil, cookies...))
}

// wait returns when one more handler has returned.
func (s *site) wait() { <-s.ended }

// dial opens a connection for a client that writes its own bytes. HTTP/1.1 only.
func (s *site) dial() *rawConn {
	s.t.Helper()
	var conn net.Conn
	var err error
	if s.tls {
		c := s.client.Transport.(*http.Transport).TLSClientConfig.Clone()
		c.NextProtos = []string{"http/1.1"}
		conn, err = tls.Dial("tcp", s.srv.Listener.Addr().String(), c)
	} else {
		conn, err = net.Dial("tcp", s.srv.Listener.Addr().String())
	}
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { conn.Close() })
	return &rawConn{s.t, conn, bufio.NewReader(conn)}
}

type rawConn struct {
	t testing.TB
	net.Conn
	in *bufio.Reader
}

// send writes lines, each with its end, and the empty one after a header.
func (c *rawConn) send(lines ...string) {
	c.t.Helper()
	if _, err := io.WriteString(c.Conn, strings.Join(lines, "\r\n")+"\r\n\r\n"); err != nil {
		c.t.Fatal(err)
	}
}

// receive reads one response, which may be a 1xx.
func (c *rawConn) receive() *http.Response {
	c.t.Helper()
	res, err := http.ReadResponse(c.in, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	return res
}

// logText is a server's log.
type logText struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logText) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(b)
}

func (l *logText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// page is a handler that has the session.
type page = func(w http.ResponseWriter, r *http.Request, s *cloakroom.Session)

// serve starts a server with the middleware around f.
func (r *rig) serve(t testing.TB, p protocol, f page) *site {
	t.Helper()
	return serve(t, p, r.m.Handler(r.m.Func(f)))
}

// visitor stores a session with one visit and returns its cookie; counters and events
// begin anew.
func (r *rig) visitor() string {
	r.t.Helper()
	cookie := ticket(r.with(func(s *cloakroom.Session) { visits.Set(s, 1) }))
	if cookie == "" {
		r.t.Fatal("no cookie for a new session")
	}
	r.spy.calls()
	r.log.take()
	return cookie
}

// visitsOf returns the number of visits stored, or -1 when the cookie opens no session.
func (r *rig) visitsOf(cookie string) int {
	r.t.Helper()
	n := -1
	r.with(func(s *cloakroom.Session) {
		if !s.IsNew() {
			n = visits.Get(s)
		}
	}, cookie)
	return n
}

func (r *rig) wantVisits(t testing.TB, cookie string, want int) {
	t.Helper()
	if cookie == "" {
		t.Error("no cookie")
		return
	}
	if n := r.visitsOf(cookie); n != want {
		t.Errorf("%d visits are stored, want %d (-1: no session)", n, want)
	}
}

func (r *rig) wantCalls(t testing.TB, loads, saves int) {
	t.Helper()
	if l, s, _ := r.spy.calls(); l != loads || s != saves {
		t.Errorf("%d loads and %d saves, want %d and %d", l, s, loads, saves)
	}
}

// wantDropped checks that the Observer was told that a field was lost, and why.
func wantDropped(t testing.TB, events []cloakroom.Event, reason cloakroom.Reason, field string) {
	t.Helper()
	if _, ok := find(events, func(e cloakroom.Dropped) bool {
		return e.Reason == reason && slices.Contains(e.Names, field)
	}); !ok {
		t.Errorf("events %+v, want a Dropped for %q: %s", events, field, reason)
	}
}

func wantNoDropped(t testing.TB, events []cloakroom.Event) {
	t.Helper()
	if e, ok := find(events, func(cloakroom.Dropped) bool { return true }); ok {
		t.Errorf("dropped: %+v", e)
	}
}

func wantStatus(t testing.TB, res *http.Response, want int) {
	t.Helper()
	if res.StatusCode != want {
		t.Errorf("status %d, want %d", res.StatusCode, want)
	}
}

// cookieNames returns the names of the cookies that a response sets, sorted.
func cookieNames(res *http.Response) []string {
	var names []string
	for _, c := range res.Cookies() {
		names = append(names, c.Name)
	}
	slices.Sort(names)
	return names
}

var errDown = errors.New("the store is down")

// breakSaves makes every Save fail in a way that may have landed.
func (r *rig) breakSaves() {
	r.spy.meddle(func(s *spy) {
		s.save = func(context.Context, string, store.Change) (uint64, error) { return 0, errDown }
	})
}

// breakLoads makes every Load fail.
func (r *rig) breakLoads() {
	r.spy.meddle(func(s *spy) {
		s.load = func(context.Context, string) (store.Record, error) { return store.Record{}, errDown }
	})
}
