package boltstore

import (
	"bytes"
	"errors"
	"fmt"

	"go.etcd.io/bbolt"

	"github.com/cloakroom-go/cloakroom/store"
)

// What is in the bucket of a Store.
var (
	formatKey   = []byte("format")
	formatValue = []byte("1")
	entriesName = []byte("sessions") // key -> entry
	endsName    = []byte("expires")  // endKey -> nothing, for entries that end
	ownersName  = []byte("owners")   // ownerKey -> nothing, for entries that have an owner
)

// buckets are those of one Store within one transaction.
type buckets struct {
	entries, ends, owners *bbolt.Bucket
}

var errGone = errors.New("the bucket of the store is gone: it must stay while the store is used")

func openBuckets(tx *bbolt.Tx, name []byte) (b buckets, err error) {
	top := tx.Bucket(name)
	if top == nil {
		return b, errGone
	}
	b = buckets{top.Bucket(entriesName), top.Bucket(endsName), top.Bucket(ownersName)}
	if b.entries == nil || b.ends == nil || b.owners == nil {
		return b, errGone
	}
	return b, nil
}

// checkBucket reports whether the bucket is there in the form of this package. Something
// else in its place is an error.
func checkBucket(tx *bbolt.Tx, name []byte) (there bool, err error) {
	top := tx.Bucket(name)
	if top == nil {
		if tx.Cursor().Bucket().Get(name) != nil {
			return false, fmt.Errorf("%q is not a bucket", name)
		}
		return false, nil
	}
	first, _ := top.Cursor().First()
	format := top.Get(formatKey)
	switch {
	case first == nil: // somebody made it ready
		return false, nil
	case format == nil:
		return false, fmt.Errorf("the bucket %q holds something else, first the key %.40q: give the store a bucket of its own by Options.Bucket", name, first)
	case !bytes.Equal(format, formatValue):
		return false, fmt.Errorf("the bucket %q has the format %.40q, and this release knows the format %q: use the release that made it, or another bucket", name, format, formatValue)
	}
	if _, err := openBuckets(tx, name); err != nil {
		return false, fmt.Errorf("the bucket %q lacks one of %q, %q and %q: restore the file, or give the store another bucket by Options.Bucket", name, entriesName, endsName, ownersName)
	}
	return true, nil
}

func createBucket(tx *bbolt.Tx, name []byte) error {
	top, err := tx.CreateBucketIfNotExists(name)
	if err != nil {
		return err
	}
	for _, inner := range [][]byte{entriesName, endsName, ownersName} {
		if _, err := top.CreateBucket(inner); err != nil {
			return err
		}
	}
	return top.Put(formatKey, formatValue)
}

// get returns the entry at key, live or not.
func (b buckets) get(key []byte) (e entry, found bool, err error) {
	k, v := b.entries.Cursor().Seek(key)
	switch {
	case !bytes.Equal(k, key):
		return e, false, nil
	case v == nil:
		err = fmt.Errorf("a bucket: %w", store.ErrMalformed)
	default:
		e, err = decode(v)
	}
	if err != nil {
		return e, true, fmt.Errorf("at the key %q: %w", key, err)
	}
	return e, true, nil
}

// put writes next at key, where old was if found.
func (b buckets) put(key []byte, old entry, found bool, next entry) error {
	if found && (old.expires != next.expires || old.owner != next.owner) {
		if err := b.removeFromIndexes(key, old); err != nil {
			return err
		}
	}
	if err := b.entries.Put(key, next.encode()); err != nil {
		return err
	}
	if found && old.expires == next.expires && old.owner == next.owner {
		return nil
	}
	if next.expires != never {
		if err := b.ends.Put(endKey(next.expires, key), nil); err != nil {
			return err
		}
	}
	if next.owner != "" {
		return b.owners.Put(ownerKey(next.owner, key), nil)
	}
	return nil
}

func (b buckets) removeFromIndexes(key []byte, old entry) error {
	if old.expires != never {
		if err := b.ends.Delete(endKey(old.expires, key)); err != nil {
			return err
		}
	}
	if old.owner != "" {
		return b.owners.Delete(ownerKey(old.owner, key))
	}
	return nil
}

// remove removes whatever is at key and reports whether anything was. What the indexes
// say of something malformed stays until it is found there.
func (b buckets) remove(key []byte) (removed bool, err error) {
	old, found, err := b.get(key)
	switch {
	case !found:
		return false, nil
	case err == nil:
		if err := b.removeFromIndexes(key, old); err != nil {
			return false, err
		}
	case b.entries.Bucket(key) != nil:
		return true, b.entries.DeleteBucket(key)
	}
	return true, b.entries.Delete(key)
}
