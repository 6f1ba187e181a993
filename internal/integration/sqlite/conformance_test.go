package sqlite_test

import (
	"context"
	"iter"
	"sync/atomic"
	"testing"

	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/sqlstore"
	"github.com/cloakroom-go/cloakroom/store/storetest"
)

func TestConformsWithSynchronousFull(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T) store.Store { return open(t, openDB(t, dsn(tempFile(t), "full"))) })
}

func TestConformsWithSynchronousNormal(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T) store.Store { return open(t, openDB(t, dsn(tempFile(t), "normal"))) })
}

func TestConformsWithOneConnection(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T) store.Store {
		db := openDB(t, dsn(tempFile(t), "full"))
		db.SetMaxOpenConns(1)
		return open(t, db)
	})
}

func TestConformsInMemory(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T) store.Store {
		db := openDB(t, ":memory:")
		db.SetMaxOpenConns(1)
		return open(t, db)
	})
}

// Without a busy_timeout the driver waits for nobody, so all the waiting is the store's.
func TestConformsOverTwoHandlesWithoutBusyTimeout(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T) store.Store {
		name := "file:" + tempFile(t) + "?_pragma=synchronous(normal)"
		return &both{stores: [2]*sqlstore.Store{open(t, openDB(t, name)), open(t, openDB(t, name))}}
	})
}

// both sends every call to the other of two Stores on one file, as two processes would.
type both struct {
	stores [2]*sqlstore.Store
	calls  atomic.Uint32
}

func (b *both) next() *sqlstore.Store { return b.stores[b.calls.Add(1)%2] }

func (b *both) Load(ctx context.Context, key string) (store.Record, error) {
	return b.next().Load(ctx, key)
}

func (b *both) Save(ctx context.Context, key string, change store.Change) (uint64, error) {
	return b.next().Save(ctx, key, change)
}
func (b *both) Delete(ctx context.Context, key string) error { return b.next().Delete(ctx, key) }
func (b *both) List(ctx context.Context) iter.Seq2[string, error] {
	return b.next().List(ctx)
}

func (b *both) ListOwner(ctx context.Context, owner string) iter.Seq2[string, error] {
	return b.next().ListOwner(ctx, owner)
}

func (b *both) Sweep(ctx context.Context, limit int) (int, error) { return b.next().Sweep(ctx, limit) }
func (b *both) Ping(ctx context.Context) error                    { return b.next().Ping(ctx) }
