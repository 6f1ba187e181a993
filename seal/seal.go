// Package seal encrypts and authenticates small values with keys that can be replaced
// while values sealed with older ones are still about. It knows bytes only.
//
// The cipher is AES-256-GCM (NIST SP 800-38D) with random nonces. A key is good for about
// four thousand million values (SP 800-38D, section 8.3); replace it before that.
package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"errors"
	"fmt"
)

// KeySize is the length of a key, in bytes.
const KeySize = 32

// Overhead is by how many bytes a sealed value is longer: a nonce and a tag.
const Overhead = 12 + 16

// ErrOpen means that a value was not sealed with a key of the ring, was sealed with other
// additional data, or was altered.
var ErrOpen = errors.New("seal: the value cannot be opened with these keys")

// A Ring holds keys. It is safe for concurrent use.
type Ring struct{ aeads []cipher.AEAD }

// NewRing returns a ring of the keys, of [KeySize] bytes each: the first one seals, and all
// open. To replace a key put the new one in front, and drop the old one when no value
// sealed with it is left. No key, or one of another length, is an error.
func NewRing(keys ...[]byte) (*Ring, error) {
	if len(keys) == 0 {
		return nil, errors.New("seal: a ring needs a key: give one of 32 random bytes")
	}
	r := new(Ring)
	for i, key := range keys {
		if len(key) != KeySize {
			return nil, fmt.Errorf("seal: key %d has %d bytes: give %d, from a random source", i, len(key), KeySize)
		}
		block, err := aes.NewCipher(key)
		if err != nil {
			return nil, fmt.Errorf("seal: key %d: %w", i, err)
		}
		aead, err := cipher.NewGCMWithRandomNonce(block)
		if err != nil {
			return nil, fmt.Errorf("seal: key %d: %w", i, err)
		}
		r.aeads = append(r.aeads, aead)
	}
	return r, nil
}

// Seal returns plaintext in a form that [Ring.Open] reads when it is given the same
// additional data, which is not part of the result.
func (r *Ring) Seal(plaintext, additional []byte) []byte {
	return r.aeads[0].Seal(make([]byte, 0, len(plaintext)+Overhead), nil, plaintext, additional)
}

// Open returns what was sealed, or [ErrOpen].
func (r *Ring) Open(sealed, additional []byte) ([]byte, error) {
	for _, aead := range r.aeads {
		if plaintext, err := aead.Open(nil, nil, sealed, additional); err == nil {
			return plaintext, nil
		}
	}
	return nil, ErrOpen
}
