package cloakroom_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/store"
)

const hour = time.Hour

func TestAfterRenewTheOldSecretIsRefused(t *testing.T) {
	r := newRig(t, nil)
	before := r.fresh()
	after := ticket(r.with(func(s *cloakroom.Session) { s.Renew() }, before))
	wantEvent(t, r.log, cloakroom.Renewed{ID: key(before)})
	if key(after) != key(before) || secret(after) == secret(before) {
		t.Fatalf("from %q to %q: want the same ID and another secret", before, after)
	}
	if r.opens(before) {
		t.Error("the old secret opens the session")
	}
	wantEvent(t, r.log, cloakroom.Rejected{ID: key(before), Reason: cloakroom.ReasonOldSecret})
	r.with(func(s *cloakroom.Session) {
		if name.Get(s) != "first" {
			t.Error("the data was lost")
		}
	}, after)
}

func TestRenewIsOneLoadAndOneSave(t *testing.T) {
	r := newRig(t, nil)
	cookie := r.fresh()
	r.with(func(s *cloakroom.Session) { s.Renew(); visits.Set(s, 1) }, cookie)
	if loads, saves, deletes := r.spy.calls(); loads != 1 || saves != 1 || deletes != 0 {
		t.Errorf("%d loads, %d saves, %d deletes", loads, saves, deletes)
	}
}

func TestOfTwoParallelRenewsOneWinsAndTheOtherKeepsItsEdits(t *testing.T) {
	r := newRig(t, nil)
	before := r.fresh()
	a := r.park(func(s *cloakroom.Session) { s.Renew(); visits.Set(s, 5) }, before)
	winner := ticket(r.with(func(s *cloakroom.Session) { s.Renew() }, before))
	if res := a.finish(); res.StatusCode != 200 || ticket(res) != "" {
		t.Errorf("the loser answered %d with the cookie %q", res.StatusCode, ticket(res))
	}
	r.with(func(s *cloakroom.Session) {
		if s.IsNew() || visits.Get(s) != 5 {
			t.Errorf("new: %v, visits: %d", s.IsNew(), visits.Get(s))
		}
	}, winner)
}

func TestWhatWasInFlightDuringARenewIsKept(t *testing.T) {
	r := newRig(t, nil)
	before := r.fresh()
	slow := r.park(func(s *cloakroom.Session) { visits.Set(s, 1) }, before)
	after := ticket(r.with(func(s *cloakroom.Session) { s.Renew() }, before))
	if res := slow.finish(); ticket(res) != "" {
		t.Error("the slow request sent a cookie")
	}
	r.with(func(s *cloakroom.Session) {
		if visits.Get(s) != 1 {
			t.Error("the edit in flight was lost")
		}
	}, after)
}

// A page's requests are still under way with the cookie from before the renewal.
func TestALateRequestOnTheOldCookieReadsNothingWritesNothingAndSendsNoCookie(t *testing.T) {
	r := newRig(t, nil)
	before := r.fresh()
	after := ticket(r.with(func(s *cloakroom.Session) { s.Renew() }, before))
	r.log.take()
	res := r.with(func(s *cloakroom.Session) {
		if !s.IsNew() || name.Get(s) != "" {
			t.Error("the old cookie reads the session")
		}
		name.Set(s, "late")
	}, before)
	if len(res.Cookies()) != 0 {
		t.Errorf("it sent %v over the new cookie", res.Cookies())
	}
	if d, ok := find(r.log.take(), func(d cloakroom.Dropped) bool { return true }); !ok || d.Reason != cloakroom.ReasonOldSecret {
		t.Errorf("dropped: %+v", d)
	}
	r.with(func(s *cloakroom.Session) {
		if name.Get(s) != "first" {
			t.Errorf("name is %q", name.Get(s))
		}
	}, after)

	t.Run("unless it signs in", func(t *testing.T) {
		signedIn := ticket(r.with(func(s *cloakroom.Session) { s.SignIn("u1"); visits.Set(s, 1) }, before))
		if signedIn == "" || key(signedIn) == key(before) {
			t.Fatalf("cookie %q: want a new session", signedIn)
		}
	})
	t.Run("for a minute", func(t *testing.T) {
		r.clock.advance(time.Minute + time.Second)
		if res := r.with(func(s *cloakroom.Session) { name.Set(s, "stranger") }, before); ticket(res) == "" {
			t.Error("after it the request is one like any other, and begins a session")
		}
	})
	t.Run("but it can sign out", func(t *testing.T) {
		renewed := ticket(r.with(func(s *cloakroom.Session) { s.Renew() }, after))
		r.with(func(s *cloakroom.Session) {
			if err := s.Destroy(context.Background()); err != nil {
				t.Error(err)
			}
		}, after)
		if r.opens(renewed) {
			t.Error("a sign-out that raced with a renew was lost")
		}
	})
}

