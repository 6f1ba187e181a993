package sqlstore

import (
	"context"
	"database/sql"
	"math"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
)

// Dialect is what differs from one kind of database to the next. It is made by a function
// of this package, such as [PostgreSQL], and given to [New] or [NewKV].
type Dialect struct {
	name string // of the database, for messages
	// quote puts a name, which has been checked, between the database's quotes.
	quote func(name string) string
	// serverClock: statements judge by the clock of the database. Without it they are told
	// the time.
	serverClock bool
	// prepares: statements are prepared. Without it they are sent as text, which leaves it
	// to the driver whether to prepare them.
	prepares bool
	// statements returns the SQL text for a table, whose name is quoted.
	statements func(table string) statements
	// migrate brings the table to the newest version of the schema. It is called again
	// when it returned an error that is busy.
	migrate func(ctx context.Context, conn *sql.Conn, at place) error
	// busy reports whether an error means that somebody was in the way, as with a lock or a
	// deadlock, and that nothing was done.
	busy func(error) bool
	// largest returns how many bytes fit, or any number from size on when size fits.
	largest func(ctx context.Context, c *ceiling, q rowQuerier, size int) (most int, err error)
	more    string // what else to do when they do not fit, after "store less"
	// diagnose tells from an error what is wrong with the setup.
	diagnose func(error) problem
	// hasSchemas and hasUnlogged say which Options mean something. durability is what decides
	// what a crash costs, where Options.Unlogged does not.
	hasSchemas, hasUnlogged bool
	durability              string
	// syntax is how a KV speaks to the database.
	syntax kvSyntax
	// editor returns what makes an edit one atomic step.
	editor func(*Store) editor
}

// An editor changes records, each in one atomic step.
type editor interface {
	save(ctx context.Context, key string, change store.Change) (version uint64, err error)
	delete(ctx context.Context, key string) error
	sweep(ctx context.Context, most int) (removed int, err error)
}

// statements is the SQL text for one table. Times are Unix milliseconds; now is a parameter
// only where the database does not judge by its own clock.
type statements struct {
	load  string // (key, now): version, owner, expires, fields of a live record
	keys  string // (after, now, limit): keys of live records in order, without those that begin with "$"
	owned string // (owner, after, now, limit): the same for one owner
	// The three forms of an update find the row at key if it still has the version was, and
	// where the database judges, if it is live. They name only what has changed: an index
	// over a column that is named may be written again.
	edit    string // (version, fields, key, was)
	extend  string // (version, fields, expires, key, was)
	replace string // (version, fields, expires, owner, key, was)
	remove  string // (key)
	sweep   string // (now, limit): removes expired records

	// For a group.
	lock   string // (): takes the write lock and changes nothing
	read   string // (key): as load, live or not
	insert string // (key, version, owner, expires, fields)

	// For a swap.
	claim  string // (key): as load, and holds the row until the transaction ends
	create string // (key, owner, expires, fields): puts a row unless there is a live one, and tells its version
}

// now returns the time by which this process judges the rows that it gets, and what the
// statements are told of it. Where the database judges, what it gives is live.
func (d *Dialect) now() (now int64, args []any) {
	if d.serverClock {
		return math.MinInt64, nil
	}
	now = time.Now().UnixMilli()
	return now, []any{now}
}
