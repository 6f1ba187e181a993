package sqlstore

import (
	"context"
	"hash/maphash"
)

// A gate lets one caller at a time through for each key. Keys share a few lanes, so that it
// has nothing to keep and to tidy; who meets another key in a lane waits for no reason, and
// not for long.
type gate struct {
	seed  maphash.Seed
	lanes [64]chan struct{}
}

func newGate() gate {
	g := gate{seed: maphash.MakeSeed()}
	for i := range g.lanes {
		g.lanes[i] = make(chan struct{}, 1)
	}
	return g
}

// enter waits until it is the caller's turn or ctx ends. After nil the caller calls leave.
func (g *gate) enter(ctx context.Context, key string) (leave func(), err error) {
	lane := g.lanes[maphash.String(g.seed, key)%uint64(len(g.lanes))]
	select {
	case lane <- struct{}{}:
		return func() { <-lane }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
