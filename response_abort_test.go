package cloakroom_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"testing"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/store"
)

// Requests that end early: by a panic, or because the client has left.

func TestAPanicSavesNothingAndPassesThrough(t *testing.T) {
	overEach(t, func(t *testing.T, p protocol) {
		r := newRig(t, nil)
		cookie := r.visitor()
		h := r.m.Handler(r.m.Func(func(w http.ResponseWriter, _ *http.Request, s *cloakroom.Session) {
			visits.Set(s, 9)
			s.Renew()
			panic("a mistake")
		}))
		site := serve(t, p, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			defer func() {
				if got := recover(); got != "a mistake" {
					t.Errorf("recovered %v", got)
				}
				http.Error(w, "recovered", http.StatusInternalServerError)
			}()
			h.ServeHTTP(w, req)
		}))
		for _, cookies := range [][]string{nil, {cookie}} {
			res, body := site.get("/", cookies...)
			wantStatus(t, res, http.StatusInternalServerError)
			if body != "recovered\n" {
				t.Errorf("the body is %q", body)
			}
			if len(res.Cookies()) > 0 {
				t.Errorf("cookies %v", res.Cookies())
			}
			r.wantCalls(t, len(cookies), 0)
		}
		r.wantVisits(t, cookie, 1)
	})
}

// What Save has stored before the panic is stored: without its cookie the client would
// be left with a secret that is refused.
func TestAPanicAfterSaveStillSendsTheCookieOfSave(t *testing.T) {
	overEach(t, func(t *testing.T, p protocol) {
		r := newRig(t, nil)
		cookie := r.visitor()
		h := r.m.Handler(r.m.Func(func(_ http.ResponseWriter, req *http.Request, s *cloakroom.Session) {
			visits.Set(s, 2)
			s.Renew()
			if err := s.Save(req.Context()); err != nil {
				t.Error(err)
			}
			visits.Set(s, 3)
			panic("a mistake")
		}))
		site := serve(t, p, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			defer func() {
				recover()
				http.Error(w, "recovered", http.StatusInternalServerError)
			}()
			h.ServeHTTP(w, req)
		}))
		res, _ := site.get("/", cookie)
		wantStatus(t, res, http.StatusInternalServerError)
		r.wantVisits(t, ticket(res), 2)
	})
}

func TestAPanicThatIsRecoveredInsideIsAnOrdinaryResponse(t *testing.T) {
	overEach(t, func(t *testing.T, p protocol) {
		r := newRig(t, nil)
		site := r.serve(t, p, func(w http.ResponseWriter, _ *http.Request, s *cloakroom.Session) {
			defer func() {
				recover()
				http.Error(w, "recovered", http.StatusInternalServerError)
			}()
			visits.Set(s, 9)
			panic("a mistake")
		})
		res, _ := site.get("/")
		wantStatus(t, res, http.StatusInternalServerError)
		r.wantVisits(t, ticket(res), 9)
	})
}

func TestAPanicNobodyRecoversAbortsTheResponseOnly(t *testing.T) {
	overEach(t, func(t *testing.T, p protocol) {
		r := newRig(t, nil)
		cookie := r.visitor()
		site := r.serve(t, p, func(w http.ResponseWriter, req *http.Request, s *cloakroom.Session) {
			visits.Update(s, func(n int) int { return n + 1 })
			if req.URL.Path == "/late" {
				w.(http.Flusher).Flush()
				visits.Set(s, 99)
				panic(http.ErrAbortHandler)
			}
			if req.URL.Path == "/panic" {
				panic(http.ErrAbortHandler)
			}
		})
		if res, err := site.client.Do(site.request("GET", "/panic", nil, cookie)); err == nil {
			res.Body.Close()
			t.Errorf("the client got %s", res.Status)
		}
		site.wait()
		r.wantVisits(t, cookie, 1)
		// What was committed with the first byte stays; what came after it does not.
		res := site.open(site.request("GET", "/late", nil, cookie))
		if _, err := io.ReadAll(res.Body); err == nil {
			t.Error("the response ended as if it were whole")
		}
		site.wait()
		r.wantVisits(t, cookie, 2)
		site.get("/", cookie)
		r.wantVisits(t, cookie, 3)
	})
}

func TestAClientThatGoesAwayDoesNotUndoTheWrite(t *testing.T) {
	overEach(t, func(t *testing.T, p protocol) {
		r := newRig(t, nil)
		cookie := r.visitor()
		started := make(chan struct{})
		site := r.serve(t, p, func(w http.ResponseWriter, req *http.Request, s *cloakroom.Session) {
			visits.Set(s, 2)
			started <- struct{}{}
			<-req.Context().Done() // the server has noticed
			name.Set(s, "after it left")
			if req.URL.Path == "/write" {
				io.WriteString(w, "to nobody")
			}
		})
		for _, path := range []string{"/write", "/empty"} {
			req := site.request("GET", path, nil, cookie)
			ctx, leave := context.WithCancel(req.Context())
			defer leave()
			gone := make(chan error, 1)
			go func() {
				res, err := site.client.Do(req.WithContext(ctx))
				if err == nil {
					res.Body.Close()
				}
				gone <- err
			}()
			<-started
			leave()
			<-gone // mostly with an error, but an answer may have crossed its leaving
			site.wait()
			events := r.log.take()
			wantNoDropped(t, events)
			if e, ok := find(events, func(cloakroom.Outage) bool { return true }); ok {
				t.Errorf("an outage that is none: %+v", e)
			}
			r.with(func(s *cloakroom.Session) {
				if visits.Get(s) != 2 || name.Get(s) != "after it left" {
					t.Errorf("stored: %d, %q", visits.Get(s), name.Get(s))
				}
				visits.Set(s, 1)
				name.Delete(s)
			}, cookie)
		}
	})
}

func TestAClientThatIsGoneBeforeTheLoadIsNoOutage(t *testing.T) {
	overEach(t, func(t *testing.T, p protocol) {
		r := newRig(t, nil)
		cookie := r.visitor()
		r.spy.meddle(func(s *spy) {
			s.load = func(ctx context.Context, key string) (store.Record, error) {
				<-ctx.Done()
				return store.Record{}, ctx.Err()
			}
		})
		started := make(chan struct{})
		site := serve(t, p, r.m.Handler(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			close(started)
			<-req.Context().Done()
			s, err := r.m.Load(req.Context())
			if s != nil || !errors.Is(err, context.Canceled) || errors.Is(err, cloakroom.ErrUnavailable) {
				t.Errorf("Load: %v", err)
			}
			r.m.Fail(w, req, err)
		})))
		req := site.request("GET", "/", nil, cookie)
		ctx, leave := context.WithCancel(req.Context())
		go func() {
			<-started
			leave()
		}()
		if res, err := site.client.Do(req.WithContext(ctx)); err == nil {
			res.Body.Close()
			t.Errorf("the client got %s", res.Status)
		}
		site.wait()
		if events := r.log.take(); len(events) > 0 {
			t.Errorf("events %+v", events)
		}
	})
}
