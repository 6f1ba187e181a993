package store

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// Apply is the one definition of an edit: it returns what the record at a key becomes
// when c is applied to rec. live says whether rec exists and has not expired. Stores
// call it inside their lock, transaction or compare-and-swap loop, or do the same
// natively.
//
// Its errors are [ErrNotFound], [ErrExists], [ErrConflict], and one that describes a
// malformed Change: a Create without ExpiresAt, or an Owner that is too long, not
// valid UTF-8 or holds a NUL. rec is never altered.
//
// The version of a created record starts from the clock, in microseconds, so that it
// is above that of any earlier record at the same key, also one that was deleted: a
// store that compares versions can then never take the one for the other.
func Apply(rec Record, live bool, c Change) (Record, error) {
	switch {
	case c.Create && live:
		return Record{}, ErrExists
	case !c.Create && !live:
		return Record{}, ErrNotFound
	case c.Create && c.ExpiresAt.IsZero():
		return Record{}, errors.New("store: Change.Create needs ExpiresAt: set the time at which the record ends")
	}
	if c.Owner != nil {
		if err := checkOwner(*c.Owner); err != nil {
			return Record{}, err
		}
	}
	version := rec.Version + 1
	if c.Create {
		version = max(version, uint64(time.Now().UnixMicro()))
		rec = Record{}
	}
	for _, cond := range c.If {
		if !cond.Holds(rec.Fields) {
			return Record{}, ErrConflict
		}
	}
	rec.Version = version
	rec.Fields = rec.Fields.With(c.Set, c.Unset...)
	if c.Owner != nil {
		rec.Owner = *c.Owner
	}
	if !c.ExpiresAt.IsZero() {
		rec.ExpiresAt = c.ExpiresAt
	}
	return rec, nil
}

func checkOwner(owner string) error {
	switch {
	case len(owner) > maxName:
		return fmt.Errorf("store: Change.Owner has %d bytes: at most %d are kept, use a shorter identifier of the user", len(owner), maxName)
	case !utf8.ValidString(owner), strings.IndexByte(owner, 0) >= 0:
		return errors.New("store: Change.Owner is not valid UTF-8 or holds a NUL: use a printable identifier of the user")
	}
	return nil
}
