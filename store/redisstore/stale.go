package redisstore

import (
	"context"
	"math"
	"sync"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
)

// loadCopy returns the record from this process' copy, which it makes when there is none,
// unless the copy is older than what this Store wrote.
func (s *Store) loadCopy(ctx context.Context, key string) (store.Record, bool) {
	least := s.written.least(key)
	if least == unknown {
		return store.Record{}, false
	}
	at := s.at(key)
	members, err := s.line.cached(ctx, s.line.client.B().Hgetall().Key(at).Cache().Pin(), s.options.StaleReads).AsStrMap()
	if err != nil {
		return store.Record{}, false // a read without the copy says what is wrong
	}
	rec, err := read(at, members)
	return rec, err == nil && rec.Version >= least
}

// unknown is what to expect of a record when this process cannot tell its version.
const unknown = math.MaxUint64

// written knows what this process has written lately: copies of that may be out of date
// until Redis has said so, at most for the window.
type written struct {
	window time.Duration

	mu         sync.Mutex
	turned     time.Time
	young, old map[string]uint64 // the version that was written, by key
}

func (w *written) note(key string, version uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.turn()
	if w.young == nil {
		w.young = make(map[string]uint64)
	}
	w.young[key] = max(version, w.young[key], w.old[key])
}

// noteSave is note for the answer of a Save. One that was refused has met a record that
// another process has changed.
func (w *written) noteSave(key string, version uint64, err error) {
	if err != nil {
		version = unknown
	}
	w.note(key, version)
}

// least returns the version below which a record is out of date.
func (w *written) least(key string) uint64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.turn()
	return max(w.young[key], w.old[key])
}

// turn forgets what was written more than two windows ago, and keeps what was written
// within one.
func (w *written) turn() {
	now := time.Now()
	switch age := now.Sub(w.turned); {
	case age < w.window:
		return
	case age < 2*w.window:
		w.old = w.young
	default:
		w.old = nil
	}
	w.young, w.turned = nil, now
}
