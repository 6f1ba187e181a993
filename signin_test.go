package cloakroom_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/store"
)

func TestSignInSetsOwnerAndANewSecretAndKeepsTheFields(t *testing.T) {
	r := newRig(t, nil)
	before := r.fresh()
	after := ticket(r.with(func(s *cloakroom.Session) { s.SignIn("u1") }, before))
	if after == "" || key(after) != key(before) || secret(after) == secret(before) {
		t.Fatalf("the cookie went from %q to %q: want the same ID and another secret", before, after)
	}
	r.with(func(s *cloakroom.Session) {
		if s.Owner() != "u1" || name.Get(s) != "first" {
			t.Errorf("owner %q, name %q", s.Owner(), name.Get(s))
		}
	}, after)
	if r.opens(before) {
		t.Error("the secret from before the sign-in opens the session")
	}
}

// An attacker who planted a cookie holds a request open over the victim's sign-in.
func TestNothingFromBeforeASignInIsWrittenAfterIt(t *testing.T) {
	r := newRig(t, nil)
	planted := r.fresh()
	attack := r.park(func(s *cloakroom.Session) { name.Set(s, "attacker") }, planted)
	victim := ticket(r.with(func(s *cloakroom.Session) { s.SignIn("victim"); visits.Set(s, 1) }, planted))
	r.log.take()
	if res := attack.finish(); ticket(res) != "" {
		t.Errorf("the attacker got a cookie: %q", ticket(res))
	}
	if d, ok := find(r.log.take(), func(d cloakroom.Dropped) bool { return d.Reason == cloakroom.ReasonNewEpoch }); !ok || d.Names[0] != "name" {
		t.Errorf("the dropped edit was not told: %+v", d)
	}
	r.with(func(s *cloakroom.Session) {
		if name.Get(s) != "first" || s.Owner() != "victim" || visits.Get(s) != 1 {
			t.Errorf("name %q, owner %q", name.Get(s), s.Owner())
		}
	}, victim)
	if r.opens(planted) {
		t.Error("the planted cookie opens the signed-in session")
	}
}

func TestARenewInFlightDuringASignInLosesAndLocksNobodyOut(t *testing.T) {
	r := newRig(t, nil)
	before := r.fresh()
	renew := r.park(func(s *cloakroom.Session) { s.Renew() }, before)
	signedIn := ticket(r.with(func(s *cloakroom.Session) { s.SignIn("u1") }, before))
	if res := renew.finish(); ticket(res) != "" {
		t.Errorf("the late renew sent a cookie: %q", ticket(res))
	}
	if !r.opens(signedIn) {
		t.Error("the cookie of the sign-in does not open the session")
	}

	// The other way round: the renew lands first, and the sign-in is not conditioned on it.
	before = r.fresh()
	signIn := r.park(func(s *cloakroom.Session) { s.SignIn("u2") }, before)
	renewed := ticket(r.with(func(s *cloakroom.Session) { s.Renew() }, before))
	signedIn = ticket(signIn.finish())
	if signedIn == "" || !r.opens(signedIn) || key(signedIn) != key(before) {
		t.Errorf("the sign-in's cookie %q does not open the session", signedIn)
	}
	if r.opens(renewed) {
		t.Error("the renewed secret from before the sign-in still opens it")
	}
}

func TestOfTwoSignInsNoneIsDropped(t *testing.T) {
	r := newRig(t, nil)
	before := r.fresh()
	late := r.park(func(s *cloakroom.Session) { s.SignIn("bob"); visits.Set(s, 7) }, before)
	alice := ticket(r.with(func(s *cloakroom.Session) { s.SignIn("alice"); name.Set(s, "alice's") }, before))
	bob := ticket(late.finish())
	if bob == "" || key(bob) == key(alice) {
		t.Fatalf("the second sign-in has the cookie %q: want a session of its own", bob)
	}
	r.with(func(s *cloakroom.Session) {
		if s.Owner() != "bob" || visits.Get(s) != 7 || name.Get(s) != "" {
			t.Errorf("owner %q with %q: want bob with nothing but his own", s.Owner(), s.Names())
		}
	}, bob)
	r.with(func(s *cloakroom.Session) {
		if s.Owner() != "alice" || name.Get(s) != "alice's" || visits.Get(s) != 0 {
			t.Errorf("owner %q with %q", s.Owner(), s.Names())
		}
	}, alice)
}

