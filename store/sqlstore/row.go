package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
)

// stored is what was found at a key.
type stored struct {
	rec   store.Record // only the version when it has expired
	found bool         // there is a row
	live  bool         // it has not expired
}

// read takes the only row of rows, which hold version, owner, expires and fields, and
// closes them. A row that is no record is [store.ErrMalformed].
func (s *Store) read(rows *sql.Rows, key string, now int64) (stored, error) {
	defer rows.Close()
	if !rows.Next() {
		return stored{}, rows.Err()
	}
	var (
		version, expires int64
		owner            string
		fields           sql.RawBytes
	)
	if err := rows.Scan(&version, &owner, &expires, &fields); err != nil {
		if ended := rows.Err(); ended != nil {
			return stored{}, ended
		}
		return stored{}, s.malformed(key, err)
	}
	if version <= 0 {
		return stored{}, s.malformed(key, fmt.Errorf("its version is %d and must be positive", version))
	}
	if expires <= now {
		return stored{rec: store.Record{Version: uint64(version)}, found: true}, nil
	}
	rec := store.Record{Version: uint64(version), Owner: owner, ExpiresAt: time.UnixMilli(expires)}
	if err := rec.Fields.UnmarshalJSON(fields); err != nil {
		return stored{}, s.malformed(key, err)
	}
	return stored{rec: rec, found: true, live: true}, nil
}

func (s *Store) malformed(key string, problem error) error {
	return fmt.Errorf("%w: key %q in table %s: %w", store.ErrMalformed, key, s.place.table, problem)
}

// document returns the fields of a record as they are stored. It is an error when they are
// more than the database takes.
func (s *Store) document(ctx context.Context, q rowQuerier, key string, rec store.Record) (string, error) {
	fields, err := rec.Fields.MarshalJSON() // called directly: json.Marshal would rewrite values
	if err != nil {
		return "", err
	}
	if err := s.ceiling.check(ctx, q, key, len(fields)+len(key)+len(rec.Owner)); err != nil {
		return "", err
	}
	return string(fields), nil
}
