package sqlite_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"slices"
	"sync"
	"testing"

	"modernc.org/sqlite"
)

// trace records what a database handle sends to its connections.
type trace struct {
	driver.Connector
	mu         sync.Mutex
	statements []string // texts that were prepared or run, each once
	commits    int
}

func openTraced(t testing.TB, name string) (*sql.DB, *trace) {
	t.Helper()
	connector, err := sqlite.NewConnector(name)
	if err != nil {
		t.Fatal(err)
	}
	tr := &trace{Connector: connector}
	db := sql.OpenDB(tr)
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db, tr
}

func (tr *trace) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := tr.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return &tracedConn{conn.(fullConn), tr}, nil
}

func (tr *trace) saw(text string) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	if !slices.Contains(tr.statements, text) {
		tr.statements = append(tr.statements, text)
	}
}

// fullConn is what the driver's connections can do.
type fullConn interface {
	driver.Conn
	driver.ConnPrepareContext
	driver.ConnBeginTx
	driver.QueryerContext
	driver.ExecerContext
	driver.SessionResetter
	driver.Validator
}

type tracedConn struct {
	fullConn
	trace *trace
}

func (c *tracedConn) PrepareContext(ctx context.Context, text string) (driver.Stmt, error) {
	c.trace.saw(text)
	return c.fullConn.PrepareContext(ctx, text)
}

func (c *tracedConn) QueryContext(ctx context.Context, text string, args []driver.NamedValue) (driver.Rows, error) {
	c.trace.saw(text)
	return c.fullConn.QueryContext(ctx, text, args)
}

func (c *tracedConn) ExecContext(ctx context.Context, text string, args []driver.NamedValue) (driver.Result, error) {
	c.trace.saw(text)
	return c.fullConn.ExecContext(ctx, text, args)
}

func (c *tracedConn) BeginTx(ctx context.Context, opts driver.TxOptions) (driver.Tx, error) {
	tx, err := c.fullConn.BeginTx(ctx, opts)
	return &tracedTx{tx, c.trace}, err
}

type tracedTx struct {
	driver.Tx
	trace *trace
}

func (tx *tracedTx) Commit() error {
	tx.trace.mu.Lock()
	tx.trace.commits++
	tx.trace.mu.Unlock()
	return tx.Tx.Commit()
}
