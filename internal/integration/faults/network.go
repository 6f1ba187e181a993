package faults

import (
	"testing"
	"time"
)

// The trials in which a crowd meets a bad network.

// stall lets nothing through for a while, and keeps the connections.
func stall(t testing.TB, s Subject) {
	r := newRig(t, s)
	c := r.gather(true)
	c.serve(5)
	c.without(func() { r.proxy.Stall(true) }, func() { r.proxy.Stall(false) }, 2*time.Second)
	c.serve(5)
	c.leave()
}

// cut cuts the connections again and again.
func cut(t testing.TB, s Subject) {
	r := newRig(t, s)
	c := r.gather(true)
	for range 10 {
		c.serve(2)
		r.proxy.Cut()
	}
	c.serve(5)
	c.leave()
}

// refuse takes the server away from the network.
func refuse(t testing.TB, s Subject) {
	r := newRig(t, s)
	c := r.gather(true)
	c.serve(5)
	v, a := r.arrive()
	c.without(func() {
		r.proxy.Refuse(true)
		r.proxy.Cut()
		if got := v.ask("/read"); got.status != 503 {
			t.Errorf("without its store a site answers %+v to a client with a cookie", got)
		}
	}, func() { r.proxy.Refuse(false) }, 0)
	v.expect("/read", answer{id: a.id, count: 1})
	c.serve(5)
	c.leave()
}
