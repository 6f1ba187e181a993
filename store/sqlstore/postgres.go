package sqlstore

import (
	"context"
	"errors"
	"math"
	"strconv"
)

// PostgreSQL is the [Dialect] of PostgreSQL 12 and later. The package comment has the setup.
func PostgreSQL() Dialect {
	return Dialect{
		name:        "PostgreSQL",
		quote:       func(name string) string { return `"` + name + `"` },
		hasSchemas:  true,
		hasUnlogged: true,
		serverClock: true,
		statements:  postgresStatements,
		migrate:     migratePostgres,
		largest:     func(context.Context, *ceiling, rowQuerier, int) (int, error) { return largestPostgres, nil },
		busy:        postgresBusy,
		diagnose:    diagnosePostgres,
		editor:      newPostgresEditor,
		syntax:      postgresSyntax,
	}
}

// What the clock says. When a statement has waited for a lock and the row has changed,
// clock_timestamp is asked again; statement_timestamp stays, so that an index can be searched
// for it. extract would be exact
// where date_part is a floating point number, good for a microsecond, and costs more.
const (
	postgresNow    = `floor(date_part('epoch', clock_timestamp()) * 1000)::bigint`
	postgresBegun  = `floor(date_part('epoch', statement_timestamp()) * 1000)::bigint`
	postgresMicros = `floor(date_part('epoch', clock_timestamp()) * 1000000)::bigint`
)

func postgresStatements(t string) statements {
	const live = `expires > ` + postgresNow
	return statements{
		load:    `SELECT version, owner, expires, fields FROM ` + t + ` WHERE "key" = $1 AND ` + live,
		claim:   `SELECT version, owner, expires, fields FROM ` + t + ` WHERE "key" = $1 AND ` + live + ` FOR UPDATE`,
		keys:    `SELECT "key" FROM ` + t + ` WHERE "key" > $1 AND ` + live + ` AND left("key", 1) <> '$' ORDER BY "key" LIMIT $2`,
		owned:   `SELECT "key" FROM ` + t + ` WHERE owner = $1 AND owner <> '' AND "key" > $2 AND ` + live + ` AND left("key", 1) <> '$' ORDER BY "key" LIMIT $3`,
		edit:    `UPDATE ` + t + ` SET version = $1, fields = $2 WHERE "key" = $3 AND version = $4 AND ` + live,
		extend:  `UPDATE ` + t + ` SET version = $1, fields = $2, expires = $3 WHERE "key" = $4 AND version = $5 AND ` + live,
		replace: `UPDATE ` + t + ` SET version = $1, fields = $2, expires = $3, owner = $4 WHERE "key" = $5 AND version = $6 AND ` + live,
		// The version starts from the clock, in microseconds, as store.Apply says.
		create: `INSERT INTO ` + t + ` AS s ("key", version, owner, expires, fields)` +
			` VALUES ($1, ` + postgresMicros + `, $2, $3, $4)` +
			` ON CONFLICT ("key") DO UPDATE SET version = greatest(s.version + 1, excluded.version),` +
			` owner = excluded.owner, expires = excluded.expires, fields = excluded.fields` +
			` WHERE s.expires <= ` + postgresNow + ` RETURNING version`,
		remove: `DELETE FROM ` + t + ` WHERE "key" = $1`,
		// What another sweeper has locked is passed over. The order keeps the search in the
		// index: looking for expired rows through the table would meet the dead ones of
		// earlier sweeps again and again.
		sweep: `DELETE FROM ` + t + ` WHERE ctid = ANY (ARRAY(SELECT ctid FROM ` + t + ` WHERE expires <= ` + postgresBegun +
			` ORDER BY expires LIMIT $1 FOR UPDATE SKIP LOCKED))`,
	}
}

func newPostgresEditor(s *Store) editor {
	w := newSwap(s)
	w.created = func(ctx context.Context, create *command, args ...any) (version int64, err error) {
		rows, err := create.query(ctx, args...)
		if err != nil {
			return 0, err
		}
		defer rows.Close()
		if rows.Next() {
			if err := rows.Scan(&version); err != nil {
				return 0, err
			}
		}
		return version, rows.Err()
	}
	w.swept = func(ctx context.Context, expired *command, most int) (removed int, err error) {
		return affected(expired.exec(ctx, most))
	}
	return w
}

var postgresSyntax = kvSyntax{
	mark: func(n int) string { return `$` + strconv.Itoa(n) },
	now:  postgresNow,
	same: func(column, mark string, binary bool) string {
		if binary {
			return column + ` = ` + mark
		}
		return column + `::text = ` + mark + `::text` // json has no equality
	},
	millis: map[Expiry]func(string) string{
		UnixSeconds: func(column string) string { return `floor(` + column + `::numeric * 1000)::bigint` },
		UnixMillis:  func(column string) string { return `floor(` + column + `::numeric)::bigint` },
		Timestamp: func(column string) string {
			return `floor(extract(epoch FROM ` + column + `::timestamptz) * 1000)::bigint`
		},
	},
	stamp:      func(mark string) string { return `to_timestamp(` + mark + `::bigint / 1000.0)` },
	stampArg:   func(at int64) any { return at },
	stampGrain: 1,
	lastStamp:  math.MaxInt64,
}

// largestPostgres is the bound of a value and of what a client may send, a gigabyte, less
// what goes with a value.
const largestPostgres = 1<<30 - 1<<12

// sqlState returns the SQLSTATE in err, which the common drivers tell by a method of that
// name, or "". The codes are those of "PostgreSQL Error Codes" in its manual.
func sqlState(err error) string {
	var e interface{ SQLState() string }
	if !errors.As(err, &e) {
		return ""
	}
	return e.SQLState()
}

func postgresBusy(err error) bool {
	switch sqlState(err) {
	case "40001", "40P01", "55P03": // serialization failure, deadlock, lock not available
		return true
	}
	return false
}

func diagnosePostgres(err error) problem {
	switch sqlState(err) {
	case "42P01":
		return missingTable
	case "42703":
		return missingColumn
	case "3F000":
		return missingSchema
	case "3D000":
		return missingDatabase
	case "28000", "28P01":
		return refusedLogin
	case "42501":
		return missingRight
	case "25006":
		return readOnly
	case "42P07":
		return tableExists
	}
	return noProblem
}
