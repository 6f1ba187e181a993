package storetest_test

import (
	"context"
	"iter"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
)

// mapStore is a correct store with every optional interface, as small as it gets. The
// shelf of broken stores is made from it.
type mapStore struct {
	lock mutex
	recs map[string]store.Record
	// edit is store.Apply, unless a broken store has another.
	edit func(rec store.Record, live bool, c store.Change) (store.Record, error)
}

func newMapStore() *mapStore {
	return &mapStore{lock: make(mutex, 1), recs: map[string]store.Record{}, edit: store.Apply}
}

// mutex is a lock that a bubble of testing/synctest sees a goroutine wait for.
type mutex chan struct{}

func (m mutex) Lock()   { m <- struct{}{} }
func (m mutex) Unlock() { <-m }

// live returns the record at key as it is now. The lock is held.
func (m *mapStore) live(key string) (store.Record, bool) {
	rec, ok := m.recs[key]
	return rec, ok && time.Now().Before(rec.ExpiresAt)
}

func (m *mapStore) Load(ctx context.Context, key string) (store.Record, error) {
	if err := ctx.Err(); err != nil {
		return store.Record{}, err
	}
	m.lock.Lock()
	defer m.lock.Unlock()
	rec, live := m.live(key)
	if !live {
		return store.Record{}, store.ErrNotFound
	}
	return rec, nil
}

func (m *mapStore) Save(ctx context.Context, key string, c store.Change) (uint64, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	m.lock.Lock()
	defer m.lock.Unlock()
	rec, live := m.live(key)
	rec, err := m.edit(rec, live, c)
	if err != nil {
		return 0, err
	}
	rec.ExpiresAt = rec.ExpiresAt.Truncate(time.Millisecond)
	m.recs[key] = rec
	return rec.Version, nil
}

func (m *mapStore) Delete(ctx context.Context, key string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.lock.Lock()
	defer m.lock.Unlock()
	delete(m.recs, key)
	return nil
}

func (m *mapStore) LoadFields(ctx context.Context, key string, names ...string) (store.Record, error) {
	rec, err := m.Load(ctx, key)
	rec.Fields = rec.Fields.Pick(names...)
	return rec, err
}

func (m *mapStore) List(ctx context.Context) iter.Seq2[string, error] {
	return m.walk(ctx, func(store.Record) bool { return true })
}

func (m *mapStore) ListOwner(ctx context.Context, owner string) iter.Seq2[string, error] {
	return m.walk(ctx, func(rec store.Record) bool { return owner != "" && rec.Owner == owner })
}

func (m *mapStore) walk(ctx context.Context, want func(store.Record) bool) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for last := ""; ; {
			if err := ctx.Err(); err != nil {
				yield("", err)
				return
			}
			page := m.page(last, want)
			if len(page) == 0 {
				return
			}
			for _, key := range page {
				if !yield(key, nil) {
					return
				}
			}
			last = page[len(page)-1]
		}
	}
}

// page returns the next keys after last in the order of keys.
func (m *mapStore) page(last string, want func(store.Record) bool) []string {
	m.lock.Lock()
	defer m.lock.Unlock()
	page := slices.Sorted(maps.Keys(m.recs))
	page = slices.DeleteFunc(page, func(key string) bool {
		rec, live := m.live(key)
		return key <= last || !live || strings.HasPrefix(key, "$") || !want(rec)
	})
	return page[:min(len(page), 100)]
}

func (m *mapStore) Sweep(ctx context.Context, limit int) (removed int, err error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	m.lock.Lock()
	defer m.lock.Unlock()
	for key := range m.recs {
		if removed == limit {
			break
		}
		if _, live := m.live(key); !live {
			delete(m.recs, key)
			removed++
		}
	}
	return removed, nil
}

func (m *mapStore) Ping(ctx context.Context) error { return ctx.Err() }
