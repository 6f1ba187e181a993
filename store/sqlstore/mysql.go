package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"math"
	"regexp"
	"strconv"
)

// MySQL is the [Dialect] of MariaDB 10.6 and later, and of MySQL 8.0 and later, which was not
// tested. The package comment has the setup.
func MySQL() Dialect {
	return Dialect{
		name:        "MariaDB or MySQL",
		quote:       func(name string) string { return "`" + name + "`" },
		hasSchemas:  true,
		durability:  "innodb_flush_log_at_trx_commit",
		serverClock: true,
		prepares:    true, // else the usual driver makes three round trips of each statement
		statements:  mysqlStatements,
		migrate:     migrateMySQL,
		largest:     largestMySQL,
		more:        ", or raise max_allowed_packet",
		busy:        mysqlBusy,
		diagnose:    diagnoseMySQL,
		editor:      newMySQLEditor,
		syntax:      mysqlSyntax,
	}
}

// What the clock says. NOW and UNIX_TIMESTAMP would go through the time zone of the
// connection, and be an hour off when its summer time ends.
const (
	mysqlMicros = `TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6))`
	mysqlNow    = mysqlMicros + ` DIV 1000`
)

func mysqlStatements(t string) statements {
	const live, over = `expires > ` + mysqlNow, `expires <= ` + mysqlNow
	return statements{
		load:    "SELECT version, owner, expires, fields FROM " + t + " WHERE `key` = ? AND " + live,
		claim:   "SELECT version, owner, expires, fields FROM " + t + " WHERE `key` = ? AND " + live + " FOR UPDATE",
		keys:    "SELECT `key` FROM " + t + " WHERE `key` > ? AND " + live + " AND LEFT(`key`, 1) <> '$' ORDER BY `key` LIMIT ?",
		owned:   "SELECT `key` FROM " + t + " WHERE owner = ? AND owner <> '' AND `key` > ? AND " + live + " AND LEFT(`key`, 1) <> '$' ORDER BY `key` LIMIT ?",
		edit:    "UPDATE " + t + " SET version = ?, fields = ? WHERE `key` = ? AND version = ? AND " + live,
		extend:  "UPDATE " + t + " SET version = ?, fields = ?, expires = ? WHERE `key` = ? AND version = ? AND " + live,
		replace: "UPDATE " + t + " SET version = ?, fields = ?, expires = ?, owner = ? WHERE `key` = ? AND version = ? AND " + live,
		// The version starts from the clock, in microseconds, as store.Apply says. What
		// LAST_INSERT_ID is given last comes back with the answer: 0 when the row that is there
		// is live and stays as it is. A column that was assigned has its new value from there
		// on, so expires comes last.
		create: "INSERT INTO " + t + " (`key`, version, owner, expires, fields)" +
			" VALUES (?, LAST_INSERT_ID(" + mysqlMicros + "), ?, ?, ?) ON DUPLICATE KEY UPDATE" +
			" version = IF(" + over + ", LAST_INSERT_ID(GREATEST(version + 1, " + mysqlMicros + ")), IF(LAST_INSERT_ID(version * 0) = 0, version, version))," +
			" owner = IF(" + over + ", VALUES(owner), owner)," +
			" fields = IF(" + over + ", VALUES(fields), fields)," +
			" expires = IF(" + over + ", VALUES(expires), expires)",
		remove: "DELETE FROM " + t + " WHERE `key` = ?",
		// What another sweeper has locked is passed over. The rows are found by their keys then,
		// each by itself, however small the table: a scan would wait for the locks of others.
		// That they have expired is looked at again, so that nothing rests on those locks.
		sweep: "DELETE s FROM (SELECT `key` FROM " + t + " WHERE " + over + " ORDER BY expires LIMIT ? FOR UPDATE SKIP LOCKED) AS due" +
			" STRAIGHT_JOIN " + t + " AS s ON s.`key` = due.`key` WHERE s." + over,
	}
}

