package kvstore

import (
	"context"
	"slices"
	"sync"
)

// Turns are what the writers of one key in this process take, in the order in which they
// came. Without turns they would swap against each other, and the slowest might never win.
type turns struct {
	mu sync.Mutex
	// A key is here while somebody has the turn, with the channels of those who wait for it.
	keys map[string][]chan struct{}
}

// take waits until it is this caller's turn for key. The caller must call leave, unless ctx
// has ended first: then the error is ctx.Err().
func (t *turns) take(ctx context.Context, key string) error {
	t.mu.Lock()
	if t.keys == nil {
		t.keys = make(map[string][]chan struct{})
	}
	waiting, taken := t.keys[key]
	if !taken {
		t.keys[key] = nil
		t.mu.Unlock()
		return nil
	}
	mine := make(chan struct{})
	t.keys[key] = append(waiting, mine)
	t.mu.Unlock()
	select {
	case <-mine:
		return nil
	case <-ctx.Done():
		t.giveUp(key, mine)
		return ctx.Err()
	}
}

// leave hands the turn to the next, if there is one.
func (t *turns) leave(key string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.next(key)
}

func (t *turns) giveUp(key string, mine chan struct{}) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if i := slices.Index(t.keys[key], mine); i >= 0 {
		t.keys[key] = slices.Delete(t.keys[key], i, i+1)
		return
	}
	t.next(key) // the turn came in the same moment
}

// next is called by who has the turn. The caller holds mu.
func (t *turns) next(key string) {
	waiting := t.keys[key]
	if len(waiting) == 0 {
		delete(t.keys, key)
		return
	}
	close(waiting[0])
	t.keys[key] = slices.Delete(waiting, 0, 1)
}
