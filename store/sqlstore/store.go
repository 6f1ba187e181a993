package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/cloakroom-go/cloakroom/store"
)

// Options are the settings of a Store that have a default. A name in it is a letter or
// underscore, then up to 62 letters, digits and underscores; it is quoted, so that the
// database takes it as it is written.
type Options struct {
	// Schema is where the table is: a schema of PostgreSQL, or a database of MariaDB or MySQL,
	// which must be there. Defaults to "", which is where the connection is: the first schema
	// of its search_path, or the database in its data source name. SQLite has none.
	Schema string

	// Table is the name of the table. Two Stores with different tables can share a database.
	// Defaults to "cloakroom_sessions".
	Table string

	// Unlogged makes Migrate create an unlogged table, on PostgreSQL only. Writing is cheaper,
	// and a crash of the server ends every session: the table is empty after it. So it is
	// after a failover, as replicas have none of it. A clean restart loses nothing. Defaults
	// to false.
	Unlogged bool
}

// Store keeps sessions in one table of a SQL database. It is a [store.Store], and a
// [store.Lister], [store.OwnerLister], [store.Sweeper] and [store.Pinger]. It is safe
// for concurrent use.
type Store struct {
	db      *sql.DB
	dialect Dialect
	place   place
	sql     statements
	ceiling ceiling
	load    *command
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
// It is an error when db is nil, when dialect is not one that this package made, when a name
// in options is not as described there, or when an option means nothing to the database.
func New(db *sql.DB, dialect Dialect, options *Options) (*Store, error) {
	if db == nil {
		return nil, errNoDB
	}
	if dialect.statements == nil {
		return nil, errNoDialect
	}
	if options == nil {
		options = new(Options)
	}
	at, err := placeOf(&dialect, *options)
	if err != nil {
		return nil, err
	}
	s := &Store{db: db, dialect: dialect, place: at}
	s.sql = dialect.statements(at.in(&dialect, at.table))
	s.ceiling.dialect = &s.dialect
	s.load = s.command(s.sql.load)
	s.edits = dialect.editor(s)
	return s, nil
}

var (
	errNoDB      = errors.New("sqlstore: db is nil: open the database with sql.Open first")
	errNoDialect = errors.New("sqlstore: the Dialect is the zero value: use sqlstore.PostgreSQL(), sqlstore.MySQL() or sqlstore.SQLite()")
)

func (s *Store) command(text string) *command { return s.dialect.command(s.db, text) }

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
	err := s.dialect.patiently(ctx, func() error {
		now, args := s.dialect.now()
		rows, err := s.load.query(ctx, append([]any{key}, args...)...)
		if err != nil {
			return err
		}
		found, err = s.read(rows, key, now)
		return err
	})
	switch {
	case err != nil:
		return store.Record{}, s.outage(ctx, err)
	case !found.live:
		return store.Record{}, store.ErrNotFound
	}
	return found.rec, nil
}

// Save applies change to the record at key. Its errors are those of [store.Store] and
// [store.Apply], [store.ErrMalformed] as for Load, and outages, among them that the record is
// too large for the database, which is known before anything is written.
//
// After an outage other than that, the change may have landed or not, as when ctx ends while
// it is under way. Save repeats a statement only when the database says that it did nothing
// because others were in the way, or when database/sql does since the driver could not send
// it.
func (s *Store) Save(ctx context.Context, key string, change store.Change) (version uint64, err error) {
	version, err = s.edits.save(ctx, key, change)
	if err != nil {
		return 0, fmt.Errorf("sqlstore: save: %w", s.outage(ctx, err))
	}
	return version, nil
}

// Delete removes the record at key, also one that [Store.Load] finds malformed. A
// missing record is not an error; every error is an outage.
func (s *Store) Delete(ctx context.Context, key string) error {
	if err := s.edits.delete(ctx, key); err != nil {
		return fmt.Errorf("sqlstore: delete: %w", s.outage(ctx, err))
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
			return removed, fmt.Errorf("sqlstore: sweep: %w", s.outage(ctx, err))
		}
		if n < most {
			break
		}
	}
	return removed, nil
}

// outage returns what a caller is told of err: it says that ctx has ended when it has, and
// what to do when the setup is wrong. The answers of package store stay as they are.
func (s *Store) outage(ctx context.Context, err error) error {
	if isAnswer(err) {
		return err
	}
	if remedy := storeRemedies[s.dialect.diagnose(err)]; remedy != "" {
		err = fmt.Errorf("%w: %s", err, remedy)
	}
	return outage(ctx, err)
}

func isAnswer(err error) bool {
	return errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrExists) ||
		errors.Is(err, store.ErrConflict) || errors.Is(err, store.ErrMalformed)
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
