package explorer

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
)

// A table is a store as simple as one can be: what the broken ones are made from.
type table struct {
	mu      sync.Mutex
	records map[string]store.Record
}

func newTable() *table { return &table{records: map[string]store.Record{}} }

// get returns what is at key, and whether it is live.
func (t *table) get(key string) (rec store.Record, live bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	rec, ok := t.records[key]
	return rec, ok && time.Now().Before(rec.ExpiresAt)
}

func (t *table) put(key string, rec store.Record) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.records[key] = rec
}

func (t *table) Load(_ context.Context, key string) (store.Record, error) {
	rec, live := t.get(key)
	if !live {
		return store.Record{}, fmt.Errorf("table: load: %w", store.ErrNotFound)
	}
	return rec, nil
}

func (t *table) Save(_ context.Context, key string, c store.Change) (uint64, error) {
	rec, live := t.get(key)
	return t.apply(key, rec, live, c)
}

func (t *table) apply(key string, rec store.Record, live bool, c store.Change) (uint64, error) {
	rec, err := store.Apply(rec, live, c)
	if err != nil {
		return 0, fmt.Errorf("table: save: %w", err)
	}
	t.put(key, rec)
	return rec.Version, nil
}

func (t *table) Delete(_ context.Context, key string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.records, key)
	return nil
}

func (t *table) Sweep(_ context.Context, limit int) (removed int, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for key, rec := range t.records {
		if removed < limit && !time.Now().Before(rec.ExpiresAt) {
			delete(t.records, key)
			removed++
		}
	}
	return removed, nil
}
