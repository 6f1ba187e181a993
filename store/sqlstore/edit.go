package sqlstore

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
)

// Grouped is the editor of a database with one writer at a time.
//
// The variables that the functions given to do set are read only when do returned nil:
// after an error they may still be written.
type grouped struct {
	*group
	store *Store

	read, insert, edit, extend, replace, remove, expired *command
}

func newGrouped(s *Store) *grouped {
	g := &grouped{
		store:   s,
		read:    s.command(s.sql.read),
		insert:  s.command(s.sql.insert),
		edit:    s.command(s.sql.edit),
		extend:  s.command(s.sql.extend),
		replace: s.command(s.sql.replace),
		remove:  s.command(s.sql.remove),
		expired: s.command(s.sql.sweep),
	}
	g.group = newGroup(s.db, &s.dialect, s.command(s.sql.lock), g.read, g.insert, g.edit, g.extend, g.replace, g.remove, g.expired)
	return g
}

func (g *grouped) save(ctx context.Context, key string, change store.Change) (uint64, error) {
	change = own(change)
	var version uint64
	err := g.do(ctx, func(ctx context.Context, tx *transaction) (answer, fault error) {
		version, answer, fault = g.apply(ctx, tx, key, change)
		return answer, fault
	})
	if err != nil {
		return 0, err
	}
	return version, nil
}

func (g *grouped) apply(ctx context.Context, tx *transaction, key string, change store.Change) (version uint64, answer, fault error) {
	now := time.Now().UnixMilli()
	if base := change.Base; base != nil && !change.Create && base.ExpiresAt.UnixMilli() > now {
		// Nearly always Base is what is stored, and the row need not be read and parsed.
		// An answer other than success is not to be had from it, as it may be stale.
		if next, err := store.Apply(*base, true, change); err == nil {
			written, err := g.write(ctx, tx, key, stored{rec: *base, found: true, live: true}, next)
			if err != nil || written {
				return next.Version, nil, err
			}
		}
	}
	rows, err := tx.query(ctx, g.read, key)
	if err != nil {
		return 0, nil, err
	}
	old, err := g.store.read(rows, key, now)
	if errors.Is(err, store.ErrMalformed) {
		return 0, err, nil
	} else if err != nil {
		return 0, nil, err
	}
	next, err := store.Apply(old.rec, old.live, change)
	if err != nil {
		return 0, err, nil
	}
	_, err = g.write(ctx, tx, key, old, next)
	return next.Version, nil, err
}

// write puts next where old was, and reports whether old was there.
func (g *grouped) write(ctx context.Context, tx *transaction, key string, old stored, next store.Record) (written bool, err error) {
	doc, err := g.store.document(ctx, nil, key, next)
	if err != nil {
		return false, err
	}
	was, version := int64(old.rec.Version), int64(next.Version)
	expires := next.ExpiresAt.UnixMilli()
	var n int
	switch {
	case !old.found:
		n, err = tx.exec(ctx, g.insert, key, version, next.Owner, expires, doc)
	case !old.live || next.Owner != old.rec.Owner:
		n, err = tx.exec(ctx, g.replace, version, doc, expires, next.Owner, key, was)
	case expires != old.rec.ExpiresAt.UnixMilli():
		n, err = tx.exec(ctx, g.extend, version, doc, expires, key, was)
	default:
		n, err = tx.exec(ctx, g.edit, version, doc, key, was)
	}
	return n == 1, err
}

// own returns a copy of change that shares nothing with the caller's: a Save whose ctx
// ends returns while the change is still being read.
func own(change store.Change) store.Change {
	change.If = slices.Clone(change.If)
	change.Unset = slices.Clone(change.Unset)
	change.Base = copied(change.Base)
	change.Owner = copied(change.Owner)
	return change
}

func copied[T any](p *T) *T {
	if p == nil {
		return nil
	}
	v := *p
	return &v
}

func (g *grouped) delete(ctx context.Context, key string) error {
	return g.do(ctx, func(ctx context.Context, tx *transaction) (answer, fault error) {
		_, err := tx.exec(ctx, g.remove, key)
		return nil, err
	})
}

func (g *grouped) sweep(ctx context.Context, most int) (int, error) {
	var removed int
	err := g.do(ctx, func(ctx context.Context, tx *transaction) (answer, fault error) {
		removed, fault = tx.exec(ctx, g.expired, time.Now().UnixMilli(), most)
		return nil, fault
	})
	if err != nil {
		return 0, err
	}
	return removed, nil
}
