package boltstore

import (
	"context"
	"fmt"
	"time"

	"go.etcd.io/bbolt"

	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/kvstore"
)

// kv is a kvstore.KV in one bucket. Its clock is the process's.
type kv struct {
	group
	maxValue int // bbolt.MaxValueSize
}

var _ kvstore.KV = (*kv)(nil)

func (s *kv) Get(ctx context.Context, key string) (kvstore.Entry, error) {
	e, err := view(ctx, s, func(b buckets) (entry, error) {
		e, found, err := b.get([]byte(key))
		if err == nil && (!found || !e.live(time.Now().UnixMilli())) {
			err = store.ErrNotFound
		}
		return e, err
	})
	if err != nil {
		return kvstore.Entry{}, fmt.Errorf("boltstore: %w", err)
	}
	return kvstore.Entry{Value: e.value, ExpiresAt: e.end(), Owner: e.owner}, nil
}

func (s *kv) CompareAndSwap(ctx context.Context, key string, old *kvstore.Entry, next kvstore.Entry) error {
	put := entryOf(next)
	if put.size() > s.maxValue {
		return fmt.Errorf("boltstore: the record needs %d bytes, and bbolt takes %d: store less in the session", put.size(), s.maxValue)
	}
	want := "" // not old itself, which the caller may alter when ctx has ended
	if old != nil {
		want = old.Value
	}
	must := old != nil
	err := s.do(ctx, func(b buckets) (changed bool, answer, fault error) {
		k := []byte(key)
		is, found, err := b.get(k)
		if err != nil {
			return false, err, nil
		}
		live := found && is.live(time.Now().UnixMilli())
		if live != must || live && is.value != want {
			return false, store.ErrConflict, nil
		}
		return true, nil, b.put(k, is, found, put)
	})
	if err != nil {
		return fmt.Errorf("boltstore: %w", err)
	}
	return nil
}

func (s *kv) Delete(ctx context.Context, key string) error {
	err := s.do(ctx, func(b buckets) (changed bool, answer, fault error) {
		changed, fault = b.remove([]byte(key))
		return changed, nil, fault
	})
	if err != nil {
		return fmt.Errorf("boltstore: %w", err)
	}
	return nil
}

// view reads in one transaction. It returns when ctx ends, though bbolt knows no contexts:
// while a writer waits for other readers to end, so that it can map a file that has grown, no
// reader begins. The read then ends on its own.
func view[T any](ctx context.Context, s *kv, read func(buckets) (T, error)) (T, error) {
	var none T
	if err := ctx.Err(); err != nil {
		return none, err
	}
	type result struct {
		value T
		err   error
	}
	done := make(chan result, 1)
	go func() {
		var r result
		r.err = guard(func() error {
			return s.db.View(func(tx *bbolt.Tx) error {
				b, err := openBuckets(tx, s.name)
				if err != nil {
					return err
				}
				r.value, err = read(b)
				return err
			})
		})
		done <- r
	}()
	select {
	case r := <-done:
		return r.value, r.err
	case <-ctx.Done():
		return none, ctx.Err()
	}
}
