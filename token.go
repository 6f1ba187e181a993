package cloakroom

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strings"
)

// Token is what a client carries, taken apart.
type Token struct {
	// Key is the record's key in the store and the session's public ID.
	Key string
	// Secret proves that the client may open the session. The store holds a SHA-256 of
	// it. "" when the scheme has none: then whoever knows Key may open the session, and
	// Renew and SignIn are errors.
	Secret string
	// Reissue asks for the token to be sent again, in its present form, at the next
	// commit: it was tagged with a key that is being retired, say.
	Reissue bool
}

// TokenScheme decides what tokens are. The default is 43 characters of base64url: 15
// random bytes that are the key and 17 that are the secret. Implementations must be
// safe for concurrent use.
type TokenScheme interface {
	// New makes a token that was never seen before. Its error fails the request: a weak
	// token is never made.
	New(ctx context.Context) (Token, error)
	// Parse takes text from a client apart. False means malformed or forged, and then no
	// store call follows. The text may be anything at all.
	Parse(text string) (Token, bool)
	// Format is the inverse of Parse: what the client is to carry for t. The manager
	// also calls it with the Key of one token and the Secret of another, which is how a
	// session is renewed.
	Format(t Token) string
}

const (
	idBytes, secretBytes = 15, 17
	keyLen               = idBytes * 4 / 3 // 20, without remainder
	tokenLen             = 43
	tagBytes             = 16
	tagLen               = 22
)

// defaultScheme is the scheme of the package. The split falls between two characters,
// so key and secret are substrings of the token.
type defaultScheme struct {
	newID          func(context.Context) ([idBytes]byte, error) // nil: random
	keys           [][]byte                                     // the first one tags, all verify; none: no tags
	acceptUntagged bool
}

func (d *defaultScheme) New(ctx context.Context) (Token, error) {
	if d.newID == nil {
		return d.token(nil), nil
	}
	id, err := d.newID(ctx)
	if err != nil {
		return Token{}, fmt.Errorf("Config.NewID: %w", err)
	}
	return d.token(id[:]), nil
}

// token returns a token with a random secret, and a random ID unless one is given.
func (d *defaultScheme) token(id []byte) Token {
	var raw [idBytes + secretBytes]byte
	rand.Read(raw[:]) // never fails: crypto/rand ends the program instead
	copy(raw[:], id)
	var text [tokenLen]byte
	base64.RawURLEncoding.Encode(text[:], raw[:])
	token := string(text[:])
	return Token{Key: token[:keyLen], Secret: token[keyLen:]}
}

func (d *defaultScheme) Parse(text string) (Token, bool) {
	if len(text) < tokenLen || !wellFormed(text[:tokenLen]) {
		return Token{}, false
	}
	t := Token{Key: text[:keyLen], Secret: text[keyLen:tokenLen]}
	switch tag := text[tokenLen:]; {
	case len(d.keys) == 0:
		return t, tag == ""
	case tag == "":
		t.Reissue = true
		return t, d.acceptUntagged
	case len(tag) != tagLen:
		return Token{}, false
	default:
		for i, key := range d.keys {
			want := sign(key, text[:tokenLen])
			if subtle.ConstantTimeCompare([]byte(want), []byte(tag)) == 1 {
				t.Reissue = i > 0
				return t, true
			}
		}
		return Token{}, false
	}
}

func (d *defaultScheme) Format(t Token) string {
	if len(d.keys) == 0 {
		return t.Key + t.Secret
	}
	return t.Key + t.Secret + sign(d.keys[0], t.Key+t.Secret)
}

// wellFormed reports whether s is what RawURLEncoding makes of 32 bytes: its alphabet,
// and the two bits that the last character does not use are zero.
func wellFormed(s string) bool {
	for i := range len(s) {
		if !base64URL[s[i]] {
			return false
		}
	}
	return strings.IndexByte("AEIMQUYcgkosw048", s[len(s)-1]) >= 0
}

var base64URL = func() (set [256]bool) {
	for _, c := range []byte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") {
		set[c] = true
	}
	return set
}()

// sign returns the tag of a token: it says that this program made it, so that forged
// ones are refused without a store call.
func sign(key []byte, token string) string {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte("cloakroom token\x00"))
	mac.Write([]byte(token))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil)[:tagBytes])
}

// hashLen is the length of a stored hash: base64url of 32 bytes.
const hashLen = 43

// hashSecret returns what the store may know of a secret.
func hashSecret(secret string) (hash [hashLen]byte) {
	var buf [64]byte // keeps secrets of the usual length off the heap
	sum := sha256.Sum256(append(buf[:0], secret...))
	base64.RawURLEncoding.Encode(hash[:], sum[:])
	return hash
}

// secretMatches compares in constant time.
func secretMatches(hash *[hashLen]byte, stored string) bool {
	var want [hashLen]byte
	return copy(want[:], stored) == len(stored) && len(stored) == hashLen &&
		subtle.ConstantTimeCompare(hash[:], want[:]) == 1
}
