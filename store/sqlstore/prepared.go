package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	"sync/atomic"
)

// A prepared statement is prepared when it is first needed, since the table may not be
// there before. database/sql then keeps it ready on each connection.
type prepared struct {
	db   *sql.DB
	text string
	stmt atomic.Pointer[sql.Stmt]
}

// get needs a connection the first time: never call it while holding one, since the pool
// may have no other.
func (p *prepared) get(ctx context.Context) (*sql.Stmt, error) {
	if stmt := p.stmt.Load(); stmt != nil {
		return stmt, nil
	}
	stmt, err := p.db.PrepareContext(ctx, p.text)
	if err != nil {
		return nil, fmt.Errorf("prepare (call Migrate first if the table is missing): %w", err)
	}
	if !p.stmt.CompareAndSwap(nil, stmt) {
		stmt.Close() // somebody else was faster
	}
	return p.stmt.Load(), nil
}
