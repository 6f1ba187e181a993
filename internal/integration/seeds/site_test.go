package seeds

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/cloakroomtest"
	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/memstore"
)

var (
	name  = cloakroom.NewKey[string]("name")
	count = cloakroom.NewKey[int]("count")
)

// A site is a web server with sessions, over a store that a test can disturb. Its pages are
// functions that a test hands in with each request.
type site struct {
	t      *testing.T
	m      *cloakroom.Manager
	store  *spy
	events *events
	clock  *cloakroomtest.Clock // of manager and memory store
	cookie string               // its name, "" for the defaults
	root   http.Handler         // around the pages; replace it before the first request

	mu        sync.Mutex
	pages     map[string]http.HandlerFunc
	servers   map[string]*httptest.Server // by port
	transport *http.Transport
}

// newSite makes a site over a memory store.
func newSite(t *testing.T, config ...cloakroom.Config) *site {
	t.Helper()
	clock := cloakroomtest.NewClock(time.Time{})
	c := cloakroom.Config{}
	if len(config) > 0 {
		c = config[0]
	}
	c.Now = clock.Now
	s := newSiteOver(t, memstore.New(&memstore.Options{Now: clock.Now}), c)
	s.clock = clock
	return s
}

// newSiteOver makes a site over a store that has a clock of its own.
func newSiteOver(t *testing.T, st store.Store, c cloakroom.Config) *site {
	t.Helper()
	s := &site{t: t, store: &spy{Store: st}, events: &events{}, cookie: c.Cookie.Name, pages: map[string]http.HandlerFunc{}, servers: map[string]*httptest.Server{}}
	c.Observer = s.events
	m, err := cloakroom.New(s.store, &c)
	if err != nil {
		t.Fatal(err)
	}
	s.m = m
	s.root = m.Handler(s.page())
	s.transport = &http.Transport{
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, s.server(addr).Listener.Addr().String())
		},
	}
	t.Cleanup(func() {
		s.transport.CloseIdleConnections()
		for _, server := range s.servers {
			server.Close()
		}
	})
	return s
}

// server returns the server at a port, whatever the host: 443 has TLS.
func (s *site) server(addr string) *httptest.Server {
	_, port, _ := net.SplitHostPort(addr)
	s.mu.Lock()
	defer s.mu.Unlock()
	if server := s.servers[port]; server != nil {
		return server
	}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.root.ServeHTTP(w, r) }))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	if port == "443" {
		server.StartTLS()
		trusted := server.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
		s.transport.TLSClientConfig = &tls.Config{RootCAs: trusted, ServerName: "example.com"}
	} else {
		server.Start()
	}
	s.servers[port] = server
	return server
}

// page is where the pages are.
func (s *site) page() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		f := s.pages[r.Header.Get("Page")]
		s.mu.Unlock()
		f(w, r)
	})
}

func (s *site) addPage(f http.HandlerFunc) (id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	id = strconv.Itoa(len(s.pages))
	s.pages[id] = f
	return id
}

// with is a page that loads the session.
func (s *site) with(f func(*cloakroom.Session)) http.HandlerFunc {
	return s.m.Func(func(_ http.ResponseWriter, _ *http.Request, session *cloakroom.Session) { f(session) }).ServeHTTP
}

// record returns what the store holds for a token.
func (s *site) record(token string) (store.Record, error) {
	return s.store.Store.Load(context.Background(), idOf(token))
}

// stored returns the JSON text of a stored field, or "".
func (s *site) stored(token, field string) string {
	rec, _ := s.record(token)
	text, _ := rec.Fields.Get(field)
	return text
}

// idOf returns the public half of a token.
func idOf(token string) string { return token[:min(len(token), 20)] }

// A browser keeps cookies as browsers do, and follows no redirects.
type browser struct {
	s      *site
	base   string
	jar    http.CookieJar // nil: it keeps none
	header http.Header    // of every request
}

// browser returns one that comes over TLS.
func (s *site) browser() *browser {
	s.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		s.t.Fatal(err)
	}
	return &browser{s: s, base: "https://example.com", jar: jar, header: http.Header{}}
}

// plain returns one that comes over plain HTTP, with headers that every request has, each
// as "Name: value".
func (s *site) plain(headers ...string) *browser {
	s.t.Helper()
	b := s.browser()
	b.base = "http://example.com"
	for _, line := range headers {
		name, value, _ := strings.Cut(line, ": ")
		b.header.Add(name, value)
	}
	return b
}

// client returns one that sends this Cookie header and keeps no others.
func (s *site) client(cookies string) *browser {
	s.t.Helper()
	return &browser{s: s, base: "https://example.com", header: http.Header{"Cookie": {cookies}}}
}

// An answer is a response, read to its end.
type answer struct {
	status int
	header http.Header
	body   string
	line   string       // the Set-Cookie line of the session; "" when there is none
	cookie *http.Cookie // what it says; never nil
	err    error
}

// token returns the token that the answer sets.
func (a answer) token() string { return a.cookie.Value }

