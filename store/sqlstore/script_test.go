package sqlstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"slices"
	"sync"
	"testing"
)

// script is a database/sql driver that knows nothing: a test says what each statement finds.
type script struct {
	// answer is called for "begin", "commit", "rollback", and each statement by its name, which
	// has "held " before it when it writes in a transaction.
	answer func(step string, args []driver.NamedValue) (reply, error)
	names  map[string]string // of statements, by text

	mu         sync.Mutex
	log        []string
	isolations []driver.IsolationLevel
	open, most int // transactions, now and at most
}

// A reply is what a statement finds or has done.
type reply struct {
	row      []driver.Value // nil for none
	affected int64
	id       int64
}

// newScript returns a Store of a dialect over a script.
func newScript(t *testing.T, d Dialect) (*Store, *script) {
	t.Helper()
	st := d.statements(d.quote(defaultTable))
	sc := &script{names: map[string]string{
		st.load: "load", st.claim: "claim", st.edit: "edit", st.extend: "extend", st.replace: "replace",
		st.create: "create", st.remove: "remove", st.sweep: "sweep", `SELECT @@max_allowed_packet`: "packet",
	}}
	db := sql.OpenDB(sc)
	t.Cleanup(func() { _ = db.Close() })
	s, err := New(db, d, nil)
	if err != nil {
		t.Fatal(err)
	}
	return s, sc
}

// plain answers so that every change lands at once.
func plain(step string, _ []driver.NamedValue) (reply, error) {
	if step == "packet" {
		return reply{row: []driver.Value{int64(1 << 20)}}, nil
	}
	return reply{affected: 1, id: 7, row: []driver.Value{int64(7)}}, nil
}

// steps returns what was done, without what prepares for it.
func (sc *script) steps() []string {
	sc.mu.Lock()
	defer sc.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(sc.log), func(s string) bool { return s == "packet" })
}

func (sc *script) step(name string, args []driver.NamedValue) (reply, error) {
	sc.mu.Lock()
	sc.log = append(sc.log, name)
	sc.mu.Unlock()
	return sc.answer(name, args)
}

func (sc *script) Connect(context.Context) (driver.Conn, error) { return &scriptConn{script: sc}, nil }
func (sc *script) Driver() driver.Driver                        { return sc }
func (sc *script) Open(string) (driver.Conn, error)             { return nil, errors.New("not used") }

type scriptConn struct {
	*script
	holds bool // a transaction
}

func (c *scriptConn) Close() error              { return nil }
func (c *scriptConn) Begin() (driver.Tx, error) { return nil, errors.New("not used") }

func (c *scriptConn) BeginTx(_ context.Context, o driver.TxOptions) (driver.Tx, error) {
	_, err := c.step("begin", nil)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.isolations = append(c.isolations, o.Isolation)
	c.open++
	c.holds = true
	c.most = max(c.most, c.open)
	return c, nil
}

func (c *scriptConn) end(step string) error {
	_, err := c.step(step, nil)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.open--
	c.holds = false
	return err
}

func (c *scriptConn) Commit() error   { return c.end("commit") }
func (c *scriptConn) Rollback() error { return c.end("rollback") }

func (c *scriptConn) Prepare(text string) (driver.Stmt, error) {
	name, ok := c.names[text]
	if !ok {
		return nil, errors.New("unknown statement: " + text)
	}
	return &scriptStmt{c, name}, nil
}

type scriptStmt struct {
	conn *scriptConn
	name string
}

func (s *scriptStmt) Close() error                               { return nil }
func (s *scriptStmt) NumInput() int                              { return -1 }
func (s *scriptStmt) Exec([]driver.Value) (driver.Result, error) { return nil, errors.New("not used") }

func (s *scriptStmt) Query([]driver.Value) (driver.Rows, error) { return nil, errors.New("not used") }

func (s *scriptStmt) ExecContext(_ context.Context, args []driver.NamedValue) (driver.Result, error) {
	name := s.name
	if s.conn.holds {
		name = "held " + name
	}
	r, err := s.conn.step(name, args)
	return scriptResult(r), err
}

func (s *scriptStmt) QueryContext(_ context.Context, args []driver.NamedValue) (driver.Rows, error) {
	r, err := s.conn.step(s.name, args)
	if err != nil {
		return nil, err
	}
	return &scriptRows{r.row, len(r.row)}, nil
}

type scriptResult reply

func (r scriptResult) LastInsertId() (int64, error) { return r.id, nil }
func (r scriptResult) RowsAffected() (int64, error) { return r.affected, nil }

type scriptRows struct {
	row     []driver.Value
	columns int
}

func (r *scriptRows) Columns() []string { return make([]string, r.columns) }
func (r *scriptRows) Close() error      { return nil }

func (r *scriptRows) Next(dest []driver.Value) error {
	if r.row == nil {
		return io.EOF
	}
	copy(dest, r.row)
	r.row = nil
	return nil
}
