package memstore

import "time"

// Options adjusts a [Store]. The zero value of each field is its default. Options are
// copied by [New], so later changes to them have no effect.
type Options struct {
	// Now is the clock by which records live and end. It is called with a lock held and
	// must not call the store. Tests hand in their own; the manager has another one,
	// Config.Now, that should tell the same time. Defaults to time.Now.
	Now func() time.Time

	// MaxRecords bounds how many records are held. Beyond it, records that have expired
	// go first, then those that were least recently loaded or saved. Values below 1 mean
	// no bound. Defaults to no bound.
	//
	// Records are spread over up to 256 parts, each with an equal share of the bound, its
	// own lock and its own order of use. There is one part per 4096 records of MaxRecords
	// and per 16 MiB of MaxBytes, rounded down to a power of two: a bound below 8192
	// records or 32 MiB is kept by one part, and its order of use is exact. With more
	// parts the first eviction comes a little before the total reaches the bound.
	//
	// Records whose key begins with "$" count but are never evicted: they are the
	// manager's own, and losing one could undo a revocation. A Save for which evicting
	// all others would not make room is an error and changes nothing.
	MaxRecords int

	// MaxBytes bounds what the records take: of each, its key, its owner, the names and
	// values of its fields, and 144 bytes for the store's own account of it. What goes
	// when there is more, and how the bound is shared out, is as for MaxRecords. A record
	// must fit into one part. Values below 1 mean no bound. Defaults to no bound.
	MaxBytes int64

	// OnEvict is told the key of each live record that a bound drove out, after the Save
	// that did so has taken effect and before it returns. No lock is held, so it may
	// call the store; it may be called from several goroutines at once. Records that
	// expire are not reported. Defaults to telling nobody.
	OnEvict func(key string)
}

const (
	maxShards = 256
	// A part is kept large enough that its share differs little from the luck of the
	// hash, and that a large record fits.
	minShardRecords = 4096
	minShardBytes   = 16 << 20
)

// shards is the number of parts: a power of two.
func (o *Options) shards() int {
	n := maxShards
	for n > 1 && (o.MaxRecords > 0 && o.MaxRecords/n < minShardRecords || o.MaxBytes > 0 && o.MaxBytes/int64(n) < minShardBytes) {
		n /= 2
	}
	return n
}

func (o *Options) bounded() bool { return o.MaxRecords > 0 || o.MaxBytes > 0 }
