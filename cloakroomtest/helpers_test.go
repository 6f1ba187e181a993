package cloakroomtest_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/memstore"
)

// What the examples use.
var (
	t        testing.TB = exampleT{}
	sessions            = newManager(t, nil)
)

// exampleT stands in for the *testing.T that an example cannot have.
type exampleT struct{ testing.TB }

func (exampleT) Helper() {}

func (exampleT) Fatal(args ...any) { panic(fmt.Sprint(args...)) }

func (exampleT) Fatalf(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }

var word = cloakroom.NewKey[string]("word")

func newManager(t testing.TB, c *cloakroom.Config) *cloakroom.Manager {
	t.Helper()
	m, err := cloakroom.New(memstore.New(nil), c)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func newRequest(cookies ...string) *http.Request {
	r := httptest.NewRequest("GET", "https://example.com/", nil)
	if len(cookies) > 0 {
		r.Header.Set("Cookie", strings.Join(cookies, "; "))
	}
	return r
}

// serve runs f as a handler.
func serve(m *cloakroom.Manager, r *http.Request, f func(http.ResponseWriter, *http.Request, *cloakroom.Session)) *http.Response {
	w := httptest.NewRecorder()
	m.Handler(m.Func(f)).ServeHTTP(w, r)
	return w.Result()
}

// see returns the session that a handler sees.
func see(m *cloakroom.Manager, r *http.Request) (seen *cloakroom.Session) {
	serve(m, r, func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) { seen = s })
	return seen
}

// fatal returns what a test that runs f would end with, or "".
func fatal(t *testing.T, f func(t testing.TB)) string {
	t.Helper()
	fake := &fakeT{TB: t}
	var wait sync.WaitGroup
	wait.Go(func() { f(fake) })
	wait.Wait()
	return fake.message
}

type fakeT struct {
	testing.TB
	message string
}

func (f *fakeT) Helper() {}

func (f *fakeT) Fatal(args ...any) {
	f.message = fmt.Sprint(args...)
	runtime.Goexit()
}

func (f *fakeT) Fatalf(format string, args ...any) { f.Fatal(fmt.Sprintf(format, args...)) }

func wantFatal(t *testing.T, want string, f func(t testing.TB)) {
	t.Helper()
	if got := fatal(t, f); !strings.Contains(got, want) {
		t.Errorf("the test ended with %q, want %q in it", got, want)
	}
}

type observer chan cloakroom.Event

func (o observer) Observe(_ context.Context, e cloakroom.Event) { o <- e }

// down is a store that has an outage.
type down struct{ store.Store }

var errDown = errors.New("no route to host")

func (down) Load(context.Context, string) (store.Record, error) { return store.Record{}, errDown }

func (down) Save(context.Context, string, store.Change) (uint64, error) { return 0, errDown }

// headers is a Transport that sends tokens in one header and reads them in another.
type headers struct{ sends, reads string }

func (h headers) Tokens(r *http.Request) iter.Seq[string] {
	return func(yield func(string) bool) {
		if v := r.Header.Get(h.reads); v != "" {
			yield(v)
		}
	}
}

func (h headers) Send(w http.ResponseWriter, _ *http.Request, t cloakroom.Ticket) error {
	w.Header().Set(h.sends, t.Token)
	return nil
}
