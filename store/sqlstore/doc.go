// Package sqlstore keeps sessions in a SQL database: one row per session, which the
// database's own shell can read. The program brings the driver; this package imports
// none.
//
// # SQLite
//
// Setup, with the pure Go driver modernc.org/sqlite (any other driver will do, with its
// own way of saying the same in the data source name):
//
//	db, err := sql.Open("sqlite", "file:sessions.db?_pragma=busy_timeout(5000)&_pragma=synchronous(full)")
//	// check err
//	sessions, err := sqlstore.New(db, sqlstore.SQLite(), nil)
//	// check err
//	err = sessions.Migrate(ctx) // creates the table; safe at every start, of several processes at once
//
// A database in memory exists once per connection: for ":memory:" call
// db.SetMaxOpenConns(1) before anything else.
//
// The schema, as Migrate makes it:
//
//	CREATE TABLE cloakroom_sessions (
//		key     TEXT    NOT NULL PRIMARY KEY,
//		version INTEGER NOT NULL,             -- grows with every change
//		owner   TEXT    NOT NULL,             -- '' while anonymous
//		expires INTEGER NOT NULL,             -- Unix time in milliseconds
//		fields  TEXT    NOT NULL              -- a JSON object, one member per field
//	);
//	CREATE INDEX cloakroom_sessions_owner   ON cloakroom_sessions (owner, key) WHERE owner <> '';
//	CREATE INDEX cloakroom_sessions_expires ON cloakroom_sessions (expires);
//	CREATE TABLE cloakroom_schema (name TEXT NOT NULL PRIMARY KEY COLLATE NOCASE, version INTEGER NOT NULL);
//
// so that, for instance, these work in the sqlite3 shell:
//
//	SELECT key, owner, datetime(expires/1000, 'unixepoch') FROM cloakroom_sessions;
//	SELECT fields ->> '$.visits' FROM cloakroom_sessions WHERE key = '...';
//
// PRAGMA user_version is left alone: it belongs to the program.
//
// # What a crash costs
//
// Nothing that was acknowledged is lost when the process dies, whatever the settings, and
// the file is consistent. When the machine dies, it depends on PRAGMA synchronous, which is
// set per connection and therefore in the data source name:
//
//   - FULL, SQLite's default: nothing. Every change is on the disk before its Save or
//     Delete returns.
//   - NORMAL: the changes since the last checkpoint may be gone, sign-outs among them. The
//     file is consistent. Only checkpoints wait for the disk.
//
// # How it writes
//
// SQLite has one writer at a time. Calls of Save, Delete and Sweep that wait for it
// together go into one transaction, and so share the wait for the disk: with
// synchronous=FULL many writers get several times as far as one commit each would take
// them. A goroutine runs those transactions while there is something to write, and only
// then. It is not the caller's, so a caller whose context ends does not wait for a disk
// or for another process that holds the lock. Readers wait for nobody: Migrate switches
// the file to write-ahead logging (WAL).
//
// Several processes on one machine may use one file. The file must be on a local disk:
// WAL does not work over NFS or any other network file system.
package sqlstore
