package memstore

import (
	"hash/maphash"
	"math/bits"
)

// An index finds slots by the hash of their key. It is a table of chains that grows by
// one bucket at a time (linear hashing: W. Litwin, 1980), so no Save ever pays for
// moving a whole table, and a record costs it four bytes and no pointer. Different keys
// with one hash meet in one chain, where the keys themselves are compared.
type index struct {
	heads []uint32 // the first slot of each bucket, or 0
}

func (x *index) bucket(hash uint64) *uint32 {
	n := uint64(len(x.heads))
	round := uint64(1) << bits.Len64(n-1) // the next power of two
	b := hash & (round - 1)
	if b >= n { // not there yet: still part of the bucket it will be split from
		b -= round / 2
	}
	return &x.heads[b]
}

// find returns the slot that holds key, expired or not, or 0.
func (sh *shard) find(hash uint64, key string) (uint32, *slot) {
	if len(sh.index.heads) == 0 {
		return 0, nil
	}
	for n := *sh.index.bucket(hash); n != 0; {
		sl := sh.slots.at(n)
		if sh.hasKey(n, sl, key) {
			return n, sl
		}
		n = sl.next
	}
	return 0, nil
}

// link makes slot n known. There are as many buckets as there were records at most.
func (sh *shard) link(n uint32, hash uint64) {
	if sh.count >= len(sh.index.heads) {
		sh.split()
	}
	head := sh.index.bucket(hash)
	sh.slots.at(n).next = *head
	*head = n
}

func (sh *shard) unlink(n uint32, sl *slot) {
	at := sh.index.bucket(sh.hashOf(n, sl))
	for *at != n {
		at = &sh.slots.at(*at).next
	}
	*at = sl.next
}

// split adds a bucket and moves there what belongs to it, out of the one bucket where
// that was until now.
func (sh *shard) split() {
	heads := append(sh.index.heads, 0)
	sh.index.heads = heads
	added := len(heads) - 1
	if added == 0 {
		return
	}
	from := &heads[added-1<<(bits.Len(uint(added))-1)]
	to := &heads[added]
	for n := *from; n != 0; {
		sl := sh.slots.at(n)
		next := sl.next
		if sh.index.bucket(sh.hashOf(n, sl)) == to {
			*from, sl.next, *to = next, *to, n
		} else {
			from = &sl.next
		}
		n = next
	}
}

func (sh *shard) hashOf(n uint32, sl *slot) uint64 {
	if sl.keyLen == longKey {
		return sh.store.hash(sh.longKeys[n])
	}
	return maphash.Bytes(sh.store.seed, sl.key[:sl.keyLen]) & sh.store.hashMask
}
