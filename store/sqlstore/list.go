package sqlstore

import (
	"context"
	"fmt"
	"iter"
)

// page is how many keys List and ListOwner hold at a time.
const page = 256

// List yields the keys of all live records in order, except those that begin with "$".
// No connection is held while the caller's code runs. Every error is an outage.
func (s *Store) List(ctx context.Context) iter.Seq2[string, error] {
	return s.walk(ctx, func(after string) ([]string, error) {
		return s.page(ctx, s.sql.keys, after)
	})
}

// ListOwner yields the keys of the live records that belong to owner in order, except
// those that begin with "$". The owner "" has none. No connection is held while the
// caller's code runs. Every error is an outage.
func (s *Store) ListOwner(ctx context.Context, owner string) iter.Seq2[string, error] {
	return s.walk(ctx, func(after string) ([]string, error) {
		return s.page(ctx, s.sql.owned, owner, after)
	})
}

func (s *Store) walk(ctx context.Context, next func(after string) ([]string, error)) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for after := ""; ; {
			var keys []string
			err := s.dialect.patiently(ctx, func() (err error) {
				keys, err = next(after)
				return err
			})
			if err != nil {
				yield("", fmt.Errorf("sqlstore: list: %w", s.outage(ctx, err)))
				return
			}
			for _, key := range keys {
				if !yield(key, nil) {
					return
				}
			}
			if len(keys) < page {
				return
			}
			after = keys[len(keys)-1]
		}
	}
}

// page returns the first keys that a query finds, of which args are the first parameters.
func (s *Store) page(ctx context.Context, query string, args ...any) ([]string, error) {
	_, now := s.dialect.now()
	rows, err := s.db.QueryContext(ctx, query, append(append(args, now...), page)...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	keys := make([]string, 0, page)
	for rows.Next() {
		var key string
		if err := rows.Scan(&key); err != nil {
			return nil, err
		}
		keys = append(keys, key)
	}
	return keys, rows.Err()
}
