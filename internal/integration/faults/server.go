package faults

import (
	"testing"
	"time"
)

// The trials in which a crowd is there while something happens to the server.

func killServer(t testing.TB, s Subject) {
	r := newRig(t, s)
	c := r.gather(s.Durable)
	for range 2 {
		c.serve(5)
		c.without(s.Server.Kill, s.Server.Start, 0)
	}
	c.serve(5)
	c.leave()
}

func restartServer(t testing.TB, s Subject) {
	r := newRig(t, s)
	c := r.gather(s.Durable)
	c.serve(5)
	c.without(s.Server.Stop, s.Server.Start, 0)
	c.serve(5)
	c.leave()
}

func pauseServer(t testing.TB, s Subject) {
	r := newRig(t, s)
	c := r.gather(true)
	c.serve(5)
	c.without(s.Server.Pause, s.Server.Resume, 2*time.Second)
	c.serve(5)
	c.leave()
}