func (s *site) answer(res *http.Response, err error) answer {
	a := answer{cookie: &http.Cookie{}, err: err}
	if err != nil {
		return a
	}
	body, err := io.ReadAll(res.Body)
	res.Body.Close()
	a.status, a.header, a.body, a.err = res.StatusCode, res.Header, string(body), err
	for _, line := range res.Header["Set-Cookie"] {
		c, err := http.ParseSetCookie(line)
		if err != nil || c.Name != s.cookie && (s.cookie != "" || !strings.HasSuffix(c.Name, "session")) {
			continue
		}
		if a.line != "" {
			a.err = fmt.Errorf("the session's cookie is set twice: %q", res.Header["Set-Cookie"])
		}
		a.line, a.cookie = line, c
	}
	return a
}

// try sends a request to a page. It may be called by several goroutines.
func (b *browser) try(method, path string, f http.HandlerFunc) answer {
	r, err := http.NewRequestWithContext(b.s.t.Context(), method, b.base+path, nil)
	if err != nil {
		return b.s.answer(nil, err)
	}
	r.Header = b.header.Clone()
	r.Header.Set("Page", b.s.addPage(f))
	client := &http.Client{
		Transport: b.s.transport, Jar: b.jar,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return b.s.answer(client.Do(r))
}

// get is try for a request that must be answered.
func (b *browser) get(path string, f http.HandlerFunc) answer {
	b.s.t.Helper()
	a := b.try("GET", path, f)
	if a.err != nil {
		b.s.t.Errorf("GET %s: %v", path, a.err)
	}
	return a
}

// with visits a page that does something with the session.
func (b *browser) with(f func(s *cloakroom.Session)) answer {
	b.s.t.Helper()
	return b.get("/", b.s.with(f))
}

// set visits a page that puts a value into the session.
func (b *browser) set(value string) answer {
	b.s.t.Helper()
	return b.with(func(s *cloakroom.Session) { name.Set(s, value) })
}

// read returns what a page finds in the session, and whether there is one.
func (b *browser) read() (value string, live bool) {
	b.s.t.Helper()
	b.with(func(s *cloakroom.Session) { value, live = name.Get(s), !s.IsNew() })
	return value, live
}

// reads says what read must find.
func (b *browser) reads(value string) {
	b.s.t.Helper()
	got, _ := b.read()
	want(b.s.t, "the value in the session", got, value)
}

// signedOut says that the browser opens no session.
func (b *browser) signedOut() {
	b.s.t.Helper()
	value, live := b.read()
	want(b.s.t, "the session is live", live, false)
	want(b.s.t, "the value in the session", value, "")
}

// id returns the session's ID.
func (b *browser) id() (id string) {
	b.s.t.Helper()
	b.with(func(s *cloakroom.Session) { id = s.ID() })
	return id
}

// token returns the token in the jar.
func (b *browser) token() string {
	u, _ := url.Parse(b.base + "/")
	for _, c := range b.jar.Cookies(u) {
		if c.Name == b.s.cookie || b.s.cookie == "" && strings.HasSuffix(c.Name, "session") {
			return c.Value
		}
	}
	return ""
}

// park sends a request whose page does something and then waits. What it returns lets the
// page end, and waits for the answer.
func (b *browser) park(f func(s *cloakroom.Session)) (finish func() answer) {
	b.s.t.Helper()
	there, resume, answered := make(chan struct{}), make(chan struct{}), make(chan answer, 1)
	go func() {
		answered <- b.try("GET", "/", b.s.with(func(s *cloakroom.Session) {
			f(s)
			close(there)
			<-resume
		}))
	}()
	select {
	case <-there:
	case a := <-answered:
		b.s.t.Fatalf("the request ended before its page did: %+v", a)
	}
	return func() answer { close(resume); return <-answered }
}

// raw sends a request line of the caller's own over plain HTTP, and headers.
func (s *site) raw(f http.HandlerFunc, requestLine string, headers ...string) answer {
	s.t.Helper()
	conn, err := net.Dial("tcp", s.server("example.com:80").Listener.Addr().String())
	if err != nil {
		s.t.Fatal(err)
	}
	defer conn.Close()
	lines := append([]string{requestLine, "Host: example.com", "Connection: close", "Page: " + s.addPage(f)}, headers...)
	if _, err := io.WriteString(conn, strings.Join(lines, "\r\n")+"\r\n\r\n"); err != nil {
		s.t.Fatal(err)
	}
	a := s.answer(http.ReadResponse(bufio.NewReader(conn), nil))
	if a.err != nil {
		s.t.Errorf("%s: %v", requestLine, a.err)
	}
	return a
}

func want[T comparable](t testing.TB, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

// noError reports what went wrong.
func noError(t testing.TB, errs ...error) {
	t.Helper()
	for _, err := range errs {
		if err != nil {
			t.Error(err)
		}
	}
}

// refused says that New does not take a Config, and names the field in its error.
func refused(t testing.TB, field string, c cloakroom.Config) {
	t.Helper()
	if _, err := cloakroom.New(memstore.New(nil), &c); err == nil || !strings.Contains(err.Error(), field) {
		t.Errorf("New with a bad %s: %v", field, err)
	}
}

// text returns a value as fmt prints it.
func text(v any) string { return fmt.Sprint(v) }
