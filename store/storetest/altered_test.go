package storetest_test

import (
	"context"
	"iter"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
)

// altered is a mapStore with some methods replaced.
type altered struct {
	*mapStore
	load       func(ctx context.Context, key string) (store.Record, error)
	save       func(ctx context.Context, key string, c store.Change) (uint64, error)
	remove     func(ctx context.Context, key string) error
	loadFields func(ctx context.Context, key string, names ...string) (store.Record, error)
	list       func(ctx context.Context) iter.Seq2[string, error]
	listOwner  func(ctx context.Context, owner string) iter.Seq2[string, error]
	sweep      func(ctx context.Context, limit int) (int, error)
	ping       func(ctx context.Context) error
}

// alter makes a mapStore and replaces what f replaces.
func alter(f func(a *altered)) func() store.Store {
	return func() store.Store {
		m := newMapStore()
		a := &altered{
			mapStore: m,
			load:     m.Load, save: m.Save, remove: m.Delete,
			loadFields: m.LoadFields, list: m.List, listOwner: m.ListOwner, sweep: m.Sweep, ping: m.Ping,
		}
		f(a)
		return a
	}
}

func (a *altered) Load(ctx context.Context, key string) (store.Record, error) {
	return a.load(ctx, key)
}

func (a *altered) Save(ctx context.Context, key string, c store.Change) (uint64, error) {
	return a.save(ctx, key, c)
}

func (a *altered) Delete(ctx context.Context, key string) error { return a.remove(ctx, key) }

func (a *altered) LoadFields(ctx context.Context, key string, names ...string) (store.Record, error) {
	return a.loadFields(ctx, key, names...)
}

func (a *altered) List(ctx context.Context) iter.Seq2[string, error] { return a.list(ctx) }

func (a *altered) ListOwner(ctx context.Context, owner string) iter.Seq2[string, error] {
	return a.listOwner(ctx, owner)
}

func (a *altered) Sweep(ctx context.Context, limit int) (int, error) { return a.sweep(ctx, limit) }

func (a *altered) Ping(ctx context.Context) error { return a.ping(ctx) }

type edit = func(rec store.Record, live bool, c store.Change) (store.Record, error)

// editing is a store with another definition of an edit.
func editing(f edit) func() store.Store {
	return alter(func(a *altered) { a.edit = f })
}

// changing is a store that alters each Change before it applies it.
func changing(f func(rec store.Record, live bool, c *store.Change)) func() store.Store {
	return editing(func(rec store.Record, live bool, c store.Change) (store.Record, error) {
		f(rec, live, &c)
		return store.Apply(rec, live, c)
	})
}

// result is a store that alters each record before it keeps it.
func result(f func(before store.Record, c store.Change, after *store.Record)) func() store.Store {
	return editing(func(rec store.Record, live bool, c store.Change) (store.Record, error) {
		after, err := store.Apply(rec, live, c)
		if err == nil {
			f(rec, c, &after)
		}
		return after, err
	})
}

// keyed is a store that keeps records at altered keys.
func keyed(f func(string) string) func() store.Store {
	return alter(func(a *altered) {
		a.load = func(ctx context.Context, key string) (store.Record, error) { return a.mapStore.Load(ctx, f(key)) }
		a.save = func(ctx context.Context, key string, c store.Change) (uint64, error) {
			return a.mapStore.Save(ctx, f(key), c)
		}
		a.remove = func(ctx context.Context, key string) error { return a.mapStore.Delete(ctx, f(key)) }
	})
}

// refusing is a store whose Save fails when f says why.
func refusing(f func(key string, c store.Change) error) func() store.Store {
	return alter(func(a *altered) {
		a.save = func(ctx context.Context, key string, c store.Change) (uint64, error) {
			if err := f(key, c); err != nil {
				return 0, err
			}
			return a.mapStore.Save(ctx, key, c)
		}
	})
}

// fieldwise is a store that alters names and values before it keeps them.
func fieldwise(f func(name, value string) (string, string)) func() store.Store {
	return changing(func(_ store.Record, _ bool, c *store.Change) {
		kept := map[string]string{}
		for name, value := range c.Set.All() {
			name, value = f(name, value)
			kept[name] = value
		}
		c.Set = fieldsOf(kept)
	})
}

func fieldsOf(values map[string]string) store.Fields {
	list := make([]store.Field, 0, len(values))
	for name, value := range values {
		list = append(list, store.Field{Name: name, Value: value})
	}
	f, err := store.NewFields(list...)
	if err != nil {
		panic(err)
	}
	return f
}

// conditioned is a store that judges conditions by itself, before all else.
func conditioned(f func(rec store.Record, cond store.Condition) bool) func() store.Store {
	return editing(func(rec store.Record, live bool, c store.Change) (store.Record, error) {
		conds := c.If
		c.If = nil
		after, err := store.Apply(rec, live, c)
		if err != nil {
			return after, err
		}
		if c.Create {
			rec = store.Record{}
		}
		for _, cond := range conds {
			if !f(rec, cond) {
				return store.Record{}, store.ErrConflict
			}
		}
		return after, nil
	})
}

// peek returns the record at key, live or not.
func (m *mapStore) peek(key string) (store.Record, bool) {
	m.lock.Lock()
	defer m.lock.Unlock()
	return m.live(key)
}

// put writes rec at key, whatever is there.
func (m *mapStore) put(key string, rec store.Record) {
	m.lock.Lock()
	defer m.lock.Unlock()
	rec.ExpiresAt = rec.ExpiresAt.Truncate(time.Millisecond)
	m.recs[key] = rec
}

// apply is Save without the lock between reading and writing: pause runs there.
func (m *mapStore) apply(key string, c store.Change, pause func()) (uint64, error) {
	rec, live := m.peek(key)
	rec, err := m.edit(rec, live, c)
	if err != nil {
		return 0, err
	}
	pause()
	m.put(key, rec)
	return rec.Version, nil
}
