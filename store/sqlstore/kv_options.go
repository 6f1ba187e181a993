package sqlstore

import (
	"errors"
	"fmt"
	"time"
)

// KVOptions says where the entries of a [KV] are. Names are as described at [Options]; there
// are no defaults for them.
type KVOptions struct {
	// Schema is where the table is, as in [Options]. Defaults to "".
	Schema string
	// Table is the name of the table.
	Table string
	// Key and Value are the columns of the key and the value. The key's must be the primary
	// key of the table, or have a unique constraint. All other columns need a default.
	Key, Value string
	// Binary says that the value's column holds bytes, as BLOB and bytea do. Otherwise it
	// holds text, as TEXT, varchar and json do, and values must be valid UTF-8 without NUL.
	// A jsonb column, and MySQL's json, give values back in a form of their own. On MariaDB
	// and MySQL a text column must have the character set utf8mb4, or values must be ASCII.
	Binary bool
	// Expires is the column that says when an entry ends, in the form of ExpiresAs; NULL is
	// never. With "" entries have no end, and one that has is refused.
	Expires   string
	ExpiresAs Expiry
	// Lifetime is for columns that hold when an entry was used last: it ends a Lifetime after
	// that. Defaults to 0: the column holds the end itself.
	Lifetime time.Duration
}

// Expiry is the form in which a column holds a time.
type Expiry int

const (
	// NoExpiry: there is no column.
	NoExpiry Expiry = iota
	// UnixSeconds is a number of seconds since 1970.
	UnixSeconds
	// UnixMillis is a number of milliseconds since 1970.
	UnixMillis
	// Timestamp is a timestamp or timestamptz of PostgreSQL, to the millisecond; a TIMESTAMP
	// or DATETIME of MariaDB and MySQL, to the second and until the year 2038; or text such as
	// 2006-01-02T15:04:05.000Z in SQLite. Those that have no time zone are in the one of the
	// connection, as usual. When its summer time ends, that makes an hour that is there twice:
	// use UTC.
	Timestamp
)

func (o *KVOptions) check(d *Dialect) error {
	type name struct{ option, name string }
	names := []name{{"KVOptions.Table", o.Table}, {"KVOptions.Key", o.Key}, {"KVOptions.Value", o.Value}}
	if o.Schema != "" {
		names = append(names, name{"KVOptions.Schema", o.Schema})
	}
	if o.Expires != "" {
		names = append(names, name{"KVOptions.Expires", o.Expires})
	}
	for _, n := range names {
		if err := checkName(n.option, n.name); err != nil {
			return err
		}
	}
	switch {
	case o.Schema != "" && !d.hasSchemas:
		return noSchemas("KVOptions.Schema", o.Schema)
	case o.Expires == "" && o.ExpiresAs != NoExpiry:
		return errors.New("sqlstore: KVOptions.ExpiresAs is set and KVOptions.Expires is not: name the column")
	case o.Expires != "" && (o.ExpiresAs < UnixSeconds || o.ExpiresAs > Timestamp):
		return fmt.Errorf("sqlstore: KVOptions.ExpiresAs is %d and KVOptions.Expires names a column: say UnixSeconds, UnixMillis or Timestamp", o.ExpiresAs)
	case o.Lifetime < 0 || o.Lifetime > 0 && o.Expires == "":
		return fmt.Errorf("sqlstore: KVOptions.Lifetime is %v: it must not be negative, and goes with KVOptions.Expires", o.Lifetime)
	}
	return nil
}

// earliest is the first time that every column can hold. What ends before has ended as well.
const earliest = 1000

// kept returns what is left of an ExpiresAt in the table.
func (o *KVOptions) kept(d *Dialect, end time.Time) time.Time {
	if end.IsZero() {
		return end
	}
	return time.UnixMilli(o.held(d, end)).Add(o.Lifetime)
}

// held returns what the column holds for an end, in milliseconds.
func (o *KVOptions) held(d *Dialect, end time.Time) int64 {
	at := max(end.UnixMilli()-o.Lifetime.Milliseconds(), earliest)
	if o.ExpiresAs == UnixSeconds {
		at -= at % 1000
	}
	if o.ExpiresAs == Timestamp {
		at = min(at, d.syntax.lastStamp)
		at -= at % d.syntax.stampGrain
	}
	return at
}

// expires returns an end as the parameter for its column.
func (o *KVOptions) expires(d *Dialect, end time.Time) any {
	if end.IsZero() {
		return nil
	}
	at := o.held(d, end)
	switch o.ExpiresAs {
	case UnixSeconds:
		return at / 1000
	case UnixMillis:
		return at
	}
	return d.syntax.stampArg(at)
}
