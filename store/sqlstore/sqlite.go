package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	"math"
	"strings"
	"time"
)

// SQLite is the [Dialect] of SQLite, in a file on a local disk or in memory. The package
// comment has the setup.
func SQLite() Dialect {
	return Dialect{
		name:       "SQLite",
		quote:      func(name string) string { return `"` + name + `"` },
		durability: "PRAGMA synchronous",
		prepares:   true,
		statements: sqliteStatements,
		migrate:    migrateSQLite,
		busy:       sqliteBusy,
		largest:    func(context.Context, *ceiling, rowQuerier, int) (int, error) { return largestSQLite, nil },
		diagnose:   diagnoseSQLite,
		editor:     func(s *Store) editor { return newGrouped(s) },
		syntax:     sqliteSyntax,
	}
}

func sqliteStatements(t string) statements {
	return statements{
		load:  `SELECT version, owner, expires, fields FROM ` + t + ` WHERE "key" = ? AND expires > ?`,
		keys:  `SELECT "key" FROM ` + t + ` WHERE "key" > ? AND expires > ? AND substr("key", 1, 1) <> '$' ORDER BY "key" LIMIT ?`,
		owned: `SELECT "key" FROM ` + t + ` WHERE owner = ? AND owner <> '' AND "key" > ? AND expires > ? AND substr("key", 1, 1) <> '$' ORDER BY "key" LIMIT ?`,
		// A statement that could write takes the lock when it begins, whatever it finds.
		// BEGIN IMMEDIATE would do it too, but database/sql has no way to say it.
		lock:    `UPDATE ` + t + ` SET version = version WHERE 0`,
		read:    `SELECT version, owner, expires, fields FROM ` + t + ` WHERE "key" = ?`,
		insert:  `INSERT INTO ` + t + ` ("key", version, owner, expires, fields) VALUES (?, ?, ?, ?, ?)`,
		edit:    `UPDATE ` + t + ` SET version = ?, fields = ? WHERE "key" = ? AND version = ?`,
		extend:  `UPDATE ` + t + ` SET version = ?, fields = ?, expires = ? WHERE "key" = ? AND version = ?`,
		replace: `UPDATE ` + t + ` SET version = ?, fields = ?, expires = ?, owner = ? WHERE "key" = ? AND version = ?`,
		remove:  `DELETE FROM ` + t + ` WHERE "key" = ?`,
		sweep:   `DELETE FROM ` + t + ` WHERE rowid IN (SELECT rowid FROM ` + t + ` WHERE expires <= ? LIMIT ?)`,
	}
}

// SQLite counts days, as a number with fractions that are good for a millisecond.
var sqliteSyntax = kvSyntax{
	oneWriter: true,
	mark:      func(int) string { return `?` },
	now:       sqliteMillis(`'now'`),
	same: func(column, mark string, _ bool) string {
		return `CAST(` + column + ` AS BLOB) = CAST(` + mark + ` AS BLOB)`
	},
	millis: map[Expiry]func(string) string{
		UnixSeconds: func(column string) string { return `CAST(` + column + ` * 1000 AS INTEGER)` },
		UnixMillis:  func(column string) string { return `CAST(` + column + ` AS INTEGER)` },
		Timestamp:   sqliteMillis,
	},
	stamp:      func(mark string) string { return mark },
	stampArg:   func(at int64) any { return time.UnixMilli(at).UTC().Format("2006-01-02T15:04:05.000Z") },
	stampGrain: 1,
	lastStamp:  math.MaxInt64,
}

func sqliteMillis(moment string) string {
	return `CAST(ROUND((julianday(` + moment + `) - 2440587.5) * 86400000) AS INTEGER)`
}

// largestSQLite is SQLITE_MAX_LENGTH as it is unless a driver was built with less, for a whole
// row.
const largestSQLite = 1_000_000_000 - 100

