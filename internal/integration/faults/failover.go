package faults

import (
	"runtime"
	"testing"

	"github.com/cloakroom-go/cloakroom/internal/integration/servers"
	"github.com/cloakroom-go/cloakroom/store"
)

// A Succession is a store over servers that replace one another.
type Succession struct {
	// Group is examined while all of it runs, and has another master afterwards. Nobody
	// else may use it meanwhile.
	Group *servers.Group
	// Open returns a new store over the group, and a function that closes it. The store
	// waits until the next master has what opens or ends a session.
	Open func(t testing.TB) (s store.Store, closeStore func())
	// At is the key under which the group keeps the session with an ID.
	At func(id string) string
}

// RunFailover examines a store while its master fails.
func RunFailover(t *testing.T, s Succession) {
	before := runtime.NumGoroutine()
	t.Run("WhatNoReplicaHasIsNotAcknowledged", func(t *testing.T) { lag(t, s) })
	t.Run("WhatIsAcknowledgedStaysAfterAFailover", func(t *testing.T) { failOver(t, s) })
	settled(t, before)
}

func (s Succession) site(t testing.TB) *site {
	t.Helper()
	st, closeStore := s.Open(t)
	t.Cleanup(closeStore)
	return newSite(t, st)
}

// lag keeps the replicas from following.
func lag(t testing.TB, s Succession) {
	site := s.site(t)
	v, _ := site.arrive()
	kept := &visitor{site, v.cookie}
	replicas := s.Group.Replicas()
	for _, r := range replicas {
		r.Pause()
	}
	got := v.ask("/signout")
	for _, r := range replicas {
		r.Resume()
	}
	if got.status != 503 {
		t.Errorf("a sign-out that only the master has is answered with %+v", got)
	}
	if v.cookie != kept.cookie {
		t.Errorf("the cookie has become %q", v.cookie)
	}
	v.expect("/signout", answer{id: "none"})
	kept.expect("/read", answer{id: "none"})
}

// failOver kills a master in the moment in which it has acknowledged something, while a
// crowd is there.
func failOver(t testing.TB, s Succession) {
	site := s.site(t)
	crowd := site.gather(false)
	crowd.serve(5)

	// What is signed in, renewed and ended, on every master.
	const guests = 9
	var old, now []*visitor
	var ids []string
	for range guests {
		v, a := site.arrive()
		before := &visitor{site, v.cookie}
		v.expect("/signin?owner=ann", answer{id: a.id, count: 1, owner: "ann"})
		between := &visitor{site, v.cookie}
		v.expect("/renew", answer{id: a.id, count: 1, owner: "ann"})
		old, now, ids = append(old, before, between), append(now, v), append(ids, a.id)
	}
	ended, _ := site.arrive()
	gone := &visitor{site, ended.cookie}
	master := s.Group.Master(s.At(ids[0]))
	ended.expect("/signout", answer{id: "none"})
	master.Kill()

	if successor := s.Group.Master(s.At(ids[0])); successor == master {
		t.Fatal("the master is still the killed one")
	}
	check := func() {
		t.Helper()
		for i, v := range now {
			v.expect("/read", answer{id: ids[i], count: 1, owner: "ann"})
		}
		for _, v := range append(old, gone) {
			v.expect("/read", answer{id: "none"})
		}
	}
	check()
	crowd.serve(5)
	master.Start() // and believes that it is the master still
	crowd.serve(20)
	check()
	crowd.long = true
	crowd.leave()
}
