package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/cloakroom-go/cloakroom/store"
)

// A swap is the editor of a database with many writers at a time. It changes a row with a
// statement that finds it only in the version that the change was made of.
type swap struct {
	store *Store
	gate  gate

	claim, edit, extend, replace, remove, create, expired *command

	// created runs create and returns the version of the new row, or 0 when there is a live
	// one.
	created func(ctx context.Context, create *command, args ...any) (version int64, err error)
	// swept runs expired.
	swept func(ctx context.Context, expired *command, most int) (removed int, err error)
}

// newSwap returns a swap that lacks created and swept.
func newSwap(s *Store) *swap {
	return &swap{
		store:   s,
		gate:    newGate(),
		claim:   s.command(s.sql.claim),
		edit:    s.command(s.sql.edit),
		extend:  s.command(s.sql.extend),
		replace: s.command(s.sql.replace),
		remove:  s.command(s.sql.remove),
		create:  s.command(s.sql.create),
		expired: s.command(s.sql.sweep),
	}
}

func (w *swap) save(ctx context.Context, key string, change store.Change) (version uint64, err error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	if change.Create {
		return w.put(ctx, key, change)
	}
	if change.Base != nil {
		// Nearly always Base is what is stored. An answer other than success is not to be had
		// from it, as it may be stale.
		if next, err := store.Apply(*change.Base, true, change); err == nil {
			if landed, err := w.write(ctx, nil, key, *change.Base, next); err != nil || landed {
				return next.Version, err
			}
		}
	}
	old, err := w.store.loadLive(ctx, key)
	if err != nil {
		return 0, err
	}
	next, err := store.Apply(old, true, change)
	if err != nil {
		return 0, err
	}
	if landed, err := w.write(ctx, nil, key, old, next); err != nil || landed {
		return next.Version, err
	}
	return w.hold(ctx, key, change)
}

// hold makes a change that others have been faster than: it locks the row first. Callers of
// one process do so one at a time for each key, so that a session with many writers takes
// one connection and not all.
func (w *swap) hold(ctx context.Context, key string, change store.Change) (version uint64, err error) {
	leave, err := w.gate.enter(ctx, key)
	if err != nil {
		return 0, fmt.Errorf("nothing was changed: %w", err)
	}
	defer leave()
	err = w.store.dialect.patiently(ctx, func() error {
		version, err = w.tryHold(ctx, key, change)
		return err
	})
	return version, err
}

// readCommitted is what a transaction of ours needs, whatever is usual on the connection: it
// sees what was committed while it waited for a lock, and locks no more than the rows it
// finds.
var readCommitted = &sql.TxOptions{Isolation: sql.LevelReadCommitted}

func (w *swap) tryHold(ctx context.Context, key string, change store.Change) (version uint64, err error) {
	for _, c := range []*command{w.claim, w.edit, w.extend, w.replace} {
		if err := c.ready(ctx); err != nil {
			return 0, err
		}
	}
	tx, err := w.store.db.BeginTx(ctx, readCommitted)
	if err != nil {
		return 0, err
	}
	defer tx.Rollback()
	now, _ := w.store.dialect.now()
	rows, err := w.claim.queryIn(ctx, tx, key)
	if err != nil {
		return 0, err
	}
	old, err := w.store.read(rows, key, now)
	if err != nil {
		return 0, err
	}
	next, err := store.Apply(old.rec, old.live, change)
	if err != nil {
		return 0, err
	}
	landed, err := w.write(ctx, tx, key, old.rec, next)
	if err != nil {
		return 0, err
	}
	if !landed {
		return 0, store.ErrNotFound // it has expired in this moment
	}
	if err := tx.Commit(); err != nil {
		return 0, fmt.Errorf("commit: %w", err)
	}
	return next.Version, nil
}

// write puts next where old is, and reports whether old was there and live. tx may be nil.
func (w *swap) write(ctx context.Context, tx *sql.Tx, key string, old, next store.Record) (landed bool, err error) {
	var q rowQuerier = w.store.db
	if tx != nil {
		q = tx
	}
	doc, err := w.document(ctx, q, key, next)
	if err != nil {
		return false, err
	}
	was, version, expires := int64(old.Version), int64(next.Version), next.ExpiresAt.UnixMilli()
	var c *command
	var args []any
	switch {
	case next.Owner != old.Owner:
		c, args = w.replace, []any{version, doc, expires, next.Owner, key, was}
	case expires != old.ExpiresAt.UnixMilli():
		c, args = w.extend, []any{version, doc, expires, key, was}
	default:
		c, args = w.edit, []any{version, doc, key, was}
	}
	if tx != nil {
		n, err := affected(c.execIn(ctx, tx, args...))
		return n == 1, err
	}
	err = w.store.dialect.patiently(ctx, func() error {
		n, err := affected(c.exec(ctx, args...))
		landed = n == 1
		return err
	})
	return landed, err
}

// put makes a new record. Its version is the database's to tell, since clocks of several
// processes differ.
func (w *swap) put(ctx context.Context, key string, change store.Change) (version uint64, err error) {
	next, refused := store.Apply(store.Record{}, false, change)
	if refused == nil {
		doc, err := w.document(ctx, w.store.db, key, next)
		if err != nil {
			return 0, err
		}
		var created int64
		err = w.store.dialect.patiently(ctx, func() (err error) {
			created, err = w.created(ctx, w.create, key, next.Owner, next.ExpiresAt.UnixMilli(), doc)
			return err
		})
		if err != nil || created > 0 {
			return uint64(created), err
		}
		refused = store.ErrExists
	}
	// What stands in the way says more, if it is there and is no record.
	switch _, err := w.store.loadLive(ctx, key); {
	case err == nil:
		return 0, store.ErrExists
	case errors.Is(err, store.ErrNotFound):
		return 0, refused
	default:
		return 0, err
	}
}

// document returns the fields of a record as they are stored, or why the database would not
// take them.
func (w *swap) document(ctx context.Context, q rowQuerier, key string, rec store.Record) (string, error) {
	doc, err := w.store.document(ctx, q, key, rec)
	if err == nil && !utf8.ValidString(doc) {
		err = fmt.Errorf("the fields for key %q are not valid UTF-8, as JSON text is (RFC 8259), nothing was changed", key)
	}
	return doc, err
}

func (w *swap) delete(ctx context.Context, key string) error {
	return w.store.dialect.patiently(ctx, func() error {
		_, err := w.remove.exec(ctx, key)
		return err
	})
}

func (w *swap) sweep(ctx context.Context, most int) (removed int, err error) {
	err = w.store.dialect.patiently(ctx, func() (err error) {
		removed, err = w.swept(ctx, w.expired, most)
		return err
	})
	return removed, err
}
