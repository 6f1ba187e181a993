package memcachestore

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/bradfitz/gomemcache/memcache"

	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/kvstore"
)

// kv is a kvstore.KV over the items of memcached that have a prefix. Its clock is the
// process's. The Revision of an Entry is the item's cas id.
type kv struct {
	client  *memcache.Client
	prefix  string
	maxItem int
}

var _ kvstore.KV = (*kv)(nil)

func (s *kv) Get(ctx context.Context, key string) (kvstore.Entry, error) {
	e, err := call(ctx, func() (kvstore.Entry, error) {
		e, err := s.get(key)
		if err == nil && !live(e, time.Now()) {
			err = store.ErrNotFound
		}
		return e, err
	})
	if err != nil {
		return kvstore.Entry{}, fmt.Errorf("memcachestore: %w", err)
	}
	return e, nil
}

// get returns what memcached has, live or not, or store.ErrNotFound.
func (s *kv) get(key string) (e kvstore.Entry, err error) {
	id := itemKey(s.prefix, key)
	var item *memcache.Item
	err = s.again(func() (err error) {
		item, err = s.client.Get(id)
		return err
	})
	if errors.Is(err, memcache.ErrCacheMiss) {
		return e, store.ErrNotFound
	} else if err != nil {
		return e, err
	}
	if e, err = decode(key, item.Value); err != nil {
		return e, fmt.Errorf("at the item %q is %w", id, err)
	}
	e.Revision = item.CasID
	return e, nil
}

func (s *kv) CompareAndSwap(ctx context.Context, key string, old *kvstore.Entry, next kvstore.Entry) error {
	item := memcache.Item{Key: itemKey(s.prefix, key), Value: encode(key, next)}
	if size := itemOverhead + len(item.Key) + len(item.Value); size > s.maxItem {
		return fmt.Errorf("memcachestore: the record needs an item of %d bytes, and memcached takes %d, going by Options.MaxItemSize: "+
			"store less in the session, or start memcached with a larger -I and raise the option with it", size, s.maxItem)
	}
	swap := s.swap
	if old == nil {
		swap = s.add
	}
	var was kvstore.Entry // not old itself, which the caller may alter when ctx has ended
	if old != nil {
		was = *old
	}
	_, err := call(ctx, func() (struct{}, error) { return struct{}{}, swap(ctx, key, was, item, next.ExpiresAt) })
	if err != nil {
		return fmt.Errorf("memcachestore: %w", err)
	}
	return nil
}

// swap replaces old, by its cas id where it has one.
func (s *kv) swap(ctx context.Context, key string, old kvstore.Entry, item memcache.Item, end time.Time) error {
	// An entry without an end may be one of which the caller has not kept the end.
	if old.Revision == 0 || old.ExpiresAt.IsZero() {
		is, err := s.get(key)
		switch {
		case errors.Is(err, store.ErrNotFound):
			return store.ErrConflict
		case err != nil:
			return err
		case old.Revision == 0 && is.Value != old.Value, old.Revision != 0 && is.Revision != old.Revision:
			return store.ErrConflict
		}
		old = is
	}
	if !live(old, time.Now()) {
		return store.ErrConflict
	}
	return s.cas(ctx, old.Revision, item, end)
}

// add puts an item where there is none, or one that has ended.
func (s *kv) add(ctx context.Context, key string, _ kvstore.Entry, item memcache.Item, end time.Time) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		item.Expiration = expiration(end, time.Now())
		err := s.client.Add(&item)
		if !errors.Is(err, memcache.ErrNotStored) {
			return s.explain(err)
		}
		is, err := s.get(key)
		if errors.Is(err, store.ErrNotFound) {
			continue // it is gone since
		} else if err != nil {
			return err
		}
		if live(is, time.Now()) {
			return store.ErrConflict
		}
		if err := s.cas(ctx, is.Revision, item, end); !errors.Is(err, store.ErrConflict) {
			return err
		}
	}
}

func (s *kv) cas(ctx context.Context, id uint64, item memcache.Item, end time.Time) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	item.CasID = id
	item.Expiration = expiration(end, time.Now())
	err := s.client.CompareAndSwap(&item)
	switch {
	case errors.Is(err, memcache.ErrCASConflict), errors.Is(err, memcache.ErrCacheMiss), errors.Is(err, memcache.ErrNotStored):
		return store.ErrConflict
	}
	return s.explain(err)
}

// explain says more about a write that failed.
func (s *kv) explain(err error) error {
	var op *net.OpError
	var slow *memcache.ConnectTimeoutError
	switch {
	case err == nil:
		return nil
	case strings.Contains(err.Error(), "SERVER_ERROR object too large"):
		return fmt.Errorf("memcached takes smaller items than the %d bytes of Options.MaxItemSize: set it to item_size_max of \"stats settings\": %w", s.maxItem, err)
	case strings.Contains(err.Error(), "SERVER_ERROR"), errors.Is(err, memcache.ErrNoServers),
		errors.As(err, &slow), errors.As(err, &op) && op.Op == "dial":
		return err
	}
	return fmt.Errorf("the change may have landed or not: %w", err)
}

func (s *kv) Delete(ctx context.Context, key string) error {
	_, err := call(ctx, func() (struct{}, error) {
		return struct{}{}, s.again(func() error { return s.client.Delete(itemKey(s.prefix, key)) })
	})
	if err != nil && !errors.Is(err, memcache.ErrCacheMiss) {
		return fmt.Errorf("memcachestore: %w", err)
	}
	return nil
}