func TestAnUncertainRenewIsSettledByAReload(t *testing.T) {
	for _, landed := range []bool{true, false} {
		r := newRig(t, nil)
		before := r.fresh()
		r.loseAnswers(landed)
		res := r.with(func(s *cloakroom.Session) { s.Renew(); visits.Set(s, 1) }, before)
		r.spy.meddle(func(s *spy) { s.save = nil })
		if landed {
			if res.StatusCode != 200 || !r.opens(ticket(res)) || r.opens(before) {
				t.Errorf("landed: status %d, cookie %q", res.StatusCode, ticket(res))
			}
		} else if res.StatusCode != 503 || ticket(res) != "" || !r.opens(before) {
			t.Errorf("not landed: status %d, cookie %q", res.StatusCode, ticket(res))
		}
	}
}

// Even when the whole budget went into the Save, there is time to find out.
// What loses the answer of a Save often fails the next calls too.
func TestAnUncertainRenewIsSettledWhenTheStoreIsBackInTime(t *testing.T) {
	for away, want := range map[time.Duration]int{time.Second: 200, time.Minute: 503} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, nil) // StoreTimeout is 2 seconds
			before := r.fresh()
			r.loseAnswers(true)
			begin := time.Now()
			res := r.with(func(s *cloakroom.Session) {
				s.Renew()
				r.spy.meddle(func(y *spy) {
					y.load = func(ctx context.Context, key string) (store.Record, error) {
						if time.Since(begin) < away {
							return store.Record{}, errStore
						}
						return y.Store.Load(ctx, key)
					}
				})
			}, before)
			took := time.Since(begin)
			r.spy.meddle(func(s *spy) { s.load, s.save = nil, nil })
			if res.StatusCode != want || took > 2*time.Second || (want == 200) != r.opens(ticket(res)) {
				t.Errorf("away for %v: status %d and cookie %q after %v", away, res.StatusCode, ticket(res), took)
			}
		})
	}
}

// A Save whose answer was lost may be under way still when the reload finds nothing of it.
// Whether it or the one that is sent again is first, the edits happen once.
func TestAnUncertainRenewThatLandsLateIsSettled(t *testing.T) {
	for _, signIn := range []bool{false, true} {
		for _, landsFirst := range []bool{true, false} {
			r := newRig(t, nil)
			before := r.fresh()
			var late func() error
			r.spy.meddle(func(s *spy) {
				s.save = func(ctx context.Context, key string, c store.Change) (uint64, error) {
					if late == nil {
						late = func() error {
							_, err := s.Store.Save(context.Background(), key, c)
							return err
						}
						return 0, errStore
					}
					if landsFirst {
						if err := late(); err != nil {
							t.Error(err)
						}
					}
					return s.Store.Save(ctx, key, c)
				}
			})
			res := r.with(func(s *cloakroom.Session) {
				if signIn {
					s.SignIn("ann")
				} else {
					s.Renew()
				}
				visits.Update(s, func(n int) int { return n + 1 })
			}, before)
			r.spy.meddle(func(s *spy) { s.save = nil })
			if err := late(); !errors.Is(err, store.ErrConflict) {
				t.Errorf("the late Save: %v", err)
			}
			if res.StatusCode != 200 || !r.opens(ticket(res)) || key(ticket(res)) != key(before) || r.opens(before) {
				t.Errorf("sign-in %v, lands first %v: status %d, cookie %q", signIn, landsFirst, res.StatusCode, ticket(res))
			} else if n := visits.Get(s0(r, ticket(res))); n != 1 {
				t.Errorf("sign-in %v, lands first %v: %d visits", signIn, landsFirst, n)
			}
		}
	}
}

