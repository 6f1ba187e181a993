package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	"sync/atomic"
)

// A command is one statement. Unless it is direct it is prepared when it is first needed,
// since the table may not be there before; database/sql then keeps it ready on each
// connection.
type command struct {
	db     *sql.DB
	text   string
	direct bool
	stmt   atomic.Pointer[sql.Stmt]
}

func (d *Dialect) command(db *sql.DB, text string) *command {
	return &command{db: db, text: text, direct: !d.prepares}
}

// ready prepares the command. It needs a connection the first time: never call it while
// holding one, since the pool may have no other.
func (c *command) ready(ctx context.Context) error {
	if c.direct || c.stmt.Load() != nil {
		return nil
	}
	stmt, err := c.db.PrepareContext(ctx, c.text)
	if err != nil {
		return fmt.Errorf("prepare: %w", err)
	}
	if !c.stmt.CompareAndSwap(nil, stmt) {
		stmt.Close() // somebody else was faster
	}
	return nil
}

func (c *command) query(ctx context.Context, args ...any) (*sql.Rows, error) {
	if c.direct {
		return c.db.QueryContext(ctx, c.text, args...)
	}
	if err := c.ready(ctx); err != nil {
		return nil, err
	}
	return c.stmt.Load().QueryContext(ctx, args...)
}

func (c *command) exec(ctx context.Context, args ...any) (sql.Result, error) {
	if c.direct {
		return c.db.ExecContext(ctx, c.text, args...)
	}
	if err := c.ready(ctx); err != nil {
		return nil, err
	}
	return c.stmt.Load().ExecContext(ctx, args...)
}

// queryIn is query within a transaction. The command must be ready.
func (c *command) queryIn(ctx context.Context, tx *sql.Tx, args ...any) (*sql.Rows, error) {
	if c.direct {
		return tx.QueryContext(ctx, c.text, args...)
	}
	return tx.StmtContext(ctx, c.stmt.Load()).QueryContext(ctx, args...)
}

// execIn is exec within a transaction. The command must be ready.
func (c *command) execIn(ctx context.Context, tx *sql.Tx, args ...any) (sql.Result, error) {
	if c.direct {
		return tx.ExecContext(ctx, c.text, args...)
	}
	return tx.StmtContext(ctx, c.stmt.Load()).ExecContext(ctx, args...)
}

// affected returns how many rows a statement has changed.
func affected(result sql.Result, err error) (int, error) {
	if err != nil {
		return 0, err
	}
	n, err := result.RowsAffected()
	return int(n), err
}
