package memcachestore

import (
	"context"
	"errors"
	"fmt"

	"github.com/bradfitz/gomemcache/memcache"

	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/kvstore"
)

// Options are the settings of a Store that have a default.
type Options struct {
	// Prefix is what the keys of all items begin with: visible ASCII without blanks, up to
	// 206 bytes. No prefix in use on one server should be the beginning of another.
	// Defaults to "cloakroom:".
	Prefix string
	// MaxItemSize is the largest item that memcached takes, in bytes: what its option -I
	// says and "stats settings" calls item_size_max. A Save of a larger one fails before
	// anything is sent. Defaults to 1048576, as in memcached.
	MaxItemSize int
}

const (
	defaultPrefix  = "cloakroom:"
	defaultMaxItem = 1 << 20
	// itemOverhead is what memcached adds to an item's key and value, 59 bytes in 1.6,
	// rounded up.
	itemOverhead = 64
)

// Store keeps sessions in memcached. Load, Save and Delete are those of [kvstore.Store];
// besides it is a [store.Pinger]. memcached cannot list what it holds, so a Store is no
// lister of any kind, and removes what has expired by itself. It is safe for concurrent use.
type Store struct {
	*kvstore.Store
	kv *kv
}

var (
	_ store.Store  = (*Store)(nil)
	_ store.Pinger = (*Store)(nil)
)

// New returns a Store over client, which stays the caller's: to configure before, and to
// close when the last call of the Store has returned. options may be nil. New does not touch
// the server.
//
// It is an error when client is nil, and when an option is not as described there.
func New(client *memcache.Client, options *Options) (*Store, error) {
	s := &kv{client: client, prefix: defaultPrefix, maxItem: defaultMaxItem}
	if options != nil && options.Prefix != "" {
		s.prefix = options.Prefix
	}
	if options != nil && options.MaxItemSize != 0 {
		s.maxItem = options.MaxItemSize
	}
	switch {
	case client == nil:
		return nil, errors.New("memcachestore: client is nil: make one with memcache.New")
	case len(s.prefix) > maxPrefix:
		return nil, fmt.Errorf("memcachestore: Options.Prefix has %d bytes: use at most %d, so that a key fits behind it", len(s.prefix), maxPrefix)
	case !plain(s.prefix):
		return nil, fmt.Errorf("memcachestore: Options.Prefix is %q: use visible ASCII without blanks", s.prefix)
	case s.maxItem < 0:
		return nil, fmt.Errorf("memcachestore: Options.MaxItemSize is %d: use the bytes that memcached's option -I says", s.maxItem)
	}
	return &Store{kvstore.New(s), s}, nil
}

// Ping asks every server for its version: it returns nil when all of them would answer a
// Load now, else the outage.
func (s *Store) Ping(ctx context.Context) error {
	_, err := call(ctx, func() (struct{}, error) {
		return struct{}{}, s.kv.again(s.kv.client.Ping)
	})
	if err != nil {
		return fmt.Errorf("memcachestore: ping: %w", err)
	}
	return nil
}
