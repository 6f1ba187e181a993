package boltstore

import (
	"context"
	"errors"
	"fmt"

	"go.etcd.io/bbolt"

	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/kvstore"
)

// Options are the settings of a Store that have a default.
type Options struct {
	// Bucket is the name of the top-level bucket that the Store has for itself. The rest of
	// the file is the program's. Several Stores with different buckets can share a file.
	// Defaults to "cloakroom_sessions".
	Bucket string
}

const defaultBucket = "cloakroom_sessions"

// Store keeps sessions in one bucket of a bbolt file. Load, Save and Delete are those of
// [kvstore.Store]; besides it is a [store.Lister], [store.OwnerLister], [store.Sweeper] and
// [store.Pinger]. It is safe for concurrent use.
type Store struct {
	*kvstore.Store
	kv *kv
}

var (
	_ store.Store       = (*Store)(nil)
	_ store.Lister      = (*Store)(nil)
	_ store.OwnerLister = (*Store)(nil)
	_ store.Sweeper     = (*Store)(nil)
	_ store.Pinger      = (*Store)(nil)
)

// New returns a Store in db, which stays the caller's: to open, to use for other buckets
// and, when the last call of the Store has returned, to close. options may be nil. New makes
// the bucket when it is missing, in a transaction of its own, so the caller must not be
// within one.
//
// It is an error when db is nil, closed or opened with bbolt.Options.ReadOnly, when the
// bucket holds something else, and when the file cannot be written.
func New(db *bbolt.DB, options *Options) (*Store, error) {
	name := defaultBucket
	if options != nil && options.Bucket != "" {
		name = options.Bucket
	}
	switch {
	case db == nil:
		return nil, errors.New("boltstore: db is nil: open the file with bbolt.Open first")
	case db.IsReadOnly():
		return nil, fmt.Errorf("boltstore: %s was opened to be read only: open it without bbolt.Options.ReadOnly", db.Path())
	case len(name) > bbolt.MaxKeySize:
		return nil, fmt.Errorf("boltstore: Options.Bucket has %d bytes: bbolt takes at most %d", len(name), bbolt.MaxKeySize)
	}
	s := &kv{group: group{db: db, name: []byte(name)}, maxValue: bbolt.MaxValueSize}
	if err := guard(s.prepare); err != nil {
		return nil, fmt.Errorf("boltstore: %w", err)
	}
	return &Store{kvstore.New(s), s}, nil
}

// prepare makes the bucket, and writes nothing when it is there.
func (s *kv) prepare() error {
	there := false
	err := s.db.View(func(tx *bbolt.Tx) (err error) {
		there, err = checkBucket(tx, s.name)
		return err
	})
	if err != nil || there {
		return err
	}
	return s.db.Update(func(tx *bbolt.Tx) error {
		there, err := checkBucket(tx, s.name)
		if err != nil || there {
			return err
		}
		return createBucket(tx, s.name)
	})
}

// Ping reads nothing but the places of the buckets: it returns nil when the file would
// answer a Load now, else the outage.
func (s *Store) Ping(ctx context.Context) error {
	_, err := view(ctx, s.kv, func(buckets) (struct{}, error) { return struct{}{}, nil })
	if err != nil {
		return fmt.Errorf("boltstore: ping: %w", err)
	}
	return nil
}
