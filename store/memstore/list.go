package memstore

import (
	"context"
	"fmt"
	"iter"
)

// listPage is how many slots List looks at under one lock.
const listPage = 64

// List yields the key of every live record, in no order, without those that begin with
// "$". A record that is live from before the walk to its end is yielded exactly once,
// any other at most once. Pages are small, and no lock is held while the caller's code
// runs, so that may call the store. The only error wraps ctx.Err(); it is yielded with
// an empty key and ends the walk. Being listed is no use in the sense of
// [Options.MaxRecords].
func (s *Store) List(ctx context.Context) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		page := make([]string, 0, listPage)
		for i := range s.shards {
			sh := &s.shards[i]
			youngest := sh.youngest()
			for from, more := uint32(0), true; more; from += listPage {
				if err := ctx.Err(); err != nil {
					yield("", fmt.Errorf("memstore: list: %w", err))
					return
				}
				page, more = sh.page(page[:0], from, youngest)
				for _, key := range page {
					if !yield(key, nil) {
						return
					}
				}
			}
		}
	}
}

// ListOwner yields the key of every live record that belongs to owner, as [Store.List]
// does. What is noted down when the walk begins grows with the number of the owner's
// records, at 16 bytes each.
func (s *Store) ListOwner(ctx context.Context, owner string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		if err := ctx.Err(); err != nil {
			yield("", fmt.Errorf("memstore: list owner: %w", err))
			return
		}
		for _, at := range s.owners.places(owner) {
			if err := ctx.Err(); err != nil {
				yield("", fmt.Errorf("memstore: list owner: %w", err))
				return
			}
			if key, ok := s.shards[at.shard].owned(at, owner); ok && !yield(key, nil) {
				return
			}
		}
	}
}

// youngest returns the number of the youngest record. A walk leaves out those that came
// later: one could be a new record with the key of one already seen.
func (sh *shard) youngest() uint64 {
	sh.mu.RLock()
	defer sh.mu.RUnlock()
	return sh.born
}

// page appends the keys in the listPage slots that begin with slot from.
func (sh *shard) page(keys []string, from uint32, youngest uint64) (page []string, more bool) {
	sh.mu.RLock()
	defer sh.mu.RUnlock()
	now := sh.now()
	end := min(from+listPage, sh.slots.used)
	for n := from; n < end; n++ {
		if sl := sh.slots.at(n); sl.listed(now) && sl.born <= youngest {
			keys = append(keys, sh.keyOf(n, sl))
		}
	}
	return keys, end < sh.slots.used
}

// owned returns the key of the record that was at at, if it still belongs to owner.
func (sh *shard) owned(at place, owner string) (key string, ok bool) {
	sh.mu.RLock()
	defer sh.mu.RUnlock()
	sl := sh.slots.at(at.slot)
	if sl.born != at.born || !sl.listed(sh.now()) || sl.ownerName() != owner {
		return "", false
	}
	return sh.keyOf(at.slot, sl), true
}

func (sl *slot) listed(now int64) bool {
	return sl.born != 0 && now < sl.expires && !sl.reserved()
}
