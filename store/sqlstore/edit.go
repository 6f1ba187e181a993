package sqlstore

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
)

// The variables that the functions given to do set are read only when do returned nil:
// after an error they may still be written.

func (g *group) save(ctx context.Context, key string, change store.Change) (uint64, error) {
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

func (g *group) apply(ctx context.Context, tx *transaction, key string, change store.Change) (version uint64, answer, fault error) {
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
	rows, err := tx.query(ctx, g.stmts.read, key)
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
func (g *group) write(ctx context.Context, tx *transaction, key string, old stored, next store.Record) (written bool, err error) {
	fields, err := next.Fields.MarshalJSON() // called directly: json.Marshal would rewrite values
	if err != nil {
		return false, err
	}
	was, version := int64(old.rec.Version), int64(next.Version)
	doc, expires := string(fields), next.ExpiresAt.UnixMilli()
	var n int
	switch {
	case !old.found:
		n, err = tx.exec(ctx, g.stmts.insert, key, version, next.Owner, expires, doc)
	case !old.live || next.Owner != old.rec.Owner:
		n, err = tx.exec(ctx, g.stmts.replace, version, doc, expires, next.Owner, key, was)
	case expires != old.rec.ExpiresAt.UnixMilli():
		n, err = tx.exec(ctx, g.stmts.extend, version, doc, expires, key, was)
	default:
		n, err = tx.exec(ctx, g.stmts.edit, version, doc, key, was)
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

func (g *group) delete(ctx context.Context, key string) error {
	return g.do(ctx, func(ctx context.Context, tx *transaction) (answer, fault error) {
		_, err := tx.exec(ctx, g.stmts.remove, key)
		return nil, err
	})
}

func (g *group) sweep(ctx context.Context, most int) (int, error) {
	var removed int
	err := g.do(ctx, func(ctx context.Context, tx *transaction) (answer, fault error) {
		removed, fault = tx.exec(ctx, g.stmts.sweep, time.Now().UnixMilli(), most)
		return nil, fault
	})
	if err != nil {
		return 0, err
	}
	return removed, nil
}