// diagnoseSQLite knows errors by their text, like sqliteBusy.
func diagnoseSQLite(err error) problem {
	text := err.Error()
	for _, known := range []struct {
		words string
		problem
	}{
		{"no such table", missingTable},
		{"no such column", missingColumn},
		{"has no column named", missingColumn},
		{"already exists", tableExists},
		{"readonly database", readOnly},
	} {
		if strings.Contains(text, known.words) {
			return known.problem
		}
	}
	return noProblem
}

// sqliteBusy knows SQLITE_BUSY by its text, which is SQLite's own, since the type of the
// error is the driver's.
func sqliteBusy(err error) bool {
	text := err.Error()
	return strings.Contains(text, "database is locked") || strings.Contains(text, "SQLITE_BUSY")
}

// sqliteSchema holds the statements that lead from each version of the schema to the next.
// Released steps never change; new ones are added at the end.
//
// The table has a rowid: a row of a kilobyte does not fit the page of an index, so WITHOUT
// ROWID would move every row to a page of its own.
func sqliteSchema(table string) [][]string {
	return [][]string{
		{
			`CREATE TABLE "` + table + `" (
	"key"   TEXT    NOT NULL PRIMARY KEY,
	version INTEGER NOT NULL, -- grows with every change
	owner   TEXT    NOT NULL, -- '' while anonymous
	expires INTEGER NOT NULL, -- Unix time in milliseconds
	fields  TEXT    NOT NULL  -- a JSON object, one member per field
)`,
			`CREATE INDEX "` + table + `_owner" ON "` + table + `" (owner, "key") WHERE owner <> ''`,
			`CREATE INDEX "` + table + `_expires" ON "` + table + `" (expires)`,
		},
	}
}

func migrateSQLite(ctx context.Context, conn *sql.Conn, at place) error {
	table := at.table
	if err := setWAL(ctx, conn); err != nil {
		return err
	}
	tx, err := conn.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	// The second statement takes the write lock, so the version that is read next stays
	// what it is until the commit.
	for _, text := range []string{
		`CREATE TABLE IF NOT EXISTS ` + schemaTable + ` (name TEXT NOT NULL PRIMARY KEY COLLATE NOCASE, version INTEGER NOT NULL)`,
		`INSERT OR IGNORE INTO ` + schemaTable + ` (name, version) VALUES ('` + table + `', 0)`,
	} {
		if _, err := tx.ExecContext(ctx, text); err != nil {
			return fmt.Errorf("table %s: %w", schemaTable, err)
		}
	}
	var version int
	row := tx.QueryRowContext(ctx, `SELECT version FROM `+schemaTable+` WHERE name = '`+table+`'`)
	if err := row.Scan(&version); err != nil {
		return fmt.Errorf("table %s: %w", schemaTable, err)
	}
	steps := sqliteSchema(table)
	if err := checkVersion(table, version, len(steps)); err != nil {
		return err
	}
	for at, step := range steps[version:] {
		for _, text := range step {
			if _, err := tx.ExecContext(ctx, text); err != nil {
				return fmt.Errorf("table %s, version %d of the schema: %w", table, version+at+1, err)
			}
		}
	}
	if version < len(steps) {
		if _, err := tx.ExecContext(ctx, `UPDATE `+schemaTable+` SET version = ? WHERE name = '`+table+`'`, len(steps)); err != nil {
			return fmt.Errorf("table %s: %w", schemaTable, err)
		}
	}
	return tx.Commit()
}

// setWAL switches the file to write-ahead logging, which the file remembers.
func setWAL(ctx context.Context, conn *sql.Conn) error {
	var mode string
	if err := conn.QueryRowContext(ctx, `PRAGMA journal_mode = WAL`).Scan(&mode); err != nil {
		return fmt.Errorf("journal mode: %w", err)
	}
	if mode != "wal" && mode != "memory" {
		return fmt.Errorf("journal mode: it stays %q where WAL is needed: keep the database in a file on a local disk, or in memory", mode)
	}
	return nil
}
