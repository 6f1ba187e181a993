package sqlstore

import "strconv"

// kvSyntax is how a KV speaks to a database. Times are Unix milliseconds.
type kvSyntax struct {
	oneWriter bool
	// duplicate knows the error for a key that is there already. Where there is none, an
	// INSERT can replace a row under a condition.
	duplicate func(error) bool
	// countsChanges: an UPDATE tells how many rows it has changed, not how many it has found.
	countsChanges bool

	mark func(n int) string // the n-th parameter, from 1
	now  string
	// same compares a column of the KV, bytes or text, with a parameter.
	same func(column, mark string, binary bool) string
	// exact is a second condition on the key, where equality of text is not enough. It has a
	// parameter of its own.
	exact func(column, mark string) string
	// millis is the value of a column.
	millis map[Expiry]func(column string) string
	// stamp is the value for a Timestamp of what stampArg has made of a time, which is rounded
	// down to stampGrain and not after lastStamp.
	stamp                 func(mark string) string
	stampArg              func(at int64) any
	stampGrain, lastStamp int64
}

// keyArgs returns the parameters of a condition on the key.
func (x *kvSyntax) keyArgs(key string) []any {
	if x.exact == nil {
		return []any{key}
	}
	return []any{key, key}
}

// kvStatements is the SQL text for a table of somebody else's. An end is there with Expires
// only, and a key may be there twice: see keyArgs.
type kvStatements struct {
	get    string // (key): value and end of a live entry, and whether there is an end, which may be garbage
	create string // (key, value, end)
	clear  string // (key): removes an entry that has expired
	swap   string // (value, end, key, old value)
	remove string // (key)
	lock   string // (): takes the write lock and changes nothing
}

func kvStatementsOf(d *Dialect, o *KVOptions) kvStatements {
	x := &d.syntax
	table := place{schema: o.Schema, table: o.Table}.in(d, o.Table)
	key, value, expires := d.quote(o.Key), d.quote(o.Value), d.quote(o.Expires)
	// In conditions columns are named with their table. SQLite would take one that is not
	// there for text otherwise.
	of := d.quote(o.Table) + `.`
	timed := o.Expires != ""

	// One parameter after the other.
	var n int
	next := func() string {
		n++
		return x.mark(n)
	}
	put := func() string { // the parameter for the end
		if o.ExpiresAs == Timestamp {
			return x.stamp(next())
		}
		return next()
	}
	isKey := func() string {
		condition := of + key + ` = ` + next()
		if x.exact != nil {
			condition += ` AND ` + x.exact(of+key, next())
		}
		return condition
	}
	end, ends, live, seen, over := `NULL`, `1 = 0`, ``, ``, ``
	if timed {
		column := of + expires
		end = x.millis[o.ExpiresAs](column) + ` + ` + strconv.FormatInt(o.Lifetime.Milliseconds(), 10)
		ends = column + ` IS NOT NULL`
		live = ` AND (` + column + ` IS NULL OR ` + end + ` > ` + x.now + `)`
		seen = ` AND (` + column + ` IS NULL OR ` + end + ` IS NULL OR ` + end + ` > ` + x.now + `)`
		over = ends + ` AND ` + end + ` <= ` + x.now
	}

	var text kvStatements
	text.get = `SELECT ` + of + value + `, ` + end + `, ` + ends + ` FROM ` + table + ` WHERE ` + isKey() + seen
	n = 0
	text.remove = `DELETE FROM ` + table + ` WHERE ` + isKey()
	n = 0
	text.create = `INSERT INTO ` + table
	columns, values := key+`, `+value, next()+`, `+next()
	if timed {
		columns += `, ` + expires
		values += `, ` + put()
	}
	into := ` (` + columns + `) VALUES (` + values + `)`
	if x.duplicate != nil {
		text.create += into
	} else if timed {
		text.create += into + ` ON CONFLICT (` + key + `) DO UPDATE SET ` +
			value + ` = excluded.` + value + `, ` + expires + ` = excluded.` + expires + ` WHERE ` + over
	} else {
		text.create += into + ` ON CONFLICT (` + key + `) DO NOTHING`
	}
	n = 0
	text.swap = `UPDATE ` + table + ` SET ` + value + ` = ` + next()
	if timed {
		text.swap += `, ` + expires + ` = ` + put()
	}
	text.swap += ` WHERE ` + isKey() + ` AND ` + x.same(of+value, next(), o.Binary) + live
	n = 0
	if timed {
		text.clear = `DELETE FROM ` + table + ` WHERE ` + isKey() + ` AND ` + over
	}
	text.lock = `UPDATE ` + table + ` SET ` + key + ` = ` + key + ` WHERE 0`
	return text
}
