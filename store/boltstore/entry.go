package boltstore

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strconv"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/kvstore"
)

// An entry is what is kept of a kvstore.Entry: "EXPIRES OWNERLENGTH OWNER ", then the
// value. The head is there so that the indexes can be kept by somebody who knows
// nothing of the value, and it is text so that the bbolt command shows it.
type entry struct {
	expires int64 // Unix time in milliseconds, or never
	owner   string
	value   string
}

const never = 0

// maxNumbers bounds the two numbers of the head and the blank behind each.
const maxNumbers = 32

func entryOf(e kvstore.Entry) entry {
	expires := int64(never)
	if !e.ExpiresAt.IsZero() {
		expires = max(e.ExpiresAt.UnixMilli(), never+1) // what ended before 1970 has ended
	}
	return entry{expires, e.Owner, e.Value}
}

func (e entry) live(now int64) bool { return e.expires == never || now < e.expires }

func (e entry) end() time.Time {
	if e.expires == never {
		return time.Time{}
	}
	return time.UnixMilli(e.expires)
}

// size bounds what encode returns.
func (e entry) size() int { return maxNumbers + len(e.owner) + 1 + len(e.value) }

func (e entry) encode() []byte {
	b := make([]byte, 0, e.size())
	b = append(strconv.AppendInt(b, e.expires, 10), ' ')
	b = append(strconv.AppendInt(b, int64(len(e.owner)), 10), ' ')
	b = append(append(b, e.owner...), ' ')
	return append(b, e.value...)
}

// decode returns nothing that is part of data, which is gone when its transaction ends.
func decode(data []byte) (entry, error) {
	expires, rest, ok := number(data)
	length, rest, ok2 := number(rest)
	if !ok || !ok2 || length >= int64(len(rest)) || rest[length] != ' ' {
		return entry{}, fmt.Errorf("%d bytes that do not begin with an expiry and an owner: %w", len(data), store.ErrMalformed)
	}
	text := string(rest)
	return entry{expires, text[:length], text[length+1:]}, nil
}

// number reads a number and the blank behind it.
func number(data []byte) (n int64, rest []byte, ok bool) {
	blank := bytes.IndexByte(data[:min(len(data), maxNumbers)], ' ')
	if blank < 0 {
		return 0, nil, false
	}
	n, err := strconv.ParseInt(string(data[:blank]), 10, 64)
	return n, data[blank+1:], err == nil && n >= 0
}

// endKey is a key of the index of ends: the end, in order as bytes, then the key.
func endKey(expires int64, key []byte) []byte {
	return append(binary.BigEndian.AppendUint64(nil, uint64(expires)), key...)
}

const endSize = 8

// splitEndKey takes an endKey apart. What is too short for one has ended at 0.
func splitEndKey(k []byte) (expires int64, key []byte) {
	if len(k) < endSize {
		return 0, nil
	}
	return int64(binary.BigEndian.Uint64(k)), k[endSize:]
}

// ownerKey is a key of the index of owners: the owner, a NUL, which no owner holds, and
// the key.
func ownerKey(owner string, key []byte) []byte {
	b := make([]byte, 0, len(owner)+1+len(key))
	b = append(append(b, owner...), 0)
	return append(b, key...)
}
