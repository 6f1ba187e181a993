package cloakroom_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/store/memstore"
)

// A late context reaches its deadline when it is told to, so that tests with
// http.TimeoutHandler wait for nothing.
type late struct {
	context.Context
	done chan struct{}
}

func newLate(ctx context.Context) *late { return &late{ctx, make(chan struct{})} }

func (l *late) expire() { close(l.done) }

func (l *late) Done() <-chan struct{} { return l.done }

func (l *late) Err() error {
	select {
	case <-l.done:
		return context.DeadlineExceeded
	default:
		return nil
	}
}

// timeoutHandler is http.TimeoutHandler around h, with the timeout at the hand of the
// test: each request that comes in sends its context.
func timeoutHandler(h http.Handler, contexts chan<- *late) http.Handler {
	h = http.TimeoutHandler(h, time.Hour, "timed out")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		l := newLate(r.Context())
		contexts <- l
		h.ServeHTTP(w, r.WithContext(l))
	})
}

func TestTimeoutHandlerInsideInTimeChangesNothing(t *testing.T) {
	overEach(t, func(t *testing.T, p protocol) {
		r := newRig(t, nil)
		contexts := make(chan *late, 1)
		site := serve(t, p, r.m.Handler(timeoutHandler(r.m.Func(func(w http.ResponseWriter, _ *http.Request, s *cloakroom.Session) {
			io.WriteString(w, "page")
			visits.Set(s, 1) // still in time: TimeoutHandler keeps the page until the end
		}), contexts)))
		res, body := site.get("/")
		wantStatus(t, res, http.StatusOK)
		if body != "page" {
			t.Errorf("the body is %q", body)
		}
		r.wantVisits(t, ticket(res), 1)
		wantNoDropped(t, r.log.take())
	})
}

func TestTimeoutHandlerInsideAnswersWhileTheHandlerStillEdits(t *testing.T) {
	overEach(t, func(t *testing.T, p protocol) {
		r := newRig(t, nil)
		contexts := make(chan *late, 1)
		loaded, answered, over := make(chan struct{}), make(chan struct{}), make(chan struct{})
		site := serve(t, p, r.m.Handler(timeoutHandler(r.m.Func(func(w http.ResponseWriter, req *http.Request, s *cloakroom.Session) {
			defer close(over)
			name.Set(s, "in time")
			close(loaded)
			// What a handler does that does not look at its context: under the race
			// detector, while the 503 is sent and the middleware ends.
			for n := 0; ; n++ {
				visits.Set(s, n)
				visits.Get(s)
				s.Has("name")
				s.Names()
				s.ID()
				w.Write([]byte("page"))
				select {
				case <-answered:
				default:
					continue
				}
				break
			}
			r.log.take()
			cart.Set(s, []string{"too late"})
			wantDropped(t, r.log.take(), cloakroom.ReasonFinished, "cart")
			if err := s.Save(context.Background()); err == nil {
				t.Error("Save after the end of the request succeeded")
			}
			if err := s.Destroy(context.Background()); err == nil {
				t.Error("Destroy after the end of the request succeeded")
			}
			r.m.Fail(w, req, errDown)
		}), contexts)))
		go func() {
			<-loaded
			(<-contexts).expire()
		}()
		res, body := site.get("/")
		close(answered)
		<-over
		wantStatus(t, res, http.StatusServiceUnavailable)
		if body != "timed out" {
			t.Errorf("the body is %q", body)
		}
		r.with(func(s *cloakroom.Session) {
			if name.Get(s) != "in time" || s.Has("cart") {
				t.Errorf("stored: %v", s.Names())
			}
		}, ticket(res))
		if _, _, deletes := r.spy.calls(); deletes != 0 {
			t.Error("a record was deleted after the end of the request")
		}
	})
}

// A bailiff ends a goroutine that tells it the same thing over and over.
type bailiff struct{ told atomic.Int64 }

func (b *bailiff) Observe(_ context.Context, e cloakroom.Event) {
	if _, ok := e.(cloakroom.Dropped); ok && b.told.Add(1) > 10 {
		runtime.Goexit()
	}
}

func TestAnEditAfterTheEndOfTheRequestReturns(t *testing.T) {
	edits := map[string]func(s *cloakroom.Session){
		"Set":    func(s *cloakroom.Session) { visits.Set(s, 9) },
		"Delete": func(s *cloakroom.Session) { visits.Delete(s) },
		"Update": func(s *cloakroom.Session) { visits.Update(s, func(n int) int { return n + 1 }) },
		"Pop":    func(s *cloakroom.Session) { visits.Pop(s) },
		"Clear":  (*cloakroom.Session).Clear,
		"SignIn": func(s *cloakroom.Session) { s.SignIn("ann") },
		"Renew":  (*cloakroom.Session).Renew,
	}
	for what, edit := range edits {
		t.Run(what, func(t *testing.T) {
			log := &bailiff{}
			m, err := cloakroom.New(memstore.New(nil), &cloakroom.Config{Observer: log})
			if err != nil {
				t.Fatal(err)
			}
			var cookie string
			var left *cloakroom.Session
			h := m.Handler(m.Func(func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) {
				visits.Set(s, 1)
				left = s
			}))
			for range 2 { // the second time with a session that is stored
				req := httptest.NewRequest("GET", "https://example.com/", nil)
				req.Header.Set("Cookie", cookie)
				w := httptest.NewRecorder()
				h.ServeHTTP(w, req)
				cookie = ticket(w.Result())
			}
			over := make(chan struct{})
			go func() {
				defer close(over)
				edit(left)
			}()
			<-over
			if n := log.told.Load(); n != 1 {
				t.Errorf("the Observer was told %d times of one edit", n)
			}
		})
	}
}

