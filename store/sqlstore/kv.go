package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/kvstore"
)

// KV keeps entries in a table of the program's own, such as the sessions of a library in
// another language. It is a [kvstore.KV] and safe for concurrent use. Entry.Owner is
// ignored, and there is no Revision: values are compared.
//
// Keys and values are compared byte by byte, whatever the collation of their columns. But
// where a collation of MariaDB or MySQL takes two keys for one, the table cannot hold both,
// and a CompareAndSwap that would put the second one is a conflict.
type KV struct {
	db                               *sql.DB
	dialect                          Dialect
	options                          KVOptions
	ceiling                          ceiling
	get, create, clear, swap, remove *command
	group                            *group // nil where many can write at a time
}

var _ kvstore.KV = (*KV)(nil)

// NewKV returns a KV over a table that is there. db stays the caller's. NewKV does not touch
// the database.
//
// It is an error when db is nil, when dialect is not one that this package made, or when
// options are not as described there.
func NewKV(db *sql.DB, dialect Dialect, options KVOptions) (*KV, error) {
	if db == nil {
		return nil, errNoDB
	}
	if dialect.statements == nil {
		return nil, errNoDialect
	}
	if err := options.check(&dialect); err != nil {
		return nil, err
	}
	k := &KV{db: db, dialect: dialect, options: options}
	k.ceiling.dialect = &k.dialect
	text := kvStatementsOf(&dialect, &options)
	command := func(text string) *command { return k.dialect.command(db, text) }
	k.get, k.create, k.clear = command(text.get), command(text.create), command(text.clear)
	k.swap, k.remove = command(text.swap), command(text.remove)
	if dialect.syntax.oneWriter {
		k.group = newGroup(db, &k.dialect, command(text.lock), k.create, k.swap, k.remove)
	}
	return k, nil
}

// Get returns the live entry at key, with ExpiresAt. Its errors are [store.ErrNotFound] and
// outages.
func (k *KV) Get(ctx context.Context, key string) (kvstore.Entry, error) {
	entry, err := k.read(ctx, key)
	if err != nil {
		return kvstore.Entry{}, fmt.Errorf("sqlstore: get: %w", k.outage(ctx, err))
	}
	return entry, nil
}

func (k *KV) read(ctx context.Context, key string) (entry kvstore.Entry, err error) {
	if err := ctx.Err(); err != nil {
		return kvstore.Entry{}, err
	}
	if checkKey(key) != nil {
		return kvstore.Entry{}, store.ErrNotFound // no such key can have been put
	}
	err = k.dialect.patiently(ctx, func() error {
		rows, err := k.get.query(ctx, k.dialect.syntax.keyArgs(key)...)
		if err != nil {
			return err
		}
		entry, err = k.scan(rows, key)
		return err
	})
	return entry, err
}

// scan takes the only row of rows and closes them.
func (k *KV) scan(rows *sql.Rows, key string) (kvstore.Entry, error) {
	defer rows.Close()
	if !rows.Next() {
		if err := rows.Err(); err != nil {
			return kvstore.Entry{}, err
		}
		return kvstore.Entry{}, store.ErrNotFound
	}
	var value sql.RawBytes
	var end sql.NullInt64
	var ends bool
	if err := rows.Scan(&value, &end, &ends); err != nil {
		return kvstore.Entry{}, fmt.Errorf("the row at key %q: %w", key, err)
	}
	if ends && !end.Valid {
		return kvstore.Entry{}, fmt.Errorf("the row at key %q: its %s is not in the form of KVOptions.ExpiresAs: correct that", key, k.options.Expires)
	}
	entry := kvstore.Entry{Value: string(value)}
	if end.Valid {
		entry.ExpiresAt = time.UnixMilli(end.Int64)
	}
	return entry, nil
}

// CompareAndSwap puts next at key if what is there is old. Its errors are
// [store.ErrConflict], that next does not fit the table, which is known before anything is
// written, and outages. It repeats a statement only as [Store.Save] does.
func (k *KV) CompareAndSwap(ctx context.Context, key string, old *kvstore.Entry, next kvstore.Entry) error {
	swapped, err := k.compareAndSwap(ctx, key, old, next)
	if err == nil && !swapped {
		err = store.ErrConflict
	}
	if err != nil {
		return fmt.Errorf("sqlstore: compare and swap: %w", k.outage(ctx, err))
	}
	return nil
}

