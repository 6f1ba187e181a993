package demo

import (
	"context"

	"github.com/cloakroom-go/cloakroom/store"
)

// A counter is a store that counts the calls made for each request: the request's entry
// in the ledger comes with the context, which the manager hands on.
type counter struct{ inner store.Store }

func (c *counter) Unwrap() store.Store { return c.inner }

func (c *counter) Load(ctx context.Context, key string) (store.Record, error) {
	if e := entryOf(ctx); e != nil {
		e.loads.Add(1)
	}
	return c.inner.Load(ctx, key)
}

func (c *counter) Save(ctx context.Context, key string, change store.Change) (uint64, error) {
	if e := entryOf(ctx); e != nil {
		e.saves.Add(1)
	}
	return c.inner.Save(ctx, key, change)
}

func (c *counter) Delete(ctx context.Context, key string) error {
	if e := entryOf(ctx); e != nil {
		e.deletes.Add(1)
	}
	return c.inner.Delete(ctx, key)
}
