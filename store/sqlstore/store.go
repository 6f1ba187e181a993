package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
)

// Options are the settings of a Store that have a default.
type Options struct {
	// Table is the name of the table: a letter or underscore, then up to 62 letters,
	// digits and underscores. Two Stores with different tables can share a database.
	// Defaults to "cloakroom_sessions".
	Table string
}

const (
	defaultTable = "cloakroom_sessions"
	// schemaTable records which version of the schema each table has.
	schemaTable = "cloakroom_schema"
)

var tableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,62}$`)

// Store keeps sessions in one table of a SQL database. It is a [store.Store], and a
// [store.Lister], [store.OwnerLister], [store.Sweeper] and [store.Pinger]. It is safe
// for concurrent use.
type Store struct {
	db      *sql.DB
	dialect Dialect
	table   string
	sql     statements
	load    *prepared
	edits   editor
}

var (
	_ store.Store       = (*Store)(nil)
	_ store.Lister      = (*Store)(nil)
	_ store.OwnerLister = (*Store)(nil)
	_ store.Sweeper     = (*Store)(nil)
	_ store.Pinger      = (*Store)(nil)
)

// New returns a Store in db, which stays the caller's: to configure and, when the last
// call of the Store has returned, to close. options may be nil. New does not touch the
// database; call [Store.Migrate] before the first use.
//
// It is an error when db is nil, when dialect is not one that this package made, or when
// Options.Table is not a name as described there.
func New(db *sql.DB, dialect Dialect, options *Options) (*Store, error) {
	if db == nil {
		return nil, errors.New("sqlstore: db is nil: open the database with sql.Open first")
	}
	if dialect.statements == nil {
		return nil, errors.New("sqlstore: the Dialect is the zero value: use sqlstore.SQLite()")
	}
	table := defaultTable
	if options != nil && options.Table != "" {
		table = options.Table
	}
	switch {
	case !tableName.MatchString(table):
		return nil, fmt.Errorf("sqlstore: Options.Table is %.80q: use a letter or underscore, then up to 62 letters, digits and underscores", table)
	case strings.EqualFold(table, schemaTable):
		return nil, fmt.Errorf("sqlstore: Options.Table is %q, which is where schema versions are kept: use another name", table)
	}
	s := &Store{db: db, dialect: dialect, table: table, sql: dialect.statements(table)}
	s.load = &prepared{db: db, text: s.sql.load}
	s.edits = dialect.editor(s)
	return s, nil
}

// Load returns the live record at key. Its errors are [store.ErrNotFound],
// [store.ErrMalformed] with the key and what is wrong with the row, which is left as it
// is, and outages.
func (s *Store) Load(ctx context.Context, key string) (store.Record, error) {
	rec, err := s.loadLive(ctx, key)
	if err != nil {
		return store.Record{}, fmt.Errorf("sqlstore: load: %w", err)
	}
	return rec, nil
}

func (s *Store) loadLive(ctx context.Context, key string) (store.Record, error) {
	var found stored
	err := s.patiently(ctx, func() error {
		stmt, err := s.load.get(ctx)
		if err != nil {
			return err
		}
		now := time.Now().UnixMilli()
		rows, err := stmt.QueryContext(ctx, key, now)
		if err != nil {
			return err
		}
		found, err = s.read(rows, key, now)
		return err
	})
	switch {
	case err != nil:
		return store.Record{}, outage(ctx, err)
	case !found.live:
		return store.Record{}, store.ErrNotFound
	}
	return found.rec, nil
}

// Save applies change to the record at key in one transaction, which it may share with
// other writers. Its errors are those of [store.Store] and [store.Apply]. When ctx ends
// while the transaction runs, Save returns at once and the change may land or not.
func (s *Store) Save(ctx context.Context, key string, change store.Change) (version uint64, err error) {
	version, err = s.edits.save(ctx, key, change)
	if err != nil {
		return 0, fmt.Errorf("sqlstore: save: %w", err)
	}
	return version, nil
}

// Delete removes the record at key, also one that [Store.Load] finds malformed. A
// missing record is not an error; every error is an outage.
func (s *Store) Delete(ctx context.Context, key string) error {
	if err := s.edits.delete(ctx, key); err != nil {
		return fmt.Errorf("sqlstore: delete: %w", err)
	}
	return nil
}

// sweepBatch bounds what one transaction removes, and so how long a writer waits for it.
const sweepBatch = 256

// Sweep removes at most limit expired records, in transactions of a few hundred so that
// writers get their turn in between. It returns how many it removed, also when an error
// ended it early; every error is an outage.
func (s *Store) Sweep(ctx context.Context, limit int) (removed int, err error) {
	for removed < limit {
		most := min(limit-removed, sweepBatch)
		n, err := s.edits.sweep(ctx, most)
		removed += n
		if err != nil {
			return removed, fmt.Errorf("sqlstore: sweep: %w", err)
		}
		if n < most {
			break
		}
	}
	return removed, nil
}

// Ping asks for a record that is not there: it returns nil when the database and the
// table would answer a Load now, else the outage.
func (s *Store) Ping(ctx context.Context) error {
	_, err := s.loadLive(ctx, "")
	if err != nil && !errors.Is(err, store.ErrNotFound) && !errors.Is(err, store.ErrMalformed) {
		return fmt.Errorf("sqlstore: ping: %w", err)
	}
	return nil
}
