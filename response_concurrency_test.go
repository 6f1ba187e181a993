package cloakroom_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/store"
)

// Two goroutines of one request edit while the handler writes. What the first byte came
// too early for must be saved by hand, or is reported: nothing is lost in silence.
func TestGoroutinesOfOneRequestLoseNothingInSilence(t *testing.T) {
	const each = 200
	for _, save := range []bool{true, false} {
		t.Run(fmt.Sprintf("save=%t", save), func(t *testing.T) {
			overEach(t, func(t *testing.T, p protocol) {
				r := newRig(t, nil)
				cookie := r.visitor()
				site := r.serve(t, p, func(w http.ResponseWriter, req *http.Request, s *cloakroom.Session) {
					var work sync.WaitGroup
					begun := make(chan struct{}, 2)
					for range 2 {
						work.Go(func() {
							for i := range each {
								visits.Update(s, func(n int) int { return n + 1 })
								name.Set(s, "ann")
								name.Get(s)
								s.Names()
								if i == 0 {
									begun <- struct{}{}
								}
							}
						})
					}
					<-begun
					<-begun
					for range 20 {
						io.WriteString(w, "page")
					}
					w.(http.Flusher).Flush()
					work.Wait()
					if n := visits.Get(s); n != 1+2*each {
						t.Errorf("the request sees %d visits", n)
					}
					if !save {
						return
					}
					if err := s.Save(req.Context()); err != nil {
						t.Error(err)
					}
				})
				site.get("/", cookie)
				events := r.log.take()
				n := r.visitsOf(cookie)
				switch {
				case save && n != 1+2*each:
					t.Errorf("%d visits are stored after Save", n)
				case n == 1+2*each:
					wantNoDropped(t, events)
				case n < 3:
					t.Errorf("%d visits are stored, though two more were made before the first byte", n)
				default:
					wantDropped(t, events, cloakroom.ReasonTooLate, "visits")
				}
			})
		})
	}
}

func TestGoroutinesOfOneRequestMaySaveAtOnce(t *testing.T) {
	overEach(t, func(t *testing.T, p protocol) {
		r := newRig(t, nil)
		site := r.serve(t, p, func(w http.ResponseWriter, req *http.Request, s *cloakroom.Session) {
			var work sync.WaitGroup
			for range 4 {
				work.Go(func() {
					for range 25 {
						visits.Update(s, func(n int) int { return n + 1 })
						if err := s.Save(req.Context()); err != nil {
							t.Error(err)
						}
					}
				})
			}
			work.Wait()
		})
		res, _ := site.get("/")
		if got := res.Header["Set-Cookie"]; len(got) != 1 {
			t.Errorf("cookies %q", got)
		}
		r.wantVisits(t, ticket(res), 100)
	})
}

// These edit while another goroutine finds that what it wanted to save is lost.
func TestEditingWhileASaveLosesIsSafe(t *testing.T) {
	losses := map[string]struct {
		save error
		want cloakroom.Reason
	}{
		"ended":     {store.ErrNotFound, cloakroom.ReasonGone},
		"uncertain": {errDown, cloakroom.ReasonUncertain},
	}
	for what, loss := range losses {
		t.Run(what, func(t *testing.T) {
			r := newRig(t, nil)
			cookie := r.visitor()
			r.spy.meddle(func(s *spy) {
				s.save = func(context.Context, string, store.Change) (uint64, error) { return 0, loss.save }
			})
			for range 20 {
				r.with(func(s *cloakroom.Session) {
					visits.Set(s, 2)
					stop := make(chan struct{})
					var work sync.WaitGroup
					for range 3 {
						work.Go(func() {
							for n := 0; ; n++ {
								visits.Set(s, n)
								select {
								case <-stop:
									return
								default:
								}
							}
						})
					}
					if err := s.Save(context.Background()); err == nil {
						t.Error("Save succeeded")
					}
					for range 300 {
						_ = s.Save(context.Background())
					}
					close(stop)
					work.Wait()
				}, cookie)
				events := r.log.take()
				wantDropped(t, events, loss.want, "visits")
			}
		})
	}
}

// One goroutine saves for the old owner while another signs a new one in.
func TestASignInDuringASaveInheritsNothing(t *testing.T) {
	overEach(t, func(t *testing.T, p protocol) {
		r := newRig(t, nil)
		before := ticket(r.with(func(s *cloakroom.Session) {
			s.SignIn("ann")
			name.Set(s, "Ann's own")
		}))
		site := r.serve(t, p, func(w http.ResponseWriter, req *http.Request, s *cloakroom.Session) {
			visits.Set(s, 5)
			saving, signedIn := make(chan struct{}), make(chan struct{})
			var once sync.Once
			r.spy.meddle(func(y *spy) {
				y.save = func(ctx context.Context, key string, c store.Change) (uint64, error) {
					once.Do(func() {
						close(saving)
						<-signedIn
					})
					return y.Store.Save(ctx, key, c)
				}
			})
			go func() {
				<-saving
				s.SignIn("bob")
				close(signedIn)
			}()
			if err := s.Save(req.Context()); err != nil {
				t.Error(err)
			}
			if s.Owner() != "bob" || len(s.Names()) > 0 {
				t.Errorf("after the sign-in the session is %q's and holds %v", s.Owner(), s.Names())
			}
		})
		res, _ := site.get("/", before)
		r.with(func(s *cloakroom.Session) {
			if s.Owner() != "bob" || len(s.Names()) > 0 {
				t.Errorf("stored is a session of %q that holds %v", s.Owner(), s.Names())
			}
		}, ticket(res))
		r.with(func(s *cloakroom.Session) {
			if !s.IsNew() {
				t.Errorf("the session of %q is still there, with %v", s.Owner(), s.Names())
			}
		}, before)
	})
}

