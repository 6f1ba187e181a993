package sqlstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"
	"testing"
)

// fakeDB is a database/sql driver that knows the statements of this package and no
// others, has one writer at a time, and fails or waits where a test says so.
type fakeDB struct {
	t     *testing.T
	names map[string]string // of statements, by text

	mu     sync.Mutex
	rows   map[string]fakeRow
	writer *fakeConn // holds the lock
	log    []string  // what was done, in order

	// before is called before each step: "begin", "commit", "rollback", "close", or the
	// name of a statement with its key. An error takes the place of the step.
	before func(step, key string) error
}

type fakeRow struct {
	version, expires int64
	owner, fields    string
}

// newFake returns a Store over a fake database. The database is closed when the test
// calls stop.
func newFake(t *testing.T) (s *Store, fake *fakeDB, stop func()) {
	t.Helper()
	st := sqliteStatements(`"` + defaultTable + `"`)
	fake = &fakeDB{t: t, rows: map[string]fakeRow{}, names: map[string]string{
		st.load: "load", st.lock: "lock", st.read: "read", st.insert: "insert", st.edit: "edit", st.extend: "extend",
		st.replace: "replace", st.remove: "remove", st.sweep: "sweep",
	}}
	db := sql.OpenDB(fake)
	s, err := New(db, SQLite(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return s, fake, func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}
}

// count returns how often a step was done or tried.
func (f *fakeDB) count(step string) (n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, s := range f.log {
		if s == step {
			n++
		}
	}
	return n
}

func (f *fakeDB) row(key string) (fakeRow, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	r, ok := f.rows[key]
	return r, ok
}

func (f *fakeDB) step(name, key string) error {
	f.mu.Lock()
	f.log = append(f.log, name)
	before := f.before
	f.mu.Unlock()
	if before == nil {
		return nil
	}
	return before(name, key)
}

func (f *fakeDB) Connect(context.Context) (driver.Conn, error) { return &fakeConn{db: f}, nil }
func (f *fakeDB) Driver() driver.Driver                        { return f }
func (f *fakeDB) Open(string) (driver.Conn, error)             { return nil, errors.New("not used") }

type fakeConn struct {
	db   *fakeDB
	undo map[string]fakeRow // the rows at the begin of the transaction
}

func (c *fakeConn) Close() error              { return c.db.step("close", "") }
func (c *fakeConn) Begin() (driver.Tx, error) { return nil, errors.New("not used") }

func (c *fakeConn) Prepare(text string) (driver.Stmt, error) {
	name, ok := c.db.names[text]
	if !ok {
		return nil, fmt.Errorf("near %q: syntax error", text)
	}
	return &fakeStmt{c, name}, nil
}

func (c *fakeConn) BeginTx(context.Context, driver.TxOptions) (driver.Tx, error) {
	if err := c.db.step("begin", ""); err != nil {
		return nil, err
	}
	return c, nil
}

func (c *fakeConn) Commit() error {
	err := c.db.step("commit", "")
	c.end(err != nil)
	return err
}

func (c *fakeConn) Rollback() error {
	err := c.db.step("rollback", "")
	c.end(true)
	return err
}

func (c *fakeConn) end(undo bool) {
	c.db.mu.Lock()
	defer c.db.mu.Unlock()
	if c.db.writer != c {
		return
	}
	c.db.writer = nil
	if undo {
		c.db.rows = c.undo
	}
}

type fakeStmt struct {
	conn *fakeConn
	name string
}

func (s *fakeStmt) Close() error                               { return nil }
func (s *fakeStmt) NumInput() int                              { return -1 }
func (s *fakeStmt) Exec([]driver.Value) (driver.Result, error) { return nil, errors.New("not used") }

func (s *fakeStmt) Query([]driver.Value) (driver.Rows, error) { return nil, errors.New("not used") }

func (s *fakeStmt) ExecContext(_ context.Context, args []driver.NamedValue) (driver.Result, error) {
	key, text, number := "", text(args), number(args)
	switch s.name {
	case "insert", "remove":
		key = text(0)
	case "edit", "extend", "replace":
		key = text(len(args) - 2)
	}
	db := s.conn.db
	if err := db.step(s.name, key); err != nil {
		return nil, err
	}
	db.mu.Lock()
	defer db.mu.Unlock()
	if s.name == "lock" {
		if db.writer != nil {
			return nil, errors.New("database is locked")
		}
		db.writer, s.conn.undo = s.conn, maps.Clone(db.rows)
		return driver.RowsAffected(0), nil
	}
	if db.writer != s.conn {
		db.t.Errorf("%s without the lock", s.name)
	}
	old, found := db.rows[key]
	if s.name == "edit" || s.name == "extend" || s.name == "replace" {
		if !found || old.version != number(len(args)-1) {
			return driver.RowsAffected(0), nil
		}
	}
	switch s.name {
	case "insert":
		db.rows[key] = fakeRow{version: number(1), owner: text(2), expires: number(3), fields: text(4)}
	case "edit":
		db.rows[key] = fakeRow{version: number(0), owner: old.owner, expires: old.expires, fields: text(1)}
	case "extend":
		db.rows[key] = fakeRow{version: number(0), owner: old.owner, expires: number(2), fields: text(1)}
	case "replace":
		db.rows[key] = fakeRow{version: number(0), owner: text(3), expires: number(2), fields: text(1)}
	case "remove":
		delete(db.rows, key)
	case "sweep":
		removed := int64(0)
		for key, row := range db.rows {
			if row.expires <= number(0) && removed < number(1) {
				delete(db.rows, key)
				removed++
			}
		}
		return driver.RowsAffected(removed), nil
	}
	return driver.RowsAffected(1), nil
}

func (s *fakeStmt) QueryContext(_ context.Context, args []driver.NamedValue) (driver.Rows, error) {
	key := text(args)(0)
	if err := s.conn.db.step(s.name, key); err != nil {
		return nil, err
	}
	row, ok := s.conn.db.row(key)
	if !ok || s.name == "load" && row.expires <= number(args)(1) {
		return &fakeRows{}, nil
	}
	return &fakeRows{[]driver.Value{row.version, row.owner, row.expires, row.fields}}, nil
}

func text(args []driver.NamedValue) func(int) string {
	return func(i int) string { return args[i].Value.(string) }
}

func number(args []driver.NamedValue) func(int) int64 {
	return func(i int) int64 { return args[i].Value.(int64) }
}

type fakeRows struct{ row []driver.Value }

func (r *fakeRows) Columns() []string { return []string{"version", "owner", "expires", "fields"} }
func (r *fakeRows) Close() error      { return nil }

func (r *fakeRows) Next(dest []driver.Value) error {
	if r.row == nil {
		return io.EOF
	}
	copy(dest, slices.Clone(r.row))
	r.row = nil
	return nil
}