func TestASignInAfterAnotherRequestsSignOutMakesANewSession(t *testing.T) {
	r := newRig(t, nil)
	before := r.fresh()
	late := r.park(func(s *cloakroom.Session) { s.SignIn("u1"); visits.Update(s, func(n int) int { return n + 1 }) }, before)
	r.with(func(s *cloakroom.Session) {
		if err := s.Destroy(context.Background()); err != nil {
			t.Error(err)
		}
	}, before)
	after := ticket(late.finish())
	if after == "" || key(after) == key(before) {
		t.Fatalf("cookie %q: want a new session", after)
	}
	r.with(func(s *cloakroom.Session) {
		if s.Owner() != "u1" || visits.Get(s) != 1 || name.Get(s) != "" {
			t.Errorf("owner %q with %q", s.Owner(), s.Names())
		}
	}, after)
	if _, err := r.record(before); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("the destroyed record: %v", err)
	}
}

func TestSignInOverAnotherOwnerEndsThatSession(t *testing.T) {
	r := newRig(t, nil)
	alice := ticket(r.with(func(s *cloakroom.Session) { s.SignIn("alice"); name.Set(s, "hers") }))
	r.log.take()
	bob := ticket(r.with(func(s *cloakroom.Session) {
		visits.Set(s, 1) // before the sign-in, so in alice's session
		id := s.ID()
		s.SignIn("bob")
		if s.ID() == id || !s.IsNew() || len(s.Names()) != 0 || s.Owner() != "bob" {
			t.Errorf("ID %q, fields %q, owner %q right after: want a new empty session of bob", s.ID(), s.Names(), s.Owner())
		}
		cart.Set(s, []string{"his"})
	}, alice))
	wantEvent(t, r.log, cloakroom.Ended{ID: key(alice), Reason: cloakroom.ReasonReplaced})
	if key(bob) == key(alice) || r.opens(alice) {
		t.Error("alice's session lives on")
	}
	r.with(func(s *cloakroom.Session) {
		if names := strings.Join(s.Names(), " "); s.Owner() != "bob" || names != "cart" {
			t.Errorf("owner %q with fields %q", s.Owner(), names)
		}
	}, bob)
}

func TestSignInAgainAsTheSameOwnerKeepsTheDataAndRestartsTheLifetime(t *testing.T) {
	r := newRig(t, &cloakroom.Config{Lifetime: 10 * hour, IdleTimeout: 10 * hour})
	cookie := ticket(r.with(func(s *cloakroom.Session) { s.SignIn("u1"); name.Set(s, "kept") }))
	r.clock.advance(6 * hour)
	again := ticket(r.with(func(s *cloakroom.Session) { s.SignIn("u1") }, cookie))
	r.clock.advance(6 * hour)
	r.with(func(s *cloakroom.Session) {
		if name.Get(s) != "kept" {
			t.Error("the lifetime was not restarted, or the data was lost")
		}
		if age := r.clock.Now().Sub(s.CreatedAt()); age != 12*hour {
			t.Errorf("the session is %v old: its creation must not move", age)
		}
	}, again)
}

func TestSignInRefusesBadOwners(t *testing.T) {
	for _, owner := range []string{"", "\xff", "a\x00b", strings.Repeat("x", 257)} {
		r := newRig(t, nil)
		res := r.with(func(s *cloakroom.Session) {
			s.SignIn(owner)
			if err := s.Err(); err == nil || !strings.Contains(err.Error(), "SignIn") {
				t.Errorf("%.5q: Err is %v", owner, err)
			}
		})
		if _, saves, _ := r.spy.calls(); res.StatusCode != 500 || saves != 0 {
			t.Errorf("%.5q: status %d, %d saves", owner, res.StatusCode, saves)
		}
	}
}

func TestAnUncertainSignInIsSettledByAReload(t *testing.T) {
	for _, landed := range []bool{true, false} {
		r := newRig(t, nil)
		before := r.fresh()
		r.loseAnswers(landed)
		res := r.with(func(s *cloakroom.Session) { s.SignIn("u1") }, before)
		r.spy.meddle(func(s *spy) { s.save = nil })
		if landed {
			if res.StatusCode != 200 || !r.opens(ticket(res)) {
				t.Errorf("landed: status %d, cookie %q", res.StatusCode, ticket(res))
			}
		} else if res.StatusCode != 503 || ticket(res) != "" || !r.opens(before) {
			t.Errorf("not landed: status %d, cookie %q, and the old cookie opens: %v", res.StatusCode, ticket(res), r.opens(before))
		}
	}
}
