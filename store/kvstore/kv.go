package kvstore

import (
	"context"
	"time"
)

// KV keeps values at keys. It knows nothing of sessions. Package kvtest checks every rule
// by its number.
//
//  1. A KV is safe for concurrent use.
//  2. An entry is live until its ExpiresAt, judged by the KV's own clock. What is not live
//     does not exist for Get and CompareAndSwap, removed or not.
//  3. A CompareAndSwap or Delete that has returned is seen by every Get that begins after
//     it.
//  4. When ctx ends, a call returns soon with an error that wraps ctx.Err(). With a ctx that
//     has ended before the call, nothing is changed.
//  5. An error that no rule here names is an outage. A KV never repeats a CompareAndSwap
//     that may have landed.
//  6. A key is what it is in package store: 1 to 256 bytes of valid UTF-8 without NUL, and
//     two keys that differ in any byte are two entries. A KV that takes fewer says so in its
//     comment, and refuses the others with an error before it does anything.
type KV interface {
	// Get returns the live entry at key.
	//
	//  1. No live entry: [store.ErrNotFound].
	//  2. Value is what was put there, to the byte.
	//  3. ExpiresAt is never later than asked for, and as exact as the server keeps it. It is
	//     zero when there is none, or when the server does not tell.
	Get(ctx context.Context, key string) (Entry, error)

	// CompareAndSwap puts next at key, in one atomic step, if what is there is old.
	//
	//  1. With old nil there must be no live entry at key, else [store.ErrConflict]. What an
	//     expired entry held is gone.
	//  2. With old given there must be a live entry with the bytes of old.Value, else
	//     ErrConflict. A KV that counts its changes may compare old.Revision instead, when
	//     that is not 0.
	//  3. When CompareAndSwap fails with ErrConflict, nothing was changed. After an outage it
	//     may have landed, wholly or not at all.
	//  4. A next whose ExpiresAt has come is an end: the answer is the same as for any other
	//     next, and when it is nil there is no live entry any more.
	CompareAndSwap(ctx context.Context, key string, old *Entry, next Entry) error

	// Delete removes the entry at key.
	//
	//  1. A missing entry is not an error.
	//  2. After Delete has returned, neither Get nor a CompareAndSwap with an old Entry finds
	//     one, also one that began earlier.
	Delete(ctx context.Context, key string) error
}

// Entry is what a KV keeps at a key.
type Entry struct {
	// Value is any bytes, kept as they are.
	Value string
	// ExpiresAt is when the entry ends, kept to the millisecond where the server can and
	// never later than asked for. Zero is never.
	ExpiresAt time.Time
	// Owner is the user whose entry this is, "" for nobody. It is for KVs that keep an index
	// of owners; others ignore it, and Get need not return it.
	Owner string
	// Revision is the server's own count of changes, which Get returns where there is one and
	// CompareAndSwap may look at in old. It is ignored in next.
	Revision uint64
}
