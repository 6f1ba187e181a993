package kvstore_test

import (
	"context"
	"sync"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/kvstore"
)

// mapKV is a KV in memory. With counting, it returns and compares revisions.
type mapKV struct {
	counting bool
	mu       sync.Mutex
	entries  map[string]kvstore.Entry
	changes  uint64
}

func newMapKV(counting bool) *mapKV {
	return &mapKV{counting: counting, entries: map[string]kvstore.Entry{}}
}

// live returns the entry at key as it is now. The lock is held.
func (m *mapKV) live(key string) (kvstore.Entry, bool) {
	e, ok := m.entries[key]
	return e, ok && (e.ExpiresAt.IsZero() || time.Now().Before(e.ExpiresAt))
}

func (m *mapKV) Get(ctx context.Context, key string) (kvstore.Entry, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return kvstore.Entry{}, err
	}
	e, live := m.live(key)
	if !live {
		return kvstore.Entry{}, store.ErrNotFound
	}
	e.Owner = "" // which Get need not return
	return e, nil
}

func (m *mapKV) CompareAndSwap(ctx context.Context, key string, old *kvstore.Entry, next kvstore.Entry) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	now, live := m.live(key)
	switch {
	case live != (old != nil):
		return store.ErrConflict
	case live && old.Revision != 0:
		if old.Revision != now.Revision {
			return store.ErrConflict
		}
	case live && old.Value != now.Value:
		return store.ErrConflict
	}
	next.Revision = 0
	if m.counting {
		m.changes++
		next.Revision = m.changes
	}
	m.entries[key] = next
	return nil
}

func (m *mapKV) Delete(ctx context.Context, key string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	delete(m.entries, key)
	return nil
}
