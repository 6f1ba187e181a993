package explorer

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/kvstore"
)

// A shelf is a KV as simple as one can be.
type shelf struct {
	mu      sync.Mutex
	entries map[string]kvstore.Entry
}

// live returns the entry at key as it is now. The lock is held.
func (s *shelf) live(key string) (kvstore.Entry, bool) {
	e, ok := s.entries[key]
	return e, ok && time.Now().Before(e.ExpiresAt)
}

func (s *shelf) Get(_ context.Context, key string) (kvstore.Entry, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, live := s.live(key)
	if !live {
		return kvstore.Entry{}, store.ErrNotFound
	}
	return e, nil
}

func (s *shelf) CompareAndSwap(_ context.Context, key string, old *kvstore.Entry, next kvstore.Entry) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now, live := s.live(key); live != (old != nil) || live && old.Value != now.Value {
		return store.ErrConflict
	}
	s.entries[key] = next
	return nil
}

func (s *shelf) Delete(_ context.Context, key string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.entries, key)
	return nil
}

func TestPromisesHoldOnWhatComparesAndSwaps(t *testing.T) {
	Explore(t, func(*testing.T) store.Store {
		return kvstore.New(&shelf{entries: map[string]kvstore.Entry{}})
	}, Reduced())
}
