package sqlstore

import (
	"context"
	"database/sql"
)

// A transaction holds the write lock.
type transaction struct {
	tx   *sql.Tx
	conn *sql.Conn
}

// begin waits until it has the write lock. An error means that nothing was changed.
func (g *group) begin(ctx context.Context) (tx *transaction, err error) {
	err = g.dialect.patiently(ctx, func() error {
		for _, c := range g.commands {
			if err := c.ready(ctx); err != nil {
				return err
			}
		}
		tx, err = g.tryBegin(ctx)
		return err
	})
	return tx, err
}

func (g *group) tryBegin(ctx context.Context) (*transaction, error) {
	conn, err := g.db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	// Not under ctx: database/sql rolls a transaction back when its context ends, and
	// unless the driver forbids it closes the connection too, and with it a database in
	// memory.
	sqlTx, err := conn.BeginTx(context.WithoutCancel(ctx), nil)
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	tx := &transaction{sqlTx, conn}
	if _, err := tx.exec(ctx, g.lock); err != nil {
		tx.release()
		return nil, err
	}
	return tx, nil
}

// release ends the transaction, unless it was committed, and gives its connection back.
func (t *transaction) release() {
	_ = t.tx.Rollback() // fails when it was committed, or when the database did it already
	_ = t.conn.Close()
}

func (t *transaction) query(ctx context.Context, c *command, args ...any) (*sql.Rows, error) {
	return c.queryIn(ctx, t.tx, args...)
}

func (t *transaction) exec(ctx context.Context, c *command, args ...any) (int, error) {
	return affected(c.execIn(ctx, t.tx, args...))
}