func TestALoadAfterTheEndOfTheRequestIsHarmless(t *testing.T) {
	overEach(t, func(t *testing.T, p protocol) {
		r := newRig(t, nil)
		cookie := r.visitor()
		contexts := make(chan *late, 1)
		answered, over := make(chan struct{}), make(chan struct{})
		site := serve(t, p, r.m.Handler(timeoutHandler(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			defer close(over)
			<-answered
			s, err := r.m.Load(req.Context())
			if err != nil {
				r.m.Fail(w, req, err)
				return
			}
			visits.Set(s, 9)
			wantDropped(t, r.log.take(), cloakroom.ReasonFinished, "visits")
		}), contexts)))
		go func() { (<-contexts).expire() }()
		res, _ := site.get("/", cookie)
		close(answered)
		<-over
		wantStatus(t, res, http.StatusServiceUnavailable)
		if got := res.Header.Get("Vary"); got != "" {
			t.Errorf("Vary %q for a session that was not read", got)
		}
		r.wantVisits(t, cookie, 1)
	})
}

// TimeoutHandler gives the handler a header map of its own, and copies it over the one
// that the session's cookie was put in.
func TestTimeoutHandlerInsideKeepsTheCookieOfSave(t *testing.T) {
	overEach(t, func(t *testing.T, p protocol) {
		r := newRig(t, nil)
		contexts := make(chan *late, 1)
		site := serve(t, p, r.m.Handler(timeoutHandler(r.m.Func(func(w http.ResponseWriter, req *http.Request, s *cloakroom.Session) {
			http.SetCookie(w, &http.Cookie{Name: "theme", Value: "dark"})
			visits.Set(s, 1)
			if err := s.Save(req.Context()); err != nil {
				t.Error(err)
			}
		}), contexts)))
		res, _ := site.get("/")
		if got := cookieNames(res); !slices.Equal(got, []string{"__Host-session", "theme"}) {
			t.Errorf("cookies %v: the session was stored, and nobody can open it", got)
		}
	})
}

func TestTimeoutHandlerOutsideInTimeChangesNothing(t *testing.T) {
	overEach(t, func(t *testing.T, p protocol) {
		r := newRig(t, nil)
		contexts := make(chan *late, 1)
		site := serve(t, p, timeoutHandler(r.m.Handler(r.m.Func(func(w http.ResponseWriter, _ *http.Request, s *cloakroom.Session) {
			visits.Set(s, 1)
			io.WriteString(w, "page")
		})), contexts))
		res, body := site.get("/")
		wantStatus(t, res, http.StatusOK)
		if body != "page" {
			t.Errorf("the body is %q", body)
		}
		r.wantVisits(t, ticket(res), 1)
	})
}

func TestTimeoutHandlerOutsideLetsTheHandlerFinish(t *testing.T) {
	overEach(t, func(t *testing.T, p protocol) {
		r := newRig(t, nil)
		cookie := r.visitor()
		contexts := make(chan *late, 1)
		loaded, answered, over := make(chan struct{}), make(chan struct{}), make(chan struct{})
		h := r.m.Handler(r.m.Func(func(w http.ResponseWriter, req *http.Request, s *cloakroom.Session) {
			visits.Set(s, 2)
			close(loaded)
			<-answered
			name.Set(s, "slow")
			if _, err := io.WriteString(w, "page"); err == nil {
				t.Error("a write after the timeout succeeded")
			}
		}))
		site := serve(t, p, timeoutHandler(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			defer close(over)
			h.ServeHTTP(w, req)
		}), contexts))
		go func() {
			<-loaded
			(<-contexts).expire()
		}()
		res, body := site.get("/", cookie)
		close(answered)
		<-over
		wantStatus(t, res, http.StatusServiceUnavailable)
		if body != "timed out" || len(res.Cookies()) > 0 {
			t.Errorf("the body is %q, the cookies %v", body, res.Cookies())
		}
		// The client was told 503 and may try again, but what was begun for it is whole.
		r.with(func(s *cloakroom.Session) {
			if visits.Get(s) != 2 || name.Get(s) != "slow" {
				t.Errorf("stored: %d, %q", visits.Get(s), name.Get(s))
			}
		}, cookie)
		if e, ok := find(r.log.take(), func(cloakroom.Outage) bool { return true }); ok {
			t.Errorf("an outage that is none: %+v", e)
		}
	})
}

func TestTimeoutHandlerOutsideExpiringAtAnyMomentIsSafe(t *testing.T) {
	overEach(t, func(t *testing.T, p protocol) {
		r := newRig(t, nil)
		contexts := make(chan *late, 1)
		var running sync.WaitGroup
		h := r.m.Handler(r.m.Func(func(w http.ResponseWriter, req *http.Request, s *cloakroom.Session) {
			visits.Update(s, func(n int) int { return n + 1 })
			w.Write([]byte("page"))
			name.Set(s, "late")
			_ = s.Save(req.Context())
		}))
		site := serve(t, p, timeoutHandler(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			defer running.Done()
			h.ServeHTTP(w, req)
		}), contexts))
		for range 20 {
			running.Add(1)
			go func() { (<-contexts).expire() }() // races with the handler, on purpose
			res, _ := site.get("/", r.visitor())
			if res.StatusCode != http.StatusOK && res.StatusCode != http.StatusServiceUnavailable {
				t.Errorf("status %d", res.StatusCode)
			}
		}
		running.Wait()
		if text := site.log.String(); text != "" {
			t.Errorf("the server complains: %s", text)
		}
	})
}
