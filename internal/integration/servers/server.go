package servers

import (
	"net/url"
	"strings"
	"testing"
)

// A Mode says what a server does for what it has acknowledged.
type Mode int

const (
	// Fast syncs nothing. It is what a test wants that does not kill its server.
	Fast Mode = iota
	// Durable keeps everything that was acknowledged when the server is killed:
	// fsync and synchronous_commit on PostgreSQL, a flush at each commit on MariaDB,
	// appendfsync always on Redis and Valkey.
	Durable
)

func isDurable(mode []Mode) bool { return len(mode) > 0 && mode[0] == Durable }

// A Server is one running server. Its methods are for one goroutine at a time, and end the
// test that it was started for, or got by For: a subtest has to call For first.
type Server struct {
	t       testing.TB
	process *process // nil when the server was given by URL
	url     string
}

// Addr returns host and port.
func (s *Server) Addr() string { return strings.Split(hosts(s.url), ",")[0] }

// URL returns the server's address with what a client needs to get in: redis, postgres,
// mysql or memcache is its scheme.
func (s *Server) URL() string { return s.url }

// DSN returns the URL in the form that the Go driver of MariaDB and MySQL wants.
func (s *Server) DSN() string {
	u, err := url.Parse(s.url)
	if err != nil {
		s.t.Helper()
		s.t.Fatal(err)
	}
	user := u.User.Username()
	if password, ok := u.User.Password(); ok {
		user += ":" + password
	}
	return user + "@tcp(" + u.Host + ")" + u.Path
}

// Kill ends the server and its processes with SIGKILL.
func (s *Server) Kill() {
	s.t.Helper()
	s.do("kill", (*process).kill)
}

// Stop ends the server as its administrator would, and waits until it has ended.
func (s *Server) Stop() {
	s.t.Helper()
	s.do("stop", (*process).stop)
}

// Start starts a server that was killed or stopped, on the same port and over the same
// data, and returns when it serves.
func (s *Server) Start() {
	s.t.Helper()
	s.do("start", (*process).start)
}

// Pause makes the server hang: its connections stay open and nothing is answered.
func (s *Server) Pause() {
	s.t.Helper()
	s.do("pause", (*process).pause)
}

// Resume ends a Pause.
func (s *Server) Resume() {
	s.t.Helper()
	s.do("resume", (*process).resume)
}

func (s *Server) do(what string, f func(*process) error) {
	s.t.Helper()
	if s.process == nil {
		s.t.Skipf("cannot %s %s: the server was given by URL; unset the variable to have one started", what, s.url)
	}
	if err := f(s.process); err != nil {
		s.t.Fatalf("cannot %s %s: %v", what, s.url, err)
	}
}

// For returns the server for use in another test, which is the one that is skipped or
// fails when a method cannot do what it is for.
func (s *Server) For(t testing.TB) *Server { return &Server{t, s.process, s.url} }

// hosts returns the part of a URL that has hosts and ports, several for a group of servers.
func hosts(u string) string {
	_, rest, _ := strings.Cut(u, "://")
	if i := strings.IndexAny(rest, "/?"); i >= 0 {
		rest = rest[:i]
	}
	return rest[strings.LastIndex(rest, "@")+1:]
}
