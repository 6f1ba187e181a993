package memstore

import (
	"time"

	"github.com/cloakroom-go/cloakroom/store"
)

// inlineKey is the length up to which a key lies in its slot. The manager's keys have
// 20 bytes.
const inlineKey = 27

// longKey as a key's length says that the slot has only its first bytes.
const longKey = 255

// A slot holds one record. It has 96 bytes, and at most two pointers for the collector
// to follow: an anonymous record costs it one. Everything else is a number, and what
// links slots are their numbers within the shard.
type slot struct {
	next   uint32 // slot of the same bucket
	keyLen uint8
	key    [inlineKey]byte

	fields  store.Fields
	owner   *owner // nil: nobody
	version uint64
	expires int64 // milliseconds since 1970

	born  uint64 // counts the records of the shard, from 1; 0: the slot is free
	due   uint32 // place in the shard's heap
	node  uint32 // in the owner's list
	newer uint32 // slots used just after and just before, when the store is bounded
	older uint32
}

func (sl *slot) record() store.Record {
	return store.Record{
		Version:   sl.version,
		Owner:     sl.ownerName(),
		ExpiresAt: time.UnixMilli(sl.expires).UTC(),
		Fields:    sl.fields,
	}
}

func (sl *slot) ownerName() string {
	if sl.owner == nil {
		return ""
	}
	return sl.owner.name
}

// reserved reports whether the record is one of the manager's own.
func (sl *slot) reserved() bool { return sl.keyLen > 0 && sl.key[0] == '$' }

// setKey copies key: the caller's is part of a token, and the rest of a token is
// secret, so not even a reference to it may be kept.
func (sh *shard) setKey(n uint32, sl *slot, key string) {
	copy(sl.key[:], key)
	if len(key) <= inlineKey {
		sl.keyLen = uint8(len(key))
		return
	}
	sl.keyLen = longKey
	if sh.longKeys == nil {
		sh.longKeys = make(map[uint32]string)
	}
	sh.longKeys[n] = string([]byte(key))
}

func (sh *shard) hasKey(n uint32, sl *slot, key string) bool {
	if sl.keyLen != longKey {
		return string(sl.key[:sl.keyLen]) == key
	}
	return len(key) > inlineKey && string(sl.key[:]) == key[:inlineKey] && sh.longKeys[n] == key
}

// keyOf returns a key that shares no memory with anything else.
func (sh *shard) keyOf(n uint32, sl *slot) string {
	if sl.keyLen == longKey {
		return sh.longKeys[n]
	}
	return string(sl.key[:sl.keyLen])
}

// millis rounds down, so that no record lives longer than asked for. Times that lie
// further away than milliseconds in an int64 reach are the furthest that do.
func millis(t time.Time) int64 {
	const furthest = 1<<63/1000 - 1 // seconds
	return time.Unix(min(max(t.Unix(), -furthest), furthest), int64(t.Nanosecond())).UnixMilli()
}
