package demo

import (
	"context"

	"github.com/cloakroom-go/cloakroom/store"
)

// A counter is a store that counts, for each request, the calls made and the bytes of
// fields moved: the request's entry in the ledger comes with the context, which the manager
// hands on.
type counter struct{ inner store.Store }

func (c *counter) Unwrap() store.Store { return c.inner }

func (c *counter) Load(ctx context.Context, key string) (store.Record, error) {
	rec, err := c.inner.Load(ctx, key)
	countLoad(ctx, rec)
	return rec, err
}

// LoadFields is here since [store.As] would reach past the counter otherwise. A store
// that has no such thing moves the whole record.
func (c *counter) LoadFields(ctx context.Context, key string, names ...string) (store.Record, error) {
	if l, ok := store.As[store.FieldLoader](c.inner); ok {
		rec, err := l.LoadFields(ctx, key, names...)
		countLoad(ctx, rec)
		return rec, err
	}
	rec, err := c.Load(ctx, key)
	rec.Fields = rec.Fields.Pick(names...)
	return rec, err
}

func countLoad(ctx context.Context, rec store.Record) {
	if e := entryOf(ctx); e != nil {
		e.loads.Add(1)
		e.moved.Add(size(rec.Fields))
	}
}

func (c *counter) Save(ctx context.Context, key string, change store.Change) (uint64, error) {
	if e := entryOf(ctx); e != nil {
		e.saves.Add(1)
		e.moved.Add(size(change.Set))
	}
	return c.inner.Save(ctx, key, change)
}

func (c *counter) Delete(ctx context.Context, key string) error {
	if e := entryOf(ctx); e != nil {
		e.deletes.Add(1)
	}
	return c.inner.Delete(ctx, key)
}

// size returns the bytes that names and values have.
func size(fields store.Fields) (bytes int64) {
	for name, value := range fields.All() {
		bytes += int64(len(name) + len(value))
	}
	return bytes
}