func newMySQLEditor(s *Store) editor {
	w := newSwap(s)
	w.created = func(ctx context.Context, create *command, args ...any) (version int64, err error) {
		result, err := create.exec(ctx, args...)
		if err != nil {
			return 0, err
		}
		return result.LastInsertId()
	}
	w.swept = func(ctx context.Context, expired *command, most int) (removed int, err error) {
		if err := expired.ready(ctx); err != nil {
			return 0, err
		}
		tx, err := s.db.BeginTx(ctx, readCommitted)
		if err != nil {
			return 0, err
		}
		defer tx.Rollback()
		if removed, err = affected(expired.execIn(ctx, tx, most)); err != nil {
			return 0, err
		}
		if err := tx.Commit(); err != nil {
			return 0, fmt.Errorf("commit: %w", err)
		}
		return removed, nil
	}
	return w
}

var mysqlSyntax = kvSyntax{
	duplicate:     func(err error) bool { return mysqlNumber(err) == 1062 },
	countsChanges: true, // unless the driver was told otherwise
	mark:          func(int) string { return `?` },
	now:           mysqlNow,
	same:          func(column, mark string, _ bool) string { return mysqlSame(column, mark) },
	exact:         mysqlSame,
	millis: map[Expiry]func(string) string{
		UnixSeconds: func(column string) string { return `CAST(FLOOR(` + column + ` * 1000) AS SIGNED)` },
		UnixMillis:  func(column string) string { return `CAST(FLOOR(` + column + `) AS SIGNED)` },
		Timestamp: func(column string) string {
			return `CAST(FLOOR(UNIX_TIMESTAMP(` + column + `) * 1000) AS SIGNED)`
		},
	},
	// Without fractions, which columns have only when asked for. FROM_UNIXTIME knows nothing
	// beyond 2038, and would make an entry of it that never ends.
	stamp:      func(mark string) string { return `FROM_UNIXTIME(` + mark + `)` },
	stampArg:   func(at int64) any { return at / 1000 },
	stampGrain: 1000,
	lastStamp:  math.MaxInt32 * 1000,
}

// mysqlSame compares bytes: equality of text follows a collation.
func mysqlSame(column, mark string) string {
	return `CAST(` + column + ` AS BINARY) = CAST(` + mark + ` AS BINARY)`
}

// largestMySQL asks for max_allowed_packet when size is more than it was when last asked.
func largestMySQL(ctx context.Context, c *ceiling, q rowQuerier, size int) (int, error) {
	const around = 512 // what else is in the packet
	if most := int(c.asked.Load()) - around; size <= most {
		return most, nil
	}
	var packet int64
	if err := q.QueryRowContext(ctx, `SELECT @@max_allowed_packet`).Scan(&packet); err != nil {
		return 0, err
	}
	c.asked.Store(packet)
	return int(packet) - around, nil
}

// mysqlNumber returns the number of the error in err, or 0. It is known by the text of the
// driver, "Error 1213 (40001): Deadlock found ...", since the type is the driver's. The
// numbers are those of the "Server Error Message Reference" of MySQL and of "MariaDB Error
// Codes".
func mysqlNumber(err error) int {
	match := mysqlError.FindStringSubmatch(err.Error())
	if match == nil {
		return 0
	}
	number, _ := strconv.Atoi(match[1])
	return number
}

var mysqlError = regexp.MustCompile(`(?:^|: )Error (\d{1,5})(?: \([0-9A-Z]{5}\))?: `)

func mysqlBusy(err error) bool {
	switch mysqlNumber(err) {
	// Record changed since it was read, lock wait timeout, deadlock (also what a Galera node
	// says when another was faster).
	case 1020, 1205, 1213:
		return true
	}
	return errors.Is(err, errMigrating)
}

func diagnoseMySQL(err error) problem {
	switch mysqlNumber(err) {
	case 1146:
		return missingTable
	case 1054:
		return missingColumn
	case 1046, 1049:
		return missingDatabase
	case 1045:
		return refusedLogin
	case 1044, 1142, 1143:
		return missingRight
	case 1290, 1792, 1836:
		return readOnly
	case 1050:
		return tableExists
	}
	return noProblem
}
