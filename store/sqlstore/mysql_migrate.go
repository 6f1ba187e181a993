package sqlstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"
	"time"
)

// mysqlSchema holds the statements that lead from each version of the schema to the next, for
// a table whose name is quoted. Released steps never change; new ones are added at the end.
// Each takes effect at once, also when its transaction fails, and so must be one that can be
// repeated.
//
// Keys and owners are bytes, because no collation of text takes all that differ in a byte for
// different on both MariaDB and MySQL.
func mysqlSchema(table string) []string {
	return []string{
		"CREATE TABLE IF NOT EXISTS " + table + " (\n" +
			"	`key`   VARBINARY(256) NOT NULL PRIMARY KEY,\n" +
			"	version BIGINT         NOT NULL,\n" +
			"	owner   VARBINARY(256) NOT NULL,\n" +
			"	expires BIGINT         NOT NULL,\n" +
			"	fields  LONGTEXT       NOT NULL,\n" +
			"	KEY owner (owner, `key`),\n" +
			"	KEY expires (expires)\n" +
			") ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
	}
}

// mysqlLock is held by who migrates.
const mysqlLock = "cloakroom_migrate"

func migrateMySQL(ctx context.Context, conn *sql.Conn, at place) (err error) {
	d := MySQL()
	table, versions := at.in(&d, at.table), at.in(&d, schemaTable)
	steps := mysqlSchema(table)

	if err := checkMySQLConnection(ctx, conn); err != nil {
		return err
	}
	// Where the names of tables have no case, theirs in the list must not have one either.
	name := at.table
	var caseless bool
	if err := conn.QueryRowContext(ctx, `SELECT @@lower_case_table_names <> 0`).Scan(&caseless); err != nil {
		return err
	}
	if caseless {
		name = strings.ToLower(name)
	}
	version := func() (version int, err error) {
		err = conn.QueryRowContext(ctx, `SELECT version FROM `+versions+` WHERE name = '`+name+`'`).Scan(&version)
		return version, err
	}
	// Nothing to do is the usual case, and needs no lock.
	if v, err := version(); err == nil && v == len(steps) {
		return nil
	}

	if err := lockMySQL(ctx, conn); err != nil {
		return err
	}
	defer func() {
		// The lock is the connection's, and would be kept in the pool.
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		if _, failed := conn.ExecContext(end, `DO RELEASE_LOCK('`+mysqlLock+`')`); failed != nil {
			_ = conn.Raw(func(any) error { return driver.ErrBadConn })
		}
	}()
	_, err = conn.ExecContext(ctx, `CREATE TABLE IF NOT EXISTS `+versions+` (name VARBINARY(64) NOT NULL PRIMARY KEY, version INT NOT NULL) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_bin`)
	if err != nil {
		return fmt.Errorf("table %s: %w", schemaTable, err)
	}
	v, err := version()
	if errors.Is(err, sql.ErrNoRows) {
		// From here on the table is ours to make. One that is there already is not.
		v, err = 0, claimMySQL(ctx, conn, at, versions, name)
	}
	if err != nil {
		return fmt.Errorf("table %s: %w", schemaTable, err)
	}
	if err := checkVersion(at.table, v, len(steps)); err != nil {
		return err
	}
	for ; v < len(steps); v++ {
		if _, err := conn.ExecContext(ctx, steps[v]); err != nil {
			return fmt.Errorf("table %s, version %d of the schema: %w", at.table, v+1, err)
		}
		if _, err := conn.ExecContext(ctx, fmt.Sprintf(`UPDATE %s SET version = %d WHERE name = '%s'`, versions, v+1, name)); err != nil {
			return fmt.Errorf("table %s: %w", schemaTable, err)
		}
	}
	return nil
}

// errMigrating is busy.
var errMigrating = errors.New("another process migrates")

// lockMySQL takes the lock on migrating, which is the connection's.
func lockMySQL(ctx context.Context, conn *sql.Conn) error {
	var taken sql.NullInt64
	if err := conn.QueryRowContext(ctx, `SELECT GET_LOCK('`+mysqlLock+`', 1)`).Scan(&taken); err != nil {
		return fmt.Errorf("lock: %w", err)
	}
	if taken.Int64 != 1 {
		return errMigrating
	}
	return nil
}

// claimMySQL notes that a table is to be made, unless it is there.
func claimMySQL(ctx context.Context, conn *sql.Conn, at place, versions, name string) error {
	schema := `DATABASE()`
	if at.schema != "" {
		schema = `'` + at.schema + `'`
	}
	var found bool
	err := conn.QueryRowContext(ctx, `SELECT COUNT(*) > 0 FROM information_schema.tables WHERE table_schema = `+schema+` AND table_name = '`+name+`'`).Scan(&found)
	if err != nil {
		return err
	}
	if found {
		return fmt.Errorf("it does not have the table %s, which already exists: something else has made it: choose another Options.Table", name)
	}
	_, err = conn.ExecContext(ctx, `INSERT INTO `+versions+` (name, version) VALUES ('`+name+`', 0)`)
	return err
}

// checkMySQLConnection refuses a connection on which text would be translated into an
// alphabet that lacks most of it.
func checkMySQLConnection(ctx context.Context, conn *sql.Conn) error {
	for _, side := range []string{"character_set_client", "character_set_connection", "character_set_results"} {
		var set string
		if err := conn.QueryRowContext(ctx, `SELECT COALESCE(@@`+side+`, 'utf8mb4')`).Scan(&set); err != nil {
			return err
		}
		if set != "utf8mb4" {
			return fmt.Errorf("%s is %s, which cannot keep every character: say utf8mb4 in the data source name, or nothing about it", side, set)
		}
	}
	return nil
}
