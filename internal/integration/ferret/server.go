package ferret

import (
	"os"
	"strings"
	"testing"

	"github.com/cloakroom-go/cloakroom/internal/integration/servers"
)

// Variable names the variable of the environment by which a running server is given.
const Variable = "CLOAKROOM_TEST_MONGODB_URL"

// A Server is one running server, with the methods of [servers.Server]. They are for one
// goroutine at a time.
type Server struct {
	t       testing.TB
	process *process // nil when the server was given by URL
	url     string
}

// MongoDB starts a server that is up when MongoDB returns and ends with t. What it has
// acknowledged survives that it is killed, in every mode.
func MongoDB(t testing.TB, _ ...servers.Mode) *Server {
	t.Helper()
	if url := os.Getenv(Variable); url != "" {
		return &Server{t: t, url: url}
	}
	p := &process{dir: t.TempDir()}
	t.Cleanup(p.close)
	err := p.create(t)
	if err != nil {
		t.Fatalf("FerretDB does not start: %v", err)
	}
	return &Server{t: t, process: p, url: "mongodb://" + p.addr + "/"}
}

// Addr returns host and port.
func (s *Server) Addr() string {
	_, hosts, _ := strings.Cut(s.url, "://")
	hosts = hosts[strings.LastIndex(hosts, "@")+1:]
	hosts, _, _ = strings.Cut(hosts, "/")
	host, _, _ := strings.Cut(hosts, ",")
	return host
}

// URL returns what a client needs to get in.
func (s *Server) URL() string { return s.url }

// Given reports whether the server was given by URL, and so may be a real one.
func (s *Server) Given() bool { return s.process == nil }

// Kill ends the server with SIGKILL.
func (s *Server) Kill() { s.t.Helper(); s.do("kill", (*process).kill) }

// Stop ends the server as its administrator would, and waits until it has ended.
func (s *Server) Stop() { s.t.Helper(); s.do("stop", (*process).stop) }

// Start starts a server that was killed or stopped, on the same port and over the same data,
// and returns when it serves.
func (s *Server) Start() { s.t.Helper(); s.do("start", (*process).start) }

// Pause makes the server hang: its connections stay open and nothing is answered.
func (s *Server) Pause() { s.t.Helper(); s.do("pause", (*process).pause) }

// Resume ends a Pause.
func (s *Server) Resume() { s.t.Helper(); s.do("resume", (*process).resume) }

func (s *Server) do(what string, f func(*process) error) {
	s.t.Helper()
	if s.process == nil {
		s.t.Skipf("cannot %s %s: the server was given by URL; unset %s to have one started", what, s.url, Variable)
	}
	if err := f(s.process); err != nil {
		s.t.Fatalf("cannot %s %s: %v", what, s.url, err)
	}
}

// For returns the server for use in another test, which is the one that is skipped or fails
// when a method cannot do what it is for.
func (s *Server) For(t testing.TB) *Server { return &Server{t, s.process, s.url} }
