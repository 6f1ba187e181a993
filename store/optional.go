package store

import (
	"context"
	"iter"
)

// FieldLoader is implemented by stores that can load some fields without moving the
// others. [LoadFields] falls back to Load.
type FieldLoader interface {
	// LoadFields is Load with only the named fields in the Record.
	//
	//  1. Version, Owner and ExpiresAt are those of the record, read in the same step.
	//  2. A name that the record lacks is left out; a name given twice counts once.
	//  3. Errors are those of Load.
	LoadFields(ctx context.Context, key string, names ...string) (Record, error)
}

// Lister is implemented by stores that can walk their records.
type Lister interface {
	// List yields the key of every live record.
	//
	//  1. Keys that begin with "$" are skipped: they are the manager's own records.
	//  2. A record that is live from before the walk to its end is yielded exactly once.
	//     One that comes or goes meanwhile may be yielded or not, never twice.
	//  3. The walk is paged: memory does not grow with the number of records, and no
	//     lock is held while the caller's code runs.
	//  4. An error is yielded once, with an empty key, and ends the walk.
	List(ctx context.Context) iter.Seq2[string, error]
}

// OwnerLister is implemented by stores that can find the records of one owner.
type OwnerLister interface {
	// ListOwner yields the key of every live record that belongs to owner.
	//
	//  1. The index knows a record before the Save that gave it to owner has returned.
	//  2. A record of another owner, or one that has ended, is not yielded.
	//  3. Keys that begin with "$" are skipped, and "" is nobody: it has no records.
	//  4. An error is yielded once, with an empty key, and ends the walk.
	//  5. No lock is held while the caller's code runs: it may delete what it is given.
	ListOwner(ctx context.Context, owner string) iter.Seq2[string, error]
}

// Sweeper is implemented by stores that must be told to remove expired records.
type Sweeper interface {
	// Sweep removes at most limit expired records and returns how many. Fewer than
	// limit means that no more were due.
	//
	//  1. It never removes a live record, also one that is being extended meanwhile.
	//  2. It is safe on several nodes at once.
	//  3. Answers do not depend on it: expired records do not exist, swept or not.
	Sweep(ctx context.Context, limit int) (removed int, err error)
}

// Pinger is implemented by stores that can say whether they are there.
type Pinger interface {
	// Ping returns nil when the store would answer a Load now.
	Ping(ctx context.Context) error
}

// As finds an optional interface, or a concrete type, in s or in what s wraps: it
// follows methods of the form Unwrap() Store. A wrapper that changes bytes or keys
// has no such method, so that nobody reaches past it.
func As[T any](s Store) (T, bool) {
	for s != nil {
		if t, ok := s.(T); ok {
			return t, true
		}
		u, ok := s.(interface{ Unwrap() Store })
		if !ok {
			break
		}
		s = u.Unwrap()
	}
	var none T
	return none, false
}

// LoadFields loads the named fields of the record at key: through [FieldLoader] where
// the store has it, else with a Load that drops the rest. Errors are those of Load.
func LoadFields(ctx context.Context, s Store, key string, names ...string) (Record, error) {
	if l, ok := As[FieldLoader](s); ok {
		return l.LoadFields(ctx, key, names...)
	}
	rec, err := s.Load(ctx, key)
	if err != nil {
		return Record{}, err
	}
	rec.Fields = rec.Fields.Pick(names...)
	return rec, nil
}
