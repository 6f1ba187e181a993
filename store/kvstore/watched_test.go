package kvstore_test

import (
	"context"
	"sync"

	"github.com/cloakroom-go/cloakroom/store/kvstore"
)

// A watched KV notes the calls that it gets, and lets swap come before each CompareAndSwap
// of another KV.
type watched struct {
	kvstore.KV
	// swap, if there is one, stands in for CompareAndSwap. It can go on with land.
	swap func(land func() error) error

	mu    sync.Mutex
	calls []string
}

func (w *watched) note(call string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.calls = append(w.calls, call)
}

// taken returns the calls since it was called last.
func (w *watched) taken() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	calls := w.calls
	w.calls = nil
	return calls
}

func (w *watched) Get(ctx context.Context, key string) (kvstore.Entry, error) {
	w.note("get")
	return w.KV.Get(ctx, key)
}

func (w *watched) CompareAndSwap(ctx context.Context, key string, old *kvstore.Entry, next kvstore.Entry) error {
	w.note("swap")
	land := func() error { return w.KV.CompareAndSwap(ctx, key, old, next) }
	if w.swap != nil {
		return w.swap(land)
	}
	return land()
}

func (w *watched) Delete(ctx context.Context, key string) error {
	w.note("delete")
	return w.KV.Delete(ctx, key)
}
