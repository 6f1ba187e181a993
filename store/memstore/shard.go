package memstore

import (
	"sync"

	"github.com/cloakroom-go/cloakroom/store"
)

// A shard holds the records of a part of all hashes, under a lock of its own. Its
// methods that are not named after one of the store's want that lock held.
type shard struct {
	mu       sync.RWMutex
	store    *Store
	number   uint32
	slots    slab[slot]
	index    index
	due      dueHeap
	longKeys map[uint32]string // by slot, those that do not fit into it
	count    int
	born     uint64 // how many records were ever created
	highest  uint64 // version of a record that is gone
	bound    bound

	_ [64]byte // keeps the next shard's lock off this one's cache line
}

func (sh *shard) now() int64 { return sh.store.now().UnixMilli() }

func (sh *shard) load(hash uint64, key string) (store.Record, bool) {
	now := sh.now()
	if sh.store.bounded {
		sh.mu.Lock()
		defer sh.mu.Unlock()
	} else {
		sh.mu.RLock()
		defer sh.mu.RUnlock()
	}
	n, sl := sh.find(hash, key)
	if n == 0 || now >= sl.expires {
		return store.Record{}, false
	}
	sh.use(n, sl)
	return sl.record(), true
}

// dropPerSave is how many records that come due each Save looks at. One would be
// enough to keep up, since a Save makes one record due at most; two catch up.
const dropPerSave = 2

func (sh *shard) save(hash uint64, key string, change store.Change) (version uint64, evicted []string, err error) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	// The clock is read with the lock held: read before, a Save that had to wait could
	// revive a record that others have already found expired.
	now := sh.now()
	n, sl := sh.find(hash, key)
	if n != 0 && now >= sl.expires {
		sh.remove(n)
		n = 0
	}
	// Versions run on from those of records that are gone. The clock alone, from which
	// Apply starts them, is slower than a Save.
	old := store.Record{Version: sh.highest}
	if n != 0 {
		old = sl.record()
	}
	rec, err := store.Apply(old, n != 0, change)
	if err != nil {
		return 0, nil, err
	}
	if err := sh.fits(n, key, rec); err != nil {
		return 0, nil, err
	}
	if n == 0 {
		n = sh.insert(hash, key)
	}
	sh.put(n, rec)
	sh.expire(now, dropPerSave, dropPerSave)
	return rec.Version, sh.evict(now), nil
}

func (sh *shard) delete(hash uint64, key string) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if n, _ := sh.find(hash, key); n != 0 {
		sh.remove(n)
	}
}

// insert makes an empty record.
func (sh *shard) insert(hash uint64, key string) uint32 {
	n := sh.slots.take()
	sl := sh.slots.at(n)
	sh.setKey(n, sl, key)
	sh.link(n, hash)
	sh.born++
	sl.born = sh.born
	sh.count++
	sh.addDue(n, sl)
	sh.admit(n, sl)
	return n
}

// put writes rec into slot n.
func (sh *shard) put(n uint32, rec store.Record) {
	sl := sh.slots.at(n)
	sh.weigh(n, sl, -1)
	if sl.ownerName() != rec.Owner {
		sh.store.owners.move(sl, rec.Owner, place{born: sl.born, shard: sh.number, slot: n})
	}
	sl.fields = rec.Fields
	sl.version = rec.Version
	sl.expires = millis(rec.ExpiresAt)
	sh.weigh(n, sl, +1)
	sh.moveDue(sl)
	sh.use(n, sl)
}

// remove frees slot n and everything that knows of it.
func (sh *shard) remove(n uint32) {
	sl := sh.slots.at(n)
	sh.highest = max(sh.highest, sl.version)
	sh.dismiss(n, sl)
	sh.removeDue(sl)
	sh.unlink(n, sl)
	if sl.owner != nil {
		sh.store.owners.move(sl, "", place{})
	}
	if sl.keyLen == longKey {
		delete(sh.longKeys, n)
	}
	sh.count--
	sh.slots.give(n)
}
