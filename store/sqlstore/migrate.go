package sqlstore

import (
	"context"
	"fmt"
)

// Migrate creates the table and its indexes, or brings those of an older release to the
// present form, and on SQLite switches the file to write-ahead logging. Call it before
// the first use of the Store. It does nothing when nothing is to be done, and then needs no
// right but to read and write the tables; it is safe to call from several goroutines and
// processes at once. When others hold the database it waits for them until ctx ends, half a
// minute at most.
//
// It is an error when a table of that name exists that this package did not make, when a
// later release has made it, when the table is not logged and should be or the other way
// round, when the database or the connection cannot keep every character, or when SQLite
// cannot do write-ahead logging.
func (s *Store) Migrate(ctx context.Context) error {
	err := s.dialect.patiently(ctx, func() error {
		conn, err := s.db.Conn(ctx)
		if err != nil {
			return err
		}
		defer conn.Close()
		return s.dialect.migrate(ctx, conn, s.place)
	})
	if err != nil {
		return fmt.Errorf("sqlstore: migrate: %w", s.outage(ctx, err))
	}
	return nil
}

// checkVersion reports whether this release can work with a version of the schema that it
// found, given how many it knows.
func checkVersion(table string, version, known int) error {
	if version < 0 || version > known {
		return fmt.Errorf("table %s has version %d of the schema and this release knows up to %d: use the release that wrote it, or a later one",
			table, version, known)
	}
	return nil
}
