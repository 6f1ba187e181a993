package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
)

// postgresSchema holds the statements that lead from each version of the schema to the next,
// for a table whose name is quoted. Released steps never change; new ones are added at the
// end.
//
// A page keeps room for another version of one of its rows, so that an edit, which changes
// no column that is indexed, stays on the page and writes no index (HOT). Indexes are named
// by the database, which sees to it that long names stay apart.
func postgresSchema(table string, unlogged bool) [][]string {
	create := `CREATE TABLE `
	if unlogged {
		create = `CREATE UNLOGGED TABLE `
	}
	return [][]string{
		{
			create + table + ` (
	"key"   text COLLATE "C" NOT NULL PRIMARY KEY,
	version bigint           NOT NULL,
	owner   text COLLATE "C" NOT NULL,
	expires bigint           NOT NULL,
	fields  text             NOT NULL
) WITH (fillfactor = 85)`,
			`CREATE INDEX ON ` + table + ` (owner, "key") WHERE owner <> ''`,
			`CREATE INDEX ON ` + table + ` (expires)`,
		},
	}
}

// postgresLock is held by who migrates: "cloakrm" in ASCII.
const postgresLock = 0x636c6f616b726d

func migratePostgres(ctx context.Context, conn *sql.Conn, at place) error {
	d := PostgreSQL()
	table, versions := at.in(&d, at.table), at.in(&d, schemaTable)
	steps := postgresSchema(table, at.unlogged)
	readVersion := `SELECT version FROM ` + versions + ` WHERE name = '` + at.table + `'`

	// Nothing to do is the usual case, and needs no lock.
	var version int
	if err := conn.QueryRowContext(ctx, readVersion).Scan(&version); err == nil && version == len(steps) {
		return checkLogged(ctx, conn, at.table, table, at.unlogged)
	}

	tx, err := conn.BeginTx(ctx, readCommitted)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	var encoding string
	if err := tx.QueryRowContext(ctx, `SELECT current_setting('server_encoding')`).Scan(&encoding); err != nil {
		return err
	}
	if encoding != "UTF8" {
		return fmt.Errorf("the encoding of the database is %s, which cannot keep every character: use a database with ENCODING 'UTF8'", encoding)
	}
	for _, text := range []string{
		`SET LOCAL lock_timeout = '1s'`, // who waits longer is told that it is busy, and comes again
		fmt.Sprintf(`SELECT pg_advisory_xact_lock(%d)`, postgresLock),
		`CREATE TABLE IF NOT EXISTS ` + versions + ` (name text COLLATE "C" NOT NULL PRIMARY KEY, version integer NOT NULL)`,
		`INSERT INTO ` + versions + ` (name, version) VALUES ('` + at.table + `', 0) ON CONFLICT (name) DO NOTHING`,
	} {
		if _, err := tx.ExecContext(ctx, text); err != nil {
			return fmt.Errorf("table %s: %w", schemaTable, err)
		}
	}
	if err := tx.QueryRowContext(ctx, readVersion).Scan(&version); err != nil {
		return fmt.Errorf("table %s: %w", schemaTable, err)
	}
	if err := checkVersion(at.table, version, len(steps)); err != nil {
		return err
	}
	for i, step := range steps[version:] {
		for _, text := range step {
			if _, err := tx.ExecContext(ctx, text); err != nil {
				return fmt.Errorf("table %s, version %d of the schema: %w", at.table, version+i+1, err)
			}
		}
	}
	if _, err := tx.ExecContext(ctx, `UPDATE `+versions+` SET version = $1 WHERE name = '`+at.table+`'`, len(steps)); err != nil {
		return fmt.Errorf("table %s: %w", schemaTable, err)
	}
	if err := checkLogged(ctx, tx, at.table, table, at.unlogged); err != nil {
		return err
	}
	return tx.Commit()
}

// checkLogged reports a table that a crash empties though the program does not know, or that
// costs more than the program thinks.
func checkLogged(ctx context.Context, q rowQuerier, name, table string, unlogged bool) error {
	var is bool
	row := q.QueryRowContext(ctx, `SELECT relpersistence = 'u' FROM pg_class WHERE oid = to_regclass('`+table+`')`)
	switch err := row.Scan(&is); {
	case err == sql.ErrNoRows:
		return fmt.Errorf("table %s is gone and %s still has it: delete its row there, and call Migrate again", name, schemaTable)
	case err != nil:
		return err
	case is && !unlogged:
		return fmt.Errorf("table %s is unlogged: set Options.Unlogged, or run ALTER TABLE %s SET LOGGED", name, table)
	case !is && unlogged:
		return fmt.Errorf("table %s is logged: leave Options.Unlogged false, or run ALTER TABLE %s SET UNLOGGED", name, table)
	}
	return nil
}
