package store

import (
	"context"
	"errors"
	"time"
)

// The four answers that are not an outage. Stores wrap them with what they were
// doing; callers match them with [errors.Is]. Every other error of a store means
// that it could not say: an outage.
var (
	// ErrNotFound: there is no live record at the key.
	ErrNotFound = errors.New("store: no such record")
	// ErrExists: Change.Create met a live record.
	ErrExists = errors.New("store: the record exists already")
	// ErrConflict: a Condition did not hold, and nothing was changed.
	ErrConflict = errors.New("store: a condition does not hold")
	// ErrMalformed: the bytes at the key are not a record. The store has left them
	// as they are; Delete removes them.
	ErrMalformed = errors.New("store: the stored bytes are not a record")
)

// Store keeps records. The package comment has the reasons behind its rules and a
// way to write one; package storetest checks every rule by its number.
//
// DO NOT CHANGE: this interface is frozen. Growth is by optional interfaces, found
// with [As].
//
//  1. A Store is safe for concurrent use.
//  2. A key is 1 to 256 bytes of valid UTF-8 without NUL; two keys that differ in
//     any byte are two records.
//  3. A record is live until its ExpiresAt, judged by the store's own clock. What
//     is not live does not exist for Load and Save, swept or not.
//  4. When ctx ends, a call returns soon with an error that wraps ctx.Err(). With a
//     ctx that has ended before the call, nothing is changed.
//  5. An error that is not one of this package's is an outage. A store never
//     repeats a Save that may have landed.
type Store interface {
	// Load returns the live record at key.
	//
	//  1. No live record: [ErrNotFound].
	//  2. Bytes that are no record: [ErrMalformed], and they are left as they are.
	//  3. Owner and Fields are what was saved, to the byte. ExpiresAt is kept to the
	//     millisecond and never later than asked for.
	//  4. The Record is a snapshot: no later Save shows in it.
	//  5. A Save that has returned is seen by every Load that begins after it.
	Load(ctx context.Context, key string) (Record, error)

	// Save applies change to the record at key in one atomic step, as [Apply] defines
	// it, and returns the new version.
	//
	//  1. Without Create the record must be live, else [ErrNotFound]. Save never
	//     revives a record that was deleted or has expired.
	//  2. With Create the key must be free of a live record, else [ErrExists]. What an
	//     expired record held is gone.
	//  3. Each Condition must hold, else [ErrConflict] and nothing changes. A missing
	//     record is ErrNotFound, whatever the conditions say.
	//  4. Unset comes before Set. Fields that are not named stay as they are, whoever
	//     wrote them.
	//  5. A nil Owner and a zero ExpiresAt keep what is there. An ExpiresAt in the past
	//     ends the record.
	//  6. The version is never 0 and strictly increases, also over a Delete and a new
	//     Create of the same key.
	//  7. Base is a hint: the answer is the same with a stale, a foreign or no Base.
	//  8. When Save has returned, nothing of change is kept that the caller may alter.
	//  9. When Save fails with one of this package's errors, nothing was changed. After
	//     any other error it may have landed, wholly or not at all.
	Save(ctx context.Context, key string, change Change) (version uint64, err error)

	// Delete removes the record at key.
	//
	//  1. A missing record is not an error.
	//  2. After Delete has returned, neither Load nor a Save without Create finds the
	//     record, also a Save that began earlier.
	Delete(ctx context.Context, key string) error
}

// Record is what a store keeps at a key. It is a value: copies are independent.
type Record struct {
	// Version grows with every Save.
	Version uint64
	// Owner is the user the record belongs to: "" while anonymous, else up to 256
	// bytes of valid UTF-8 without NUL.
	Owner string
	// ExpiresAt is when the record ends.
	ExpiresAt time.Time
	// Fields are the named values.
	Fields Fields
}

// Change is an edit of a record, never a new value for it: that is what lets two
// writers of different fields both keep their change, and a writer that comes too
// late find nothing to write to.
type Change struct {
	// Create asks for a new record; without it the record must be live.
	Create bool
	// If holds the conditions; all must hold.
	If []Condition
	// Base is what the caller last loaded from the same key. It lets stores that compare and swap skip
	// a read; it is a hint, never a condition.
	Base *Record
	// Unset names fields to remove; a missing one is no error.
	Unset []string
	// Set holds fields to write, after Unset.
	Set Fields
	// Owner replaces the owner; nil keeps it.
	Owner *string
	// ExpiresAt replaces the expiry; zero keeps it. Create requires it.
	ExpiresAt time.Time
}

// Field is a named value.
type Field struct {
	// Name is 1 to 256 bytes of valid UTF-8. Names that begin with "$" belong to the
	// session manager.
	Name string
	// Value is JSON text (RFC 8259) without white space around it, kept to the byte.
	Value string
}

// Condition is something that must hold for a Save to happen.
type Condition struct {
	// Name is the field meant.
	Name string
	// Value is what the field must hold, to the byte. A missing field holds nothing.
	Value string
	// Absent: the field must not exist. Value is then ignored.
	Absent bool
}

// Holds reports whether the condition is true of fields.
func (c Condition) Holds(fields Fields) bool {
	value, ok := fields.Get(c.Name)
	if c.Absent {
		return !ok
	}
	return ok && value == c.Value
}