// The Save of the old owner meets a conflict and is tried again, after the new owner has
// begun to edit.
func TestASaveThatIsTriedAgainHoldsNothingOfALaterSignIn(t *testing.T) {
	r := newRig(t, nil)
	before := ticket(r.with(func(s *cloakroom.Session) { s.SignIn("ann") }))
	after := ticket(r.with(func(s *cloakroom.Session) {
		visits.Set(s, 5)
		annsKey := s.ID()
		saving, signedIn := make(chan struct{}), make(chan struct{})
		tries := 0
		r.spy.meddle(func(y *spy) {
			y.save = func(ctx context.Context, key string, c store.Change) (uint64, error) {
				if tries++; tries == 1 {
					close(saving)
					<-signedIn
					return 0, store.ErrConflict
				}
				if text, ok := c.Set.Get("name"); ok && key == annsKey {
					t.Errorf("%s is saved in the session of ann", text)
				}
				return y.Store.Save(ctx, key, c)
			}
		})
		go func() {
			<-saving
			s.SignIn("bob")
			name.Set(s, "Bob's own")
			close(signedIn)
		}()
		if err := s.Save(context.Background()); err != nil {
			t.Error(err)
		}
		if tries < 2 {
			t.Error("the Save was not tried again: this test shows nothing")
		}
	}, before))
	r.with(func(s *cloakroom.Session) {
		if s.Owner() != "bob" || name.Get(s) != "Bob's own" || s.Has("visits") {
			t.Errorf("the session of %q holds %v, name %q", s.Owner(), s.Names(), name.Get(s))
		}
	}, after)
}

// A Renew that loses to another request's gives its secret up while others look at it.
func TestReadingWhileARenewLosesIsSafe(t *testing.T) {
	r := newRig(t, nil)
	for range 50 {
		cookie := r.visitor()
		r.with(func(s *cloakroom.Session) {
			s.Renew()
			r.with(func(other *cloakroom.Session) { other.Renew() }, cookie)
			visits.Set(s, 2)
			stop := make(chan struct{})
			var work sync.WaitGroup
			work.Go(func() {
				for {
					s.Derive("form")
					s.Owner()
					select {
					case <-stop:
						return
					default:
					}
				}
			})
			if err := s.Save(context.Background()); err != nil {
				t.Error(err)
			}
			close(stop)
			work.Wait()
		}, cookie)
		if _, ok := find(r.log.take(), func(e cloakroom.Dropped) bool { return e.Reason == cloakroom.ReasonRenewLost }); !ok {
			t.Fatal("no renew was lost: this test shows nothing")
		}
	}
}

func TestAPanicInAReplayedUpdateBlocksNobodyElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		cookie := r.visitor()
		conflicts := 0
		r.spy.meddle(func(y *spy) {
			y.save = func(ctx context.Context, key string, c store.Change) (uint64, error) {
				// From the second conflict on, the requests of a session take turns.
				if conflicts++; conflicts <= 2 {
					return 0, store.ErrConflict
				}
				return y.Store.Save(ctx, key, c)
			}
		})
		func() {
			defer func() {
				if recover() == nil {
					t.Error("the panic did not pass through")
				}
			}()
			calls := 0
			r.with(func(s *cloakroom.Session) {
				visits.Update(s, func(n int) int {
					if calls++; calls == 3 {
						panic("a mistake")
					}
					return n + 1
				})
			}, cookie)
		}()
		conflicts = 0
		res := r.with(func(s *cloakroom.Session) {
			visits.Update(s, func(n int) int { return n + 1 })
		}, cookie)
		wantStatus(t, res, http.StatusOK)
		r.wantVisits(t, cookie, 2)
	})
}

// A commit that panics has not saved, so a recoverer inside must not look like success.
func TestAPanicInACommitSendsNoCookie(t *testing.T) {
	overEach(t, func(t *testing.T, p protocol) {
		r := newRig(t, nil)
		broken := errors.New("the store has a bug")
		r.spy.meddle(func(y *spy) {
			y.save = func(context.Context, string, store.Change) (uint64, error) { panic(broken) }
		})
		h := r.m.Handler(r.m.Func(func(w http.ResponseWriter, _ *http.Request, s *cloakroom.Session) {
			visits.Set(s, 1)
			io.WriteString(w, "secret page")
		}))
		site := serve(t, p, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			defer func() {
				if got := recover(); got != broken {
					t.Errorf("recovered %v", got)
				}
				http.Error(w, "recovered", http.StatusInternalServerError)
			}()
			h.ServeHTTP(w, req)
		}))
		res, body := site.get("/")
		wantStatus(t, res, http.StatusInternalServerError)
		if body != "recovered\n" || len(res.Cookies()) > 0 {
			t.Errorf("the body is %q, the cookies %v", body, res.Cookies())
		}
	})
}
