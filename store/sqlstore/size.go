package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	"sync/atomic"
)

// A ceiling is how much a database takes at a time.
type ceiling struct {
	dialect *Dialect
	// asked is what the database said last, for those that must be asked.
	asked atomic.Int64
}

type rowQuerier interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// check returns an error when the database would not take so many bytes for one key.
func (c *ceiling) check(ctx context.Context, q rowQuerier, key string, size int) error {
	most, err := c.dialect.largest(ctx, c, q, size)
	if err != nil {
		return err
	}
	if size <= most {
		return nil
	}
	return fmt.Errorf("what is to be stored at key %q has %d bytes and %s takes at most %d: store less%s, nothing was changed",
		key, size, c.dialect.name, most, c.dialect.more)
}
