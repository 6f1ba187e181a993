package faults

import (
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
)

func subject(w *wire, alter func(*wireStore)) Subject {
	return Subject{
		Server: w, Conns: 16, Durable: true,
		Open: func(t testing.TB, addr string) (store.Store, func()) {
			s := &wireStore{addr: addr}
			alter(s)
			return s, s.close
		},
	}
}

func TestAGoodStorePasses(t *testing.T) {
	Run(t, subject(newWire(t), func(*wireStore) {}))
}

func TestABrokenStoreFailsWithTheRightWords(t *testing.T) {
	fine := func(*wireStore) {}
	before := recovery
	recovery = 3 * time.Second
	t.Cleanup(func() { recovery = before })
	for _, tc := range []struct {
		name   string
		server func(*wire)
		store  func(*wireStore)
		trial  func(testing.TB, Subject)
		words  string
	}{
		{"repeats a Save", nil, func(s *wireStore) { s.repeats = true }, loseUpdate, "count:3"},
		{"waits for ever", nil, func(s *wireStore) { s.patient = true }, stall, "the answer took"},
		{"keeps dead connections", nil, func(s *wireStore) { s.clings = true }, refuse, "status 503 for"},
		{"leaks connections", nil, func(s *wireStore) { s.leaks = true }, stall, "connections leak"},
		{"says that nothing is there", nil, func(s *wireStore) { s.denies = true }, refuse, "without its store a site answers"},
		{"revives", func(w *wire) { w.revives = true }, fine, cut, "back after its sign-out"},
		{"forgets", func(w *wire) { w.forgets = true }, fine, killServer, "a session is lost"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			w := newWire(t)
			if tc.server != nil {
				tc.server(w)
			}
			v := judge(t, func(v testing.TB) { tc.trial(v, subject(w, tc.store)) })
			if !strings.Contains(v.String(), tc.words) {
				t.Errorf("it was told %q, and not %q", v, tc.words)
			}
		})
	}
}

// A verdict is a test that collects what it is told and ends before the real one.
type verdict struct {
	testing.TB
	mu       sync.Mutex
	told     strings.Builder
	cleanups []func()
}

func judge(t *testing.T, f func(testing.TB)) *verdict {
	v := &verdict{TB: t}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() {
			for i := len(v.cleanups) - 1; i >= 0; i-- {
				v.cleanups[i]()
			}
		}()
		f(v)
	}()
	<-done
	return v
}

func (v *verdict) String() string   { return v.told.String() }
func (v *verdict) Cleanup(f func()) { v.cleanups = append(v.cleanups, f) }

func (v *verdict) Errorf(format string, args ...any) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.told.Len() < 10000 {
		fmt.Fprintf(&v.told, format+"\n", args...)
	}
}

func (v *verdict) Fatalf(format string, args ...any) {
	v.Errorf(format, args...)
	runtime.Goexit()
}

func (v *verdict) Fatal(args ...any) { v.Fatalf("%s", fmt.Sprint(args...)) }
