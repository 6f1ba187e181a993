package sqlchecks

import (
	"context"
	"database/sql"
	"iter"
	"sync/atomic"
	"testing"

	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/sqlstore"
	"github.com/cloakroom-go/cloakroom/store/storetest"
)

// Conformance runs the examiner over Stores of which every second call goes through another
// handle, as with two processes.
func (k *Kind) Conformance(t *testing.T) {
	db, name := k.Open(t)
	s := &both{stores: [2]*sqlstore.Store{k.Store(t, db, nil), k.Store(t, k.OpenAgain(t, name), nil)}}
	storetest.Run(t, func(*testing.T) store.Store { return s })
}

// ConformanceOver runs the examiner over one handle.
func (k *Kind) ConformanceOver(t *testing.T, db *sql.DB) {
	s := k.Store(t, db, nil)
	storetest.Run(t, func(*testing.T) store.Store { return s })
}

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
