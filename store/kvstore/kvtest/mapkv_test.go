package kvtest_test

import (
	"context"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/kvstore"
)

// mapKV is a correct KV, as small as it gets, with functions that a broken one replaces. The
// shelf of broken KVs is made from it.
type mapKV struct {
	lock    mutex
	entries map[string]kvstore.Entry
	changes uint64

	get    func(ctx context.Context, key string) (kvstore.Entry, error)
	swap   func(ctx context.Context, key string, old *kvstore.Entry, next kvstore.Entry) error
	remove func(ctx context.Context, key string) error
	live   func(e kvstore.Entry) bool
	same   func(now, old kvstore.Entry) bool
	keep   func(next kvstore.Entry) kvstore.Entry
}

// mutex is a lock that a bubble of testing/synctest sees a goroutine wait for.
type mutex chan struct{}

func (m mutex) Lock()   { m <- struct{}{} }
func (m mutex) Unlock() { <-m }

func newMapKV(change func(m *mapKV)) *mapKV {
	m := &mapKV{lock: make(mutex, 1), entries: map[string]kvstore.Entry{}}
	m.get, m.swap, m.remove = m.doGet, m.doSwap, m.doRemove
	m.live = func(e kvstore.Entry) bool { return e.ExpiresAt.IsZero() || time.Now().Before(e.ExpiresAt) }
	m.same = func(now, old kvstore.Entry) bool { return now.Value == old.Value }
	m.keep = func(next kvstore.Entry) kvstore.Entry { return next }
	if change != nil {
		change(m)
	}
	return m
}

func (m *mapKV) Get(ctx context.Context, key string) (kvstore.Entry, error) { return m.get(ctx, key) }

func (m *mapKV) CompareAndSwap(ctx context.Context, key string, old *kvstore.Entry, next kvstore.Entry) error {
	return m.swap(ctx, key, old, next)
}

func (m *mapKV) Delete(ctx context.Context, key string) error { return m.remove(ctx, key) }

// peek returns the entry at key as it is now.
func (m *mapKV) peek(key string) (kvstore.Entry, bool) {
	m.lock.Lock()
	defer m.lock.Unlock()
	e, ok := m.entries[key]
	return e, ok && m.live(e)
}

func (m *mapKV) doGet(ctx context.Context, key string) (kvstore.Entry, error) {
	e, live := m.peek(key)
	switch {
	case ctx.Err() != nil:
		return kvstore.Entry{}, ctx.Err()
	case !live:
		return kvstore.Entry{}, store.ErrNotFound
	}
	return e, nil
}

func (m *mapKV) doSwap(ctx context.Context, key string, old *kvstore.Entry, next kvstore.Entry) error {
	m.lock.Lock()
	defer m.lock.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	now, ok := m.entries[key]
	if live := ok && m.live(now); live != (old != nil) || live && !m.same(now, *old) {
		return store.ErrConflict
	}
	m.changes++
	next.Revision = m.changes
	m.entries[key] = m.keep(next)
	return nil
}

func (m *mapKV) doRemove(ctx context.Context, key string) error {
	m.lock.Lock()
	defer m.lock.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	delete(m.entries, key)
	return nil
}
