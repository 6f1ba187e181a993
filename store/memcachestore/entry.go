package memcachestore

import (
	"bytes"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/kvstore"
)

// An item holds "EXPIRES KEYLENGTH KEY ", then the value. memcached counts seconds, so the
// end is in there to the millisecond; and it knows the item by a hash at times, so the key is.

const never = 0

// maxNumbers bounds the two numbers and the blank behind each.
const maxNumbers = 32

func encode(key string, e kvstore.Entry) []byte {
	expires := int64(never)
	if !e.ExpiresAt.IsZero() {
		expires = max(e.ExpiresAt.UnixMilli(), never+1) // what ended before 1970 has ended
	}
	b := make([]byte, 0, maxNumbers+len(key)+1+len(e.Value))
	b = append(strconv.AppendInt(b, expires, 10), ' ')
	b = append(strconv.AppendInt(b, int64(len(key)), 10), ' ')
	b = append(append(b, key...), ' ')
	return append(b, e.Value...)
}

func decode(key string, data []byte) (e kvstore.Entry, err error) {
	expires, rest, ok := number(data)
	length, rest, ok2 := number(rest)
	if !ok || !ok2 || length >= int64(len(rest)) || rest[length] != ' ' {
		return e, fmt.Errorf("%d bytes that do not begin with an expiry and a key: %w", len(data), store.ErrMalformed)
	}
	if string(rest[:length]) != key {
		return e, fmt.Errorf("what belongs to another key, %.40q: %w", rest[:length], store.ErrMalformed)
	}
	if expires != never {
		e.ExpiresAt = time.UnixMilli(expires)
	}
	e.Value = string(rest[length+1:])
	return e, nil
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

func live(e kvstore.Entry, now time.Time) bool {
	return e.ExpiresAt.IsZero() || now.Before(e.ExpiresAt)
}

const (
	// month is up to where memcached takes seconds as counted from now; above, they are Unix
	// time.
	month = 30 * 24 * time.Hour
	// The room that memcached gives an item is its own affair: it may be free a while after
	// the end, never before. It counts in whole seconds, and rounds its clock down.
	slack = 2 * time.Second
)

// expiration returns what to tell memcached of an end: 0 for none, -1 for one that has come.
// Seconds from now are preferred, as they do not depend on the clock of the server.
func expiration(end, now time.Time) int32 {
	if end.IsZero() {
		return 0
	}
	left := end.Sub(now)
	switch {
	case left <= 0:
		return -1
	case left+slack <= month:
		return int32((left + slack) / time.Second)
	}
	// The client knows no number above that of January 2038. What lasts longer ends early.
	unix := min(end.Add(slack).Unix(), math.MaxInt32)
	if unix-now.Unix() <= int64(month/time.Second) {
		return int32(month / time.Second)
	}
	return int32(unix)
}
