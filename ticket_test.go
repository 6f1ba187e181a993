package cloakroom_test

import (
	"bytes"
	"context"
	"net/http"
	"testing"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/store"
)

// A token that opens nothing, sent over one that does, signs the client out.

func TestALimitSetOverARenewSendsNoDeadToken(t *testing.T) {
	r := newRig(t, &cloakroom.Config{Cookie: cloakroom.Cookie{BrowserSession: true}})
	before := r.fresh()
	a := r.park(func(s *cloakroom.Session) { s.SetPersistent(true) }, before)
	winner := ticket(r.with(func(s *cloakroom.Session) { s.Renew() }, before))
	last := ticket(a.finish())
	if last != "" && last != winner {
		t.Errorf("the slow request sent the old cookie over the new one; it opens: %v", r.opens(last))
	}
}

func TestTheLoserOfTwoRenewsSendsNoTokenForItsLimits(t *testing.T) {
	r := newRig(t, &cloakroom.Config{Cookie: cloakroom.Cookie{BrowserSession: true}})
	before := r.fresh()
	a := r.park(func(s *cloakroom.Session) { s.Renew(); s.SetPersistent(true) }, before)
	winner := ticket(r.with(func(s *cloakroom.Session) { s.Renew() }, before))
	last := ticket(a.finish())
	if last != "" && last != winner {
		t.Errorf("the loser sent a cookie; it opens: %v", r.opens(last))
	}
}

func TestATokenIsNotReissuedOverASignIn(t *testing.T) {
	old, fresh := bytes.Repeat([]byte{1}, 32), bytes.Repeat([]byte{2}, 32)
	r0 := newRig(t, &cloakroom.Config{Keys: [][]byte{old}})
	before := r0.fresh()
	r := r0.other(&cloakroom.Config{Keys: [][]byte{fresh, old}})
	a := r.park(func(s *cloakroom.Session) {}, before)
	b := r.park(func(s *cloakroom.Session) { visits.Set(s, 2) }, before)
	winner := ticket(r.with(func(s *cloakroom.Session) { s.SignIn("ann") }, before))
	for _, p := range []*parked{a, b} {
		last := ticket(p.finish())
		if last != "" && last != winner {
			t.Errorf("the slow reader sent the old secret over the new cookie; it opens: %v", r.opens(last))
		}
	}
}

func TestNoTicketOfASessionThatIsNotStored(t *testing.T) {
	r := newRig(t, nil)
	before := ticket(r.with(func(s *cloakroom.Session) { s.SignIn("ann") }))
	res := r.do(func(w http.ResponseWriter, req *http.Request) {
		s, _ := r.m.Load(req.Context())
		s.Renew()
		saving, signed := make(chan struct{}), make(chan struct{})
		once := false
		r.spy.meddle(func(y *spy) {
			y.save = func(ctx context.Context, key string, c store.Change) (uint64, error) {
				if !once {
					once = true
					close(saving)
					<-signed
				}
				return y.Store.Save(ctx, key, c)
			}
		})
		go func() { <-saving; s.SignIn("bob"); close(signed) }()
		w.WriteHeader(200)
	}, before)
	r.spy.meddle(func(y *spy) { y.save = nil })
	if c := ticket(res); c != "" && !r.opens(c) {
		t.Errorf("cookie %q opens nothing, and the old one opens: %v", c, r.opens(before))
	}
}

// What an earlier Save had for the client is dead once the session has ended.
func TestATicketIsWithdrawnWhenTheSessionEnds(t *testing.T) {
	r := newRig(t, nil)
	for what, touchHeader := range map[string]bool{"owed": false, "in the header": true} {
		cookie := r.fresh()
		res := r.do(func(w http.ResponseWriter, req *http.Request) {
			http.SetCookie(w, &http.Cookie{Name: "other", Value: "1"})
			s, _ := r.m.Load(req.Context())
			s.Renew()
			if err := s.Save(req.Context()); err != nil {
				t.Fatal(err)
			}
			if touchHeader {
				_ = w.Header()
			}
			if err := r.spy.Store.Delete(req.Context(), s.ID()); err != nil { // another request signs out
				t.Fatal(err)
			}
			visits.Set(s, 1)
		}, cookie)
		if ticket(res) != "" || len(res.Cookies()) != 1 {
			t.Errorf("%s: cookies %v", what, res.Cookies())
		}
	}
}
