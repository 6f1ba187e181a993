package filestore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"

	"github.com/cloakroom-go/cloakroom/store"
)

// List yields the key of every live record, in no order, without those that begin with "$".
// It goes through 256 directories and keeps the names in one of them in memory, at 32 bytes
// each: for a million records, 128 KiB. Reading the names, not the records, keeps writers to
// that directory waiting. Malformed records and foreign files are passed over; [Store.Sweep]
// tells of them. An error is an outage; it is yielded with an empty key and ends the walk.
func (s *Store) List(ctx context.Context) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for n := range folders {
			records, err := s.records(ctx, number(n))
			for _, record := range records {
				var key string
				if key, err = s.listed(ctx, record); err != nil {
					break
				}
				if key != "" && !yield(key, nil) {
					return
				}
			}
			if err != nil {
				yield("", fmt.Errorf("filestore: list: %w", err))
				return
			}
		}
	}
}

// records returns which records are in a folder. It locks it, as some file systems list a
// name that is replaced meanwhile twice or not at all.
func (s *Store) records(ctx context.Context, n number) (records []digest, err error) {
	f, err := s.enter(ctx, n, false)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.leave()
	err = eachName(ctx, f.root, ".", func(names []string) error {
		for _, name := range names {
			if record, ok := fileDigest(n, name); ok {
				records = append(records, record)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return records, nil
}

// listed returns the key of a record, or "" if it is not one to be listed.
func (s *Store) listed(ctx context.Context, record digest) (key string, err error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	d, err := loadHead(s.root, record.path(), record)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, store.ErrMalformed):
		return "", nil
	case err != nil:
		return "", err
	case d.reserved() || !d.live():
		return "", nil
	}
	return d.key, nil
}
