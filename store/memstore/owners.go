package memstore

import (
	"hash/maphash"
	"strings"
	"sync"
)

// owners finds the records of an owner. It is a second index with locks of its own: one
// of them is taken while a shard's lock is held, never the other way round.
type owners struct {
	seed   maphash.Seed
	shards [64]ownerShard
}

type ownerShard struct {
	mu     sync.Mutex
	byName map[string]*owner
	nodes  slab[node]
	_      [64]byte // keeps the next lock off this one's cache line
}

// An owner is somebody who has records. The name is the one copy of it that they share.
type owner struct {
	name  string
	first uint32 // node of its list
}

// A node is one record in the list of its owner.
type node struct {
	place
	prev, next uint32
}

// A place tells one record from any other, also from a later one in the same slot.
type place struct {
	born        uint64
	shard, slot uint32
}

func newOwners() *owners { return &owners{seed: maphash.MakeSeed()} }

func (o *owners) shardOf(name string) *ownerShard {
	return &o.shards[maphash.String(o.seed, name)%uint64(len(o.shards))]
}

// move takes the record in sl, which is at at, from its owner, if it has one, and gives
// it to the one named, if that is anybody. The lock of sl's shard is held.
func (o *owners) move(sl *slot, name string, at place) {
	if sl.owner != nil {
		o.shardOf(sl.owner.name).leave(sl)
	}
	if name != "" {
		o.shardOf(name).join(sl, name, at)
	}
}

func (os *ownerShard) join(sl *slot, name string, at place) {
	os.mu.Lock()
	defer os.mu.Unlock()
	own := os.byName[name]
	if own == nil {
		// The caller's name may be a piece of something larger and secret, such as the
		// body of a login form.
		own = &owner{name: strings.Clone(name)}
		if os.byName == nil {
			os.byName = make(map[string]*owner)
		}
		os.byName[own.name] = own
	}
	n := os.nodes.take()
	*os.nodes.at(n) = node{place: at, next: own.first}
	if own.first != 0 {
		os.nodes.at(own.first).prev = n
	}
	own.first = n
	sl.owner, sl.node = own, n
}

func (os *ownerShard) leave(sl *slot) {
	os.mu.Lock()
	defer os.mu.Unlock()
	nd := os.nodes.at(sl.node)
	if nd.next != 0 {
		os.nodes.at(nd.next).prev = nd.prev
	}
	if nd.prev != 0 {
		os.nodes.at(nd.prev).next = nd.next
	} else if sl.owner.first = nd.next; nd.next == 0 {
		delete(os.byName, sl.owner.name)
	}
	os.nodes.give(sl.node)
	sl.owner, sl.node = nil, 0
}

// places returns where the records of an owner are.
func (o *owners) places(name string) []place {
	os := o.shardOf(name)
	os.mu.Lock()
	defer os.mu.Unlock()
	own := os.byName[name]
	if own == nil {
		return nil
	}
	var at []place
	for n := own.first; n != 0; {
		nd := os.nodes.at(n)
		at = append(at, nd.place)
		n = nd.next
	}
	return at
}
