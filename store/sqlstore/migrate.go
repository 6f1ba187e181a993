package sqlstore

import (
	"context"
	"fmt"
)

// Migrate creates the table and its indexes, or brings those of an older release to the
// present form, and on SQLite switches the file to write-ahead logging. Call it before
// the first use of the Store. It does nothing when nothing is to be done, and it is safe
// to call from several goroutines and processes at once. When others hold the database
// it waits for them until ctx ends, half a minute at most.
//
// It is an error when a table of that name exists that this package did not make, when a
// later release has made it, or when the database cannot do write-ahead logging.
func (s *Store) Migrate(ctx context.Context) error {
	err := s.patiently(ctx, func() error {
		conn, err := s.db.Conn(ctx)
		if err != nil {
			return err
		}
		defer conn.Close()
		return s.dialect.migrate(ctx, conn, s.table)
	})
	if err != nil {
		return fmt.Errorf("sqlstore: migrate: %w", outage(ctx, err))
	}
	return nil
}
