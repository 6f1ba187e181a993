package memstore

import (
	"fmt"

	"github.com/cloakroom-go/cloakroom/store"
)

// A bound is a shard's share of the store's bounds, and what counts against it. Zero
// maxima are no bound, and then the rest is not kept.
type bound struct {
	maxRecords, reserved           int
	maxBytes, bytes, reservedBytes int64
}

// overhead is what a record takes beside its own bytes: slot, index, heap, and the
// allocator's rounding.
const overhead = 144

func recordSize(keyLen int, owner string, fields store.Fields) int64 {
	size := overhead + keyLen + len(owner)
	for name, value := range fields.All() {
		size += len(name) + len(value)
	}
	return int64(size)
}

// weigh adds (sign +1) or takes off (sign -1) the bytes of a record.
func (sh *shard) weigh(n uint32, sl *slot, sign int64) {
	if sh.bound.maxBytes == 0 {
		return
	}
	size := sign * sh.sizeOf(n, sl)
	sh.bound.bytes += size
	if sl.reserved() {
		sh.bound.reservedBytes += size
	}
}

func (sh *shard) sizeOf(n uint32, sl *slot) int64 {
	keyLen := int(sl.keyLen)
	if sl.keyLen == longKey {
		keyLen = len(sh.longKeys[n])
	}
	return recordSize(keyLen, sl.ownerName(), sl.fields)
}

// fits returns an error when rec at slot n, 0 for a new one, would break a bound even
// if all other records that may be evicted were.
func (sh *shard) fits(n uint32, key string, rec store.Record) error {
	b := &sh.bound
	if b.maxRecords > 0 && n == 0 && b.reserved >= b.maxRecords {
		return fmt.Errorf("the %d records that the store may hold here are all the manager's own, which are never evicted: raise Options.MaxRecords", b.maxRecords)
	}
	if b.maxBytes == 0 {
		return nil
	}
	room := b.maxBytes - b.reservedBytes
	if n != 0 {
		if sl := sh.slots.at(n); sl.reserved() {
			room += sh.sizeOf(n, sl)
		}
	}
	if size := recordSize(len(key), rec.Owner, rec.Fields); size > room {
		return fmt.Errorf("the record takes %d bytes, and there can be room for %d at most: keep less in the session, or raise Options.MaxBytes", size, room)
	}
	return nil
}

// dropPerEviction is how many records that come due are looked at before a live one has
// to go.
const dropPerEviction = 64

// evict removes records until the bounds hold, and returns the keys of those that were
// live, if anybody wants to know. The record just saved stays: it is the one used last,
// and fits has made sure that the bounds hold when all before it have gone.
func (sh *shard) evict(now int64) (keys []string) {
	if sh.overBound() {
		sh.expire(now, dropPerEviction, dropPerEviction)
	}
	for sh.overBound() {
		n := sh.slots.at(0).newer // the ring's end
		sl := sh.slots.at(n)
		if now < sl.expires {
			sh.store.evicted.Add(1)
			if sh.store.onEvict != nil {
				keys = append(keys, sh.keyOf(n, sl))
			}
		}
		sh.remove(n)
	}
	return keys
}

func (sh *shard) overBound() bool {
	b := &sh.bound
	return b.maxRecords > 0 && sh.count > b.maxRecords || b.maxBytes > 0 && b.bytes > b.maxBytes
}

// The order of use is a ring of slots through slot 0, which holds no record: from there
// older leads to the one used last, newer to the one not used for longest. The
// manager's own records are not in it, so that they cannot be evicted.

// admit enters a record that is new.
func (sh *shard) admit(n uint32, sl *slot) {
	if !sh.store.bounded {
		return
	}
	sh.weigh(n, sl, +1)
	if sl.reserved() {
		sh.bound.reserved++
		return
	}
	sh.joinRing(n, sl)
}

// use makes a record the one used last.
func (sh *shard) use(n uint32, sl *slot) {
	if !sh.store.bounded || sl.reserved() || sh.slots.at(0).older == n {
		return
	}
	sh.leaveRing(sl)
	sh.joinRing(n, sl)
}

// dismiss forgets a record that is about to be removed.
func (sh *shard) dismiss(n uint32, sl *slot) {
	if !sh.store.bounded {
		return
	}
	sh.weigh(n, sl, -1)
	if sl.reserved() {
		sh.bound.reserved--
		return
	}
	sh.leaveRing(sl)
}

func (sh *shard) joinRing(n uint32, sl *slot) {
	root := sh.slots.at(0)
	sl.newer, sl.older = 0, root.older
	sh.slots.at(root.older).newer = n
	root.older = n
}

func (sh *shard) leaveRing(sl *slot) {
	sh.slots.at(sl.newer).older = sl.older
	sh.slots.at(sl.older).newer = sl.newer
}
