//go:build unix

package filestore_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"iter"
	"sync/atomic"

	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/filestore"
)

// alternating gives its calls to two Stores in turn.
type alternating struct {
	*filestore.Store
	other *filestore.Store
	calls atomic.Uint64
}

func (a *alternating) turn() *filestore.Store {
	if a.calls.Add(1)%2 == 0 {
		return a.other
	}
	return a.Store
}

func (a *alternating) Load(ctx context.Context, key string) (store.Record, error) {
	return a.turn().Load(ctx, key)
}

func (a *alternating) Save(ctx context.Context, key string, c store.Change) (uint64, error) {
	return a.turn().Save(ctx, key, c)
}

func (a *alternating) Delete(ctx context.Context, key string) error {
	return a.turn().Delete(ctx, key)
}

func (a *alternating) List(ctx context.Context) iter.Seq2[string, error] { return a.turn().List(ctx) }

func (a *alternating) ListOwner(ctx context.Context, owner string) iter.Seq2[string, error] {
	return a.turn().ListOwner(ctx, owner)
}

func (a *alternating) Sweep(ctx context.Context, limit int) (int, error) {
	return a.turn().Sweep(ctx, limit)
}

func hexSum(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}
