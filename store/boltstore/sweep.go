package boltstore

import (
	"context"
	"fmt"
	"time"
)

// sweepBatch bounds what one transaction removes, and so how long a writer waits for it.
const sweepBatch = 256

// Sweep removes at most limit expired records, in transactions of a few hundred that other
// writers share. It returns how many it removed, also when an error ended it early; every
// error is an outage.
func (s *Store) Sweep(ctx context.Context, limit int) (removed int, err error) {
	for removed < limit {
		most := min(limit-removed, sweepBatch)
		n, err := s.kv.sweep(ctx, most)
		removed += n
		if err != nil {
			return removed, fmt.Errorf("boltstore: sweep: %w", err)
		}
		if n < most {
			break
		}
	}
	return removed, nil
}

func (s *kv) sweep(ctx context.Context, most int) (int, error) {
	var removed int // written by the edit, and read only when do returned nil
	err := s.do(ctx, func(b buckets) (changed bool, answer, fault error) {
		removed, changed, fault = b.sweep(most, time.Now().UnixMilli())
		return changed, nil, fault
	})
	if err != nil {
		return 0, err
	}
	return removed, nil
}

// sweep removes entries in the order of their ends. What the index says is looked up: an
// entry may have been removed or replaced by something that does not know the index.
func (b buckets) sweep(most int, now int64) (removed int, changed bool, err error) {
	for removed < most {
		k, _ := b.ends.Cursor().First()
		expires, key := splitEndKey(k)
		if k == nil || expires > now {
			break
		}
		changed = true
		if e, found, err := b.get(key); found && err == nil && e.expires == expires {
			if err := b.entries.Delete(key); err != nil {
				return 0, false, err
			}
			if err := b.removeFromIndexes(key, e); err != nil {
				return 0, false, err
			}
			removed++
			continue
		}
		if err := b.ends.Delete(k); err != nil {
			return 0, false, err
		}
	}
	return removed, changed, nil
}
