// Package memstore keeps sessions in the memory of the process: the store for tests,
// for programs on one machine, and for those that can start with everybody signed out.
// What it holds ends with the process.
//
// It is built to hold many records without being felt. A record is one piece of memory
// to the garbage collector. Loading one allocates nothing. Records that have expired
// are dropped without looking at the others and with locks held for microseconds: a
// few by every Save, so that the store stays bounded by itself, and all by Sweep, which
// the manager's Run calls. Memory once used for a record's place is used again for
// others, not given back.
//
// [Options] can bound the number of records and of bytes.
package memstore

import (
	"context"
	"fmt"
	"hash/maphash"
	"math/bits"
	"sync/atomic"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
)

// A Store is a [store.Store] in memory. It implements [store.FieldLoader],
// [store.Lister], [store.OwnerLister], [store.Sweeper] and [store.Pinger] as well.
// Create one with [New]. It is safe for concurrent use.
type Store struct {
	now      func() time.Time
	onEvict  func(key string)
	bounded  bool
	seed     maphash.Seed
	hashMask uint64 // all ones, but for tests that want equal hashes
	shift    int    // of a hash, so that its top bits name the shard
	shards   []shard
	owners   *owners
	evicted  atomic.Uint64
	swept    atomic.Uint32 // the shard with which the next Sweep begins
}

var _ interface {
	store.Store
	store.FieldLoader
	store.Lister
	store.OwnerLister
	store.Sweeper
	store.Pinger
} = (*Store)(nil)

// New returns an empty store. A nil opts means the defaults: the real clock and no
// bounds.
func New(opts *Options) *Store {
	var o Options
	if opts != nil {
		o = *opts
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	n := o.shards()
	s := &Store{
		now:      o.Now,
		onEvict:  o.OnEvict,
		bounded:  o.bounded(),
		seed:     maphash.MakeSeed(),
		hashMask: ^uint64(0),
		shift:    64 - bits.TrailingZeros(uint(n)),
		shards:   make([]shard, n),
		owners:   newOwners(),
	}
	for i := range s.shards {
		sh := &s.shards[i]
		sh.store = s
		sh.number = uint32(i)
		sh.bound.maxRecords = max(o.MaxRecords, 0) / n
		sh.bound.maxBytes = max(o.MaxBytes, 0) / int64(n)
	}
	return s
}

// errNoRecord is made once, so that a Load of a key that nobody has costs no memory.
var errNoRecord = fmt.Errorf("memstore: load: %w", store.ErrNotFound)

// Load returns the live record at key, without allocating. Its errors are
// [store.ErrNotFound] and, when ctx has ended, one that wraps ctx.Err().
func (s *Store) Load(ctx context.Context, key string) (store.Record, error) {
	if err := ctx.Err(); err != nil {
		return store.Record{}, fmt.Errorf("memstore: load: %w", err)
	}
	hash := s.hash(key)
	rec, ok := s.shardOf(hash).load(hash, key)
	if !ok {
		return store.Record{}, errNoRecord
	}
	return rec, nil
}

// LoadFields is [Store.Load] with only the named fields in the record.
func (s *Store) LoadFields(ctx context.Context, key string, names ...string) (store.Record, error) {
	rec, err := s.Load(ctx, key)
	if err != nil {
		return store.Record{}, err
	}
	rec.Fields = rec.Fields.Pick(names...)
	return rec, nil
}

// Save applies change to the record at key, as [store.Apply] defines it, and returns
// the new version. It also drops a few records that have expired. Its errors are those
// of Apply; one that wraps ctx.Err() when ctx has ended before the call; and, with
// bounds set, one that gives both sizes when no eviction can make room for the record.
// After an error nothing is changed.
func (s *Store) Save(ctx context.Context, key string, change store.Change) (uint64, error) {
	if err := ctx.Err(); err != nil {
		return 0, fmt.Errorf("memstore: save: %w", err)
	}
	hash := s.hash(key)
	version, evicted, err := s.shardOf(hash).save(hash, key, change)
	if err != nil {
		return 0, fmt.Errorf("memstore: save: %w", err)
	}
	for _, key := range evicted {
		s.onEvict(key)
	}
	return version, nil
}

// Delete removes the record at key, if there is one. Its only error wraps ctx.Err(),
// when ctx has ended before the call.
func (s *Store) Delete(ctx context.Context, key string) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("memstore: delete: %w", err)
	}
	hash := s.hash(key)
	s.shardOf(hash).delete(hash, key)
	return nil
}

// Ping returns nil, or when ctx has ended, an error that wraps ctx.Err().
func (s *Store) Ping(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("memstore: ping: %w", err)
	}
	return nil
}

// Len returns the number of records held: also the manager's own, and those that have
// expired but were not removed yet. Records that come or go meanwhile may be counted or
// not.
func (s *Store) Len() int {
	n := 0
	for i := range s.shards {
		sh := &s.shards[i]
		sh.mu.RLock()
		n += sh.count
		sh.mu.RUnlock()
	}
	return n
}

// Evicted returns how many live records were driven out by a bound since [New].
func (s *Store) Evicted() uint64 { return s.evicted.Load() }

func (s *Store) hash(key string) uint64 { return maphash.String(s.seed, key) & s.hashMask }

func (s *Store) shardOf(hash uint64) *shard { return &s.shards[hash>>s.shift] }