// It is sent again a few times only, and what is not known in the end is not tried later.
func TestAnUncertainRenewThatNeverLandsEndsInTime(t *testing.T) {
	r := newRig(t, nil)
	before := r.fresh()
	r.loseAnswers(false)
	r.spy.calls()
	res := r.with(func(s *cloakroom.Session) { s.Renew() }, before)
	if _, saves, _ := r.spy.calls(); res.StatusCode != 503 || saves != 3 {
		t.Errorf("status %d after %d saves", res.StatusCode, saves)
	}
	r.spy.meddle(func(s *spy) { s.save = nil })
	if !r.opens(before) {
		t.Error("the old cookie does not open the session")
	}
}

func TestAnUncertainRenewIsSettledAfterTheBudgetIsSpent(t *testing.T) {
	r := newRig(t, &cloakroom.Config{StoreTimeout: 30 * time.Millisecond})
	before := r.fresh()
	r.spy.meddle(func(s *spy) {
		s.save = func(ctx context.Context, key string, c store.Change) (uint64, error) {
			if _, err := s.Store.Save(context.WithoutCancel(ctx), key, c); err != nil {
				t.Error(err)
			}
			<-ctx.Done()
			return 0, ctx.Err()
		}
	})
	res := r.with(func(s *cloakroom.Session) { s.Renew() }, before)
	r.spy.meddle(func(s *spy) { s.save = nil })
	if res.StatusCode != 200 || !r.opens(ticket(res)) {
		t.Errorf("status %d, cookie %q", res.StatusCode, ticket(res))
	}
}

func TestRenewOfASessionThatIsNotStoredDoesNothing(t *testing.T) {
	r := newRig(t, nil)
	res := r.with(func(s *cloakroom.Session) { s.Renew() })
	if _, saves, _ := r.spy.calls(); saves != 0 || len(res.Cookies()) != 0 {
		t.Errorf("%d saves, cookies %v", saves, res.Cookies())
	}
}

func TestRenewNeverRevives(t *testing.T) {
	r := newRig(t, nil)
	cookie := r.fresh()
	slow := r.park(func(s *cloakroom.Session) { s.Renew() }, cookie)
	r.with(func(s *cloakroom.Session) { _ = s.Destroy(context.Background()) }, cookie)
	if res := slow.finish(); ticket(res) != "" || res.StatusCode != http.StatusOK {
		t.Errorf("status %d, cookie %q", res.StatusCode, ticket(res))
	}
	if _, err := r.record(cookie); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("the record: %v", err)
	}
}

func TestDeriveChangesWithTheSecretAndThePurpose(t *testing.T) {
	r := newRig(t, nil)
	cookie := r.fresh()
	var first, pending [32]byte
	after := ticket(r.with(func(s *cloakroom.Session) {
		first = s.Derive("a")
		if s.Derive("a") != first || s.Derive("b") == first || first == [32]byte{} {
			t.Error("Derive must depend on the purpose and nothing else")
		}
		s.Renew()
		if pending = s.Derive("a"); pending == first {
			t.Error("a renewed session derives the old key")
		}
	}, cookie))
	r.with(func(s *cloakroom.Session) {
		if s.Derive("a") != pending {
			t.Error("the key derived right after Renew is not the one of the next request")
		}
	}, after)
	// A form on the page that begins the session carries a key of the session to be.
	var begun [32]byte
	born := ticket(r.with(func(s *cloakroom.Session) { begun = s.Derive("a"); name.Set(s, "x") }))
	r.with(func(s *cloakroom.Session) {
		if s.Derive("a") != begun {
			t.Error("the key of a session to be is not the one it has")
		}
	}, born)
}
