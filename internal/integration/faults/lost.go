package faults

import (
	"crypto/rand"
	"testing"
	"time"
)

// The trials in which a server does what it was asked to and its answer gets lost.

// lose asks for a page of which the store's answer to the Save is lost.
func (r *rig) lose(v *visitor, path, separator string) answer {
	r.t.Helper()
	marker := rand.Text()
	lost := r.proxy.CutAfterRequest(1, marker)
	a := v.ask(path + separator + "mark=" + marker)
	select {
	case <-lost:
	case <-time.After(limit):
		r.t.Fatalf("%s: the store has sent no Save in which %q is readable", path, marker)
	}
	return a
}

func loseUpdate(t testing.TB, s Subject) {
	r := newRig(t, s)
	v, a := r.arrive()
	if got := r.lose(v, "/add", "?"); got.status == 200 && got.count != 2 {
		t.Errorf("the answer says %+v", got)
	}
	v.expect("/read", answer{id: a.id, count: 2})
	v.expect("/add", answer{id: a.id, count: 3})
}

func loseCreate(t testing.TB, s Subject) {
	r := newRig(t, s)
	v := &visitor{site: r.site}
	a := r.lose(v, "/add", "?")
	if a.status != 200 {
		if v.cookie != "" {
			t.Errorf("a session that may not be there has the cookie %q", v.cookie)
		}
		a = v.insist("/add")
	}
	if a.count != 1 {
		t.Errorf("the new session has %+v", a)
	}
	v.expect("/read", answer{id: a.id, count: 1})
}

func loseRenew(t testing.TB, s Subject) {
	r := newRig(t, s)
	v, a := r.arrive()
	r.loseSecret(v, "/renew", "?", answer{id: a.id, count: 1})
}

func loseSignIn(t testing.TB, s Subject) {
	r := newRig(t, s)
	v, a := r.arrive()
	r.loseSecret(v, "/signin?owner=ann", "&", answer{id: a.id, count: 1, owner: "ann"})
}

// loseSecret asks for a page that gives the session a new secret.
func (r *rig) loseSecret(v *visitor, path, separator string, want answer) {
	r.t.Helper()
	old := &visitor{r.site, v.cookie}
	if a := r.lose(v, path, separator); a.status != 200 {
		r.t.Errorf("%s: status %d: it was not settled", path, a.status)
	}
	if v.cookie == old.cookie {
		r.t.Errorf("%s: there is no new cookie", path)
	}
	v.expect("/read", want)
	old.expect("/read", answer{id: "none"})
}

func loseSignOut(t testing.TB, s Subject) {
	r := newRig(t, s)
	v, _ := r.arrive()
	old := &visitor{r.site, v.cookie}
	r.mu.Lock()
	r.beforeEdit = func() { r.proxy.CutAfterRequest(1, "") }
	r.mu.Unlock()
	v.ask("/signout")
	v.expect("/signout", answer{id: "none"})
	old.expect("/read", answer{id: "none"})
}
