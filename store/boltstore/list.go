package boltstore

import (
	"bytes"
	"context"
	"fmt"
	"iter"
	"time"

	"go.etcd.io/bbolt"
)

// page is how many keys List and ListOwner look at in one transaction.
const page = 256

// List yields the keys of all live records in order, except those that begin with "$". No
// transaction is open while the caller's code runs. Every error is an outage.
func (s *Store) List(ctx context.Context) iter.Seq2[string, error] {
	return s.walk(ctx, scan{
		bucket: func(b buckets) *bbolt.Bucket { return b.entries },
		yields: func(_ buckets, _, value []byte, now int64) bool {
			e, err := decode(value)
			return err == nil && e.live(now)
		},
	})
}

// ListOwner yields the keys of the live records that belong to owner in order, except those
// that begin with "$". The owner "" has none. No transaction is open while the caller's code
// runs. Every error is an outage.
func (s *Store) ListOwner(ctx context.Context, owner string) iter.Seq2[string, error] {
	return s.walk(ctx, scan{
		bucket: func(b buckets) *bbolt.Bucket { return b.owners },
		prefix: ownerKey(owner, nil),
		yields: func(b buckets, key, _ []byte, now int64) bool {
			e, found, err := b.get(key)
			return found && err == nil && e.owner == owner && e.live(now)
		},
	})
}

// A scan says which keys of a bucket a walk is over: what follows the prefix in its keys.
type scan struct {
	bucket func(buckets) *bbolt.Bucket
	prefix []byte
	yields func(b buckets, key, value []byte, now int64) bool
}

func (s *Store) walk(ctx context.Context, over scan) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for at := (position{}); !at.end; {
			next, err := view(ctx, s.kv, func(b buckets) (position, error) { return over.page(b, at), nil })
			if err != nil {
				yield("", fmt.Errorf("boltstore: list: %w", err))
				return
			}
			for _, key := range next.keys {
				if !yield(key, nil) {
					return
				}
			}
			at = next
		}
	}
}

// A position is where a walk has come.
type position struct {
	keys []string // of the last page
	last []byte   // the last key that was looked at
	end  bool     // there is none after it
}

func (o scan) page(b buckets, from position) (to position) {
	c, now := o.bucket(b).Cursor(), time.Now().UnixMilli()
	k, v := c.Seek(o.prefix)
	if from.last != nil {
		if k, v = c.Seek(from.last); bytes.Equal(k, from.last) {
			k, v = c.Next()
		}
	}
	for looked := 0; bytes.HasPrefix(k, o.prefix) && k != nil; looked++ {
		key := k[len(o.prefix):]
		if bytes.HasPrefix(key, []byte("$")) {
			k, v = c.Seek(append(bytes.Clone(o.prefix), '$'+1)) // the manager's own stand together
			continue
		}
		if looked >= page {
			return to
		}
		if o.yields(b, key, v, now) {
			to.keys = append(to.keys, string(key))
		}
		to.last = bytes.Clone(k)
		k, v = c.Next()
	}
	to.end = true
	return to
}
