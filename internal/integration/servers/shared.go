package servers

import (
	"os"
	"sync"
	"testing"
)

// Shared returns a function that starts a server when it is first called, and returns the
// same one in every later test of the binary. TestMain has to call Main:
//
//	var postgres = servers.Shared(servers.PostgreSQL)
//
//	func TestMain(m *testing.M) { servers.Main(m) }
func Shared[S interface{ For(testing.TB) S }](start func(testing.TB, ...Mode) S, mode ...Mode) func(testing.TB) S {
	var mu sync.Mutex
	var server *S
	return func(t testing.TB) S {
		t.Helper()
		mu.Lock()
		defer mu.Unlock()
		if server == nil {
			s := start(&lasting{t}, mode...) // ends t when it cannot, and the next test tries again
			server = &s
		}
		return (*server).For(t)
	}
}

var ends struct {
	mu    sync.Mutex
	main  bool
	funcs []func()
}

// Main runs the tests, ends the shared servers and exits.
func Main(m *testing.M) {
	ends.main = true
	code := m.Run()
	for i := len(ends.funcs) - 1; i >= 0; i-- {
		ends.funcs[i]()
	}
	os.Exit(code)
}

// lasting is a test of which folders and cleanups last until the end of the binary.
type lasting struct{ testing.TB }

func (l *lasting) Cleanup(f func()) {
	l.Helper()
	ends.mu.Lock()
	defer ends.mu.Unlock()
	if !ends.main {
		l.Fatal("a shared server would not be ended: write func TestMain(m *testing.M) { servers.Main(m) }")
	}
	ends.funcs = append(ends.funcs, f)
}

func (l *lasting) TempDir() string {
	l.Helper()
	dir, err := os.MkdirTemp("", "cloakroom")
	if err != nil {
		l.Fatal(err)
	}
	l.Cleanup(func() { os.RemoveAll(dir) })
	inner := dir + "/001" // as a test's folder it has one above it
	if err := os.Mkdir(inner, 0o777); err != nil {
		l.Fatal(err)
	}
	return inner
}