func (k *KV) compareAndSwap(ctx context.Context, key string, old *kvstore.Entry, next kvstore.Entry) (swapped bool, err error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	if err := k.fits(ctx, key, next); err != nil {
		return false, err
	}
	put := []any{k.value(next.Value)}
	if k.options.Expires != "" {
		put = append(put, k.options.expires(&k.dialect, next.ExpiresAt))
	}
	if old == nil {
		return k.edit(ctx, func(ctx context.Context, exec execer) (int, error) {
			return k.putNew(ctx, exec, key, append([]any{key}, put...))
		})
	}
	if !k.options.Binary && !isText(old.Value) {
		return false, nil // no such value can be there
	}
	args := append(put, k.dialect.syntax.keyArgs(key)...)
	args = append(args, k.value(old.Value))
	swapped, err = k.edit(ctx, func(ctx context.Context, exec execer) (int, error) {
		return exec(ctx, k.swap, args...)
	})
	if err != nil || swapped || !k.dialect.syntax.countsChanges || next.Value != old.Value {
		return swapped, err
	}
	// A row that is to become what it is already has not been changed. If it is as asked for
	// now, then so it would be after a change.
	switch entry, err := k.read(ctx, key); {
	case errors.Is(err, store.ErrNotFound):
		return false, nil
	case err != nil:
		return false, err
	default:
		return entry.Value == next.Value && entry.ExpiresAt.Equal(k.options.kept(&k.dialect, next.ExpiresAt)), nil
	}
}

// putNew puts an entry where there is no live one, and returns the number of rows it has put.
func (k *KV) putNew(ctx context.Context, exec execer, key string, args []any) (int, error) {
	n, err := exec(ctx, k.create, args...)
	duplicate := k.dialect.syntax.duplicate
	if err == nil || duplicate == nil || !duplicate(err) {
		return n, err
	}
	// Something is there. If it has expired, it may go, and be there no more.
	if k.options.Expires == "" {
		return 0, nil
	}
	if n, err := exec(ctx, k.clear, k.dialect.syntax.keyArgs(key)...); err != nil || n == 0 {
		return 0, err
	}
	if n, err = exec(ctx, k.create, args...); err != nil && duplicate(err) {
		return 0, nil // somebody else was faster
	}
	return n, err
}

// Delete removes the entry at key. A missing one is not an error; every error is an outage.
func (k *KV) Delete(ctx context.Context, key string) error {
	err := ctx.Err()
	if err == nil && checkKey(key) == nil {
		_, err = k.edit(ctx, func(ctx context.Context, exec execer) (int, error) {
			return exec(ctx, k.remove, k.dialect.syntax.keyArgs(key)...)
		})
	}
	if err != nil {
		return fmt.Errorf("sqlstore: delete: %w", k.outage(ctx, err))
	}
	return nil
}

// An execer runs a command and returns how many rows it has changed.
type execer func(ctx context.Context, c *command, args ...any) (int, error)

// edit calls f, which returns how many rows it has changed, when it may write, and reports
// whether there were any.
func (k *KV) edit(ctx context.Context, f func(context.Context, execer) (int, error)) (done bool, err error) {
	if k.group == nil {
		err = k.dialect.patiently(ctx, func() error {
			n, err := f(ctx, func(ctx context.Context, c *command, args ...any) (int, error) {
				return affected(c.exec(ctx, args...))
			})
			done = n > 0
			return err
		})
		return done, err
	}
	var n int // read only after nil: see grouped
	err = k.group.do(ctx, func(ctx context.Context, tx *transaction) (answer, fault error) {
		n, fault = f(ctx, tx.exec)
		return nil, fault
	})
	if err != nil {
		return false, err
	}
	return n > 0, nil
}

// fits returns why the table cannot hold an entry.
func (k *KV) fits(ctx context.Context, key string, entry kvstore.Entry) error {
	if err := checkKey(key); err != nil {
		return err
	}
	if k.options.Expires == "" && !entry.ExpiresAt.IsZero() {
		return fmt.Errorf("the entry for key %q has an ExpiresAt and KVOptions.Expires names no column for it: name one, or leave ExpiresAt zero", key)
	}
	if !k.options.Binary && !isText(entry.Value) {
		return fmt.Errorf("the value for key %q holds a NUL or is not valid UTF-8, and KVOptions.Binary is false: keep it in a column of bytes", key)
	}
	return k.ceiling.check(ctx, k.db, key, len(key)+len(entry.Value))
}

func checkKey(key string) error {
	if len(key) == 0 || len(key) > 256 || !isText(key) {
		return fmt.Errorf("the key %.300q is not 1 to 256 bytes of valid UTF-8 without NUL", key)
	}
	return nil
}

func isText(s string) bool { return utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 }

// value returns a value as a parameter, which has the type of its column.
func (k *KV) value(value string) any {
	if k.options.Binary {
		return []byte(value)
	}
	return value
}

// outage is that of a Store, with other remedies.
func (k *KV) outage(ctx context.Context, err error) error {
	if isAnswer(err) {
		return err
	}
	if remedy := kvRemedies[k.dialect.diagnose(err)]; remedy != "" {
		err = fmt.Errorf("%w: %s", err, remedy)
	}
	return outage(ctx, err)
}
