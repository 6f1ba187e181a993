package memcachestore

import (
	"crypto/sha256"
	"encoding/base64"
)

const (
	// maxKey is how long a key of memcached may be, in bytes.
	maxKey = 250
	// hashMark stands before the hash of a key that memcached would not take as it is. A key
	// that begins with it is hashed as well, so that no key looks like the hash of another.
	hashMark  = '#'
	maxPrefix = maxKey - 1 - 43 // the mark, and a SHA-256 in base64
)

// itemKey returns the key of memcached for a key: both are different for different keys.
func itemKey(prefix, key string) string {
	if len(prefix)+len(key) <= maxKey && key != "" && key[0] != hashMark && plain(key) {
		return prefix + key
	}
	sum := sha256.Sum256([]byte(key))
	return prefix + string(hashMark) + base64.RawURLEncoding.EncodeToString(sum[:])
}

// plain reports whether text is visible ASCII. memcached takes more than that, but what
// stands between it and its clients may not.
func plain(text string) bool {
	for i := range len(text) {
		if text[i] <= ' ' || text[i] >= 0x7f {
			return false
		}
	}
	return true
}
