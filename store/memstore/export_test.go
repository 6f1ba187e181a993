package memstore

import (
	"fmt"

	"github.com/cloakroom-go/cloakroom/store"
)

// Overhead is what MaxBytes counts for a record beside its own bytes.
const Overhead = overhead

// InlineKey is the length of the longest key that lies in its slot.
const InlineKey = inlineKey

// Collide leaves only so many bits of each hash as mask has. Call it before use.
func (s *Store) Collide(mask uint64) { s.hashMask = mask }

// Parts returns the number of shards.
func (s *Store) Parts() int { return len(s.shards) }

// Held returns the very strings that the store keeps for the record at key: nothing in
// place of a key that lies in its slot.
func (s *Store) Held(key string) (longKey, owner string) {
	hash := s.hash(key)
	sh := s.shardOf(hash)
	n, sl := sh.find(hash, key)
	return sh.longKeys[n], sl.ownerName()
}

// Owners returns how many owners are known.
func (s *Store) Owners() (n int) {
	for i := range s.owners.shards {
		n += len(s.owners.shards[i].byName)
	}
	return n
}

// Check returns an error when any two of the store's structures disagree.
func (s *Store) Check() error {
	owned := 0
	for i := range s.shards {
		n, err := s.shards[i].check()
		if err != nil {
			return fmt.Errorf("shard %d: %w", i, err)
		}
		owned += n
	}
	return s.owners.check(owned)
}

func (sh *shard) check() (owned int, err error) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	var count, linked, reserved, long int
	var size int64
	for n := uint32(0); n < sh.slots.used; n++ {
		sl := sh.slots.at(n)
		if sl.born == 0 {
			if sl.fields != (store.Fields{}) || sl.owner != nil || sl.keyLen != 0 {
				return 0, fmt.Errorf("slot %d is free and holds %+v", n, sl)
			}
			continue
		}
		count++
		key := sh.keyOf(n, sl)
		if got, _ := sh.find(sh.store.hash(key), key); got != n {
			return 0, fmt.Errorf("slot %d holds %q, which is found in %d", n, key, got)
		}
		if entry := sh.due[sl.due]; entry.slot != n || entry.ms() > sl.expires {
			return 0, fmt.Errorf("slot %d expires at %d and is due as %+v, at %d", n, sl.expires, entry, entry.ms())
		}
		if sl.owner != nil {
			owned++
			at := sh.store.owners.shardOf(sl.owner.name).nodes.at(sl.node).place
			if want := (place{born: sl.born, shard: sh.number, slot: n}); at != want {
				return 0, fmt.Errorf("slot %d: its owner has it at %+v, not %+v", n, at, want)
			}
		}
		size += sh.sizeOf(n, sl)
		if sl.reserved() {
			reserved++
		}
		if len(key) > inlineKey {
			long++
		}
	}
	if count != sh.count || count != len(sh.due) || len(sh.slots.free) != max(int(sh.slots.used), 1)-1-count {
		return 0, fmt.Errorf("%d records, %d counted, %d in the heap, %d slots of %d free", count, sh.count, len(sh.due), len(sh.slots.free), sh.slots.used)
	}
	if long != len(sh.longKeys) {
		return 0, fmt.Errorf("%d long keys in use, %d held", long, len(sh.longKeys))
	}
	for i := range sh.due {
		if sh.due[i].ms() < sh.due[max(i-1, 0)/2].ms() {
			return 0, fmt.Errorf("heap entry %d comes before its parent", i)
		}
	}
	for _, n := range sh.index.heads {
		for ; n != 0; n = sh.slots.at(n).next {
			linked++
		}
	}
	if linked != count {
		return 0, fmt.Errorf("%d records, %d in the index", count, linked)
	}
	return owned, sh.checkBound(count, reserved, size)
}

func (sh *shard) checkBound(count, reserved int, size int64) error {
	if !sh.store.bounded || sh.slots.used == 0 {
		return nil
	}
	b := sh.bound
	if b.reserved != reserved || b.maxBytes > 0 && b.bytes != size || sh.overBound() {
		return fmt.Errorf("%d records, %d reserved, %d bytes, counted as %+v", count, reserved, size, b)
	}
	ring := 0
	for n := sh.slots.at(0).older; n != 0; n = sh.slots.at(n).older {
		if sh.slots.at(sh.slots.at(n).newer).older != n {
			return fmt.Errorf("slot %d is in the ring in one direction only", n)
		}
		ring++
	}
	if ring != count-reserved {
		return fmt.Errorf("%d records, %d of them reserved, %d in the ring", count, reserved, ring)
	}
	return nil
}

func (o *owners) check(owned int) error {
	listed := 0
	for i := range o.shards {
		os := &o.shards[i]
		inShard := 0
		for name, own := range os.byName {
			if own.name != name || own.first == 0 {
				return fmt.Errorf("owner %q is known as %+v", name, own)
			}
			for n := own.first; n != 0; n = os.nodes.at(n).next {
				inShard++
			}
		}
		if free := len(os.nodes.free); free != max(int(os.nodes.used), 1)-1-inShard {
			return fmt.Errorf("owner shard %d: %d nodes of %d in lists, %d free", i, inShard, os.nodes.used, free)
		}
		listed += inShard
	}
	if listed != owned {
		return fmt.Errorf("%d records have an owner, %d are listed", owned, listed)
	}
	return nil
}

// Places returns how many records and entries of owners there is memory for.
func (s *Store) Places() (n int) {
	for i := range s.shards {
		n += len(s.shards[i].slots.chunks) * chunkLen
	}
	for i := range s.owners.shards {
		n += len(s.owners.shards[i].nodes.chunks) * chunkLen
	}
	return n
}
