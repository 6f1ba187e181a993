package kvstore

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
)

// Store keeps records in a [KV], each as the text that [Encode] gives. It is a [store.Store]
// and safe for concurrent use, also by several processes that share what is behind the KV.
// A store package embeds it and adds what its database can do besides.
type Store struct {
	kv    KV
	turns turns
}

var _ store.Store = (*Store)(nil)

// New returns a Store over kv, which must not be nil. It does not touch the KV.
//
// A call costs one call of the KV, or two: a Load a Get; a Save that creates, or that brings
// Change.Base as it is stored, a CompareAndSwap, any other a Get before it; a Delete a Delete.
// Beyond that it is one more of each for every writer in another process that was faster.
func New(kv KV) *Store { return &Store{kv: kv} }

// Load returns the live record at key. Its errors are [store.ErrNotFound],
// [store.ErrMalformed] with the key and what is wrong with the bytes there, which are left as
// they are, and outages.
func (s *Store) Load(ctx context.Context, key string) (store.Record, error) {
	rec, _, err := s.get(ctx, key)
	if err != nil {
		return store.Record{}, fmt.Errorf("kvstore: load: %w", err)
	}
	return rec, nil
}

func (s *Store) get(ctx context.Context, key string) (store.Record, *Entry, error) {
	entry, err := s.kv.Get(ctx, key)
	if err != nil {
		return store.Record{}, nil, err
	}
	rec, err := Decode(entry.Value)
	if err != nil {
		return store.Record{}, nil, fmt.Errorf("at the key %q: %w", key, err)
	}
	return rec, &entry, nil
}

// Save applies change to the record at key. Its errors are those of [store.Store] and
// [store.Apply], and ErrMalformed as for Load.
//
// Callers in one process that save at one key take turns. When writers elsewhere keep being
// faster, Save starts again until ctx ends, and for no longer than 30 seconds; that it was
// too slow is an outage, and nothing was changed. An outage of the KV is returned as it is,
// since the change may have landed.
func (s *Store) Save(ctx context.Context, key string, change store.Change) (version uint64, err error) {
	version, err = s.save(ctx, key, change)
	if err != nil {
		return 0, fmt.Errorf("kvstore: save: %w", err)
	}
	return version, nil
}

func (s *Store) save(ctx context.Context, key string, change store.Change) (version uint64, err error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	if err := s.turns.take(ctx, key); err != nil {
		return 0, fmt.Errorf("waiting for other writers of the record: %w", err)
	}
	defer s.turns.leave(key)

	// Nearly always there is nothing where a record is created, and else Base is what is
	// stored. An answer other than success is not to be had from this, as it is a guess.
	if change.Create || change.Base != nil {
		var rec store.Record
		var old *Entry
		if !change.Create {
			rec = *change.Base
			old = entryOf(rec)
		}
		if next, err := store.Apply(rec, old != nil, change); err == nil {
			err = s.kv.CompareAndSwap(ctx, key, old, *entryOf(next))
			if !errors.Is(err, store.ErrConflict) {
				return next.Version, err
			}
		}
	}
	return s.swap(ctx, key, change)
}

// swap reads, applies and swaps until nobody was faster.
func (s *Store) swap(ctx context.Context, key string, change store.Change) (version uint64, err error) {
	began := time.Now()
	for pause := firstPause; ; pause = min(2*pause, longestPause) {
		rec, old, err := s.get(ctx, key)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return 0, err
		}
		next, err := store.Apply(rec, old != nil, change)
		if err != nil {
			return 0, err
		}
		err = s.kv.CompareAndSwap(ctx, key, old, *entryOf(next))
		if !errors.Is(err, store.ErrConflict) {
			return next.Version, err
		}
		if time.Since(began) > patience {
			return 0, fmt.Errorf("other writers of the record at the key %q were faster for %v", key, patience)
		}
		if err := sleep(ctx, pause/2+rand.N(pause/2)); err != nil {
			return 0, fmt.Errorf("other writers of the record at the key %q were faster: %w", key, err)
		}
	}
}

const (
	// patience is how long a Save tries to be the fastest when its context sets no earlier end.
	patience = 30 * time.Second
	// The pauses between two tries grow from the first to the longest. There is chance in
	// them, so that those who wait do not all come back at once.
	firstPause   = time.Millisecond
	longestPause = 50 * time.Millisecond
)

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// entryOf returns what a KV keeps of rec.
func entryOf(rec store.Record) *Entry {
	end := time.UnixMilli(rec.ExpiresAt.UnixMilli())
	if end.IsZero() { // which is never, for an Entry
		end = end.Add(-time.Millisecond)
	}
	return &Entry{Value: Encode(rec), ExpiresAt: end, Owner: rec.Owner}
}

// Delete removes the entry at key, also one that [Store.Load] finds malformed. A missing one
// is not an error; every error is an outage.
func (s *Store) Delete(ctx context.Context, key string) error {
	if err := s.kv.Delete(ctx, key); err != nil {
		return fmt.Errorf("kvstore: delete: %w", err)
	}
	return nil
}
