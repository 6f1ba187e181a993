package cloakroom

import (
	"context"
	"sync"
)

// A gate lets one request of a session at a time through, within the process. Requests
// that keep meeting conflicts queue there instead of racing on.
type gate struct {
	mu    sync.Mutex
	doors map[string]*door
}

type door struct {
	token chan struct{} // holds one value while the door is free
	users int
}

// enter waits until it is this caller's turn for key, or until ctx ends. The caller must
// call leave when err is nil.
func (g *gate) enter(ctx context.Context, key string) (leave func(), err error) {
	g.mu.Lock()
	if g.doors == nil {
		g.doors = make(map[string]*door)
	}
	d := g.doors[key]
	if d == nil {
		d = &door{token: make(chan struct{}, 1)}
		d.token <- struct{}{}
		g.doors[key] = d
	}
	d.users++
	g.mu.Unlock()
	drop := func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		if d.users--; d.users == 0 {
			delete(g.doors, key)
		}
	}
	select {
	case <-d.token:
		return func() { d.token <- struct{}{}; drop() }, nil
	case <-ctx.Done():
		drop()
		return nil, ctx.Err()
	}
}
