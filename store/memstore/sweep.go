package memstore

import (
	"context"
	"fmt"
)

// sweepBatch is how many due records are looked at under one lock: few enough for a Load
// that meets it to wait no longer than for a Save.
const sweepBatch = 16

// Sweep removes at most limit expired records and returns how many. Fewer than limit
// means that no more were due; a limit below 1 removes nothing. It looks only at what is
// due, never at all records, and holds no lock for more than 16 of them. The next call
// goes on where this one stopped. When ctx ends, it returns how many it has removed so
// far and an error that wraps ctx.Err().
//
// Correct answers do not depend on Sweep, and neither does the size of a store that is
// written to. One that nobody writes to keeps what has expired until it is swept.
func (s *Store) Sweep(ctx context.Context, limit int) (removed int, err error) {
	first := s.swept.Load()
	for i := range uint32(len(s.shards)) {
		number := (first + i) % uint32(len(s.shards))
		s.swept.Store(number)
		for more := true; more; {
			if err := ctx.Err(); err != nil {
				return removed, fmt.Errorf("memstore: sweep: %w", err)
			}
			if removed >= limit {
				return removed, nil
			}
			var n int
			n, more = s.shards[number].sweep(limit - removed)
			removed += n
		}
	}
	return removed, nil
}

func (sh *shard) sweep(limit int) (removed int, more bool) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	return sh.expire(sh.now(), sweepBatch, limit)
}
