package sqlstore

import (
	"context"
	"database/sql"

	"github.com/cloakroom-go/cloakroom/store"
)

// Dialect is what differs from one kind of database to the next. It is made by a function
// of this package, such as [SQLite], and given to [New].
type Dialect struct {
	// statements returns the SQL text for a table.
	statements func(table string) statements
	// migrate brings the table to the newest version of the schema. It is called again
	// when it returned an error that is busy.
	migrate func(ctx context.Context, conn *sql.Conn, table string) error
	// busy reports whether an error means that somebody else holds a lock and that
	// nothing was done.
	busy func(error) bool
	// editor returns what makes an edit one atomic step.
	editor func(*Store) editor
}

// An editor changes records, each in one atomic step.
type editor interface {
	save(ctx context.Context, key string, change store.Change) (version uint64, err error)
	delete(ctx context.Context, key string) error
	sweep(ctx context.Context, most int) (removed int, err error)
}

// statements is the SQL text for one table. Times are Unix milliseconds.
type statements struct {
	load   string // (key, now): version, owner, expires, fields of a live record
	keys   string // (after, now, limit): keys of live records in order, without those that begin with "$"
	owned  string // (owner, after, now, limit): the same for one owner
	lock   string // (): takes the write lock and changes nothing
	read   string // (key): as load, live or not
	insert string // (key, version, owner, expires, fields)
	// The three forms of an update find the row at key if it still has the version was.
	// They name only what has changed: a column that is named has its index written again.
	edit    string // (version, fields, key, was)
	extend  string // (version, fields, expires, key, was)
	replace string // (version, fields, expires, owner, key, was)
	remove  string // (key)
	sweep   string // (now, limit): removes expired records
}
