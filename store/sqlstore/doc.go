// Package sqlstore keeps sessions in a SQL database: one row per session, which the
// database's own shell can read. The program brings the driver; this package imports
// none.
//
// For all databases: the name and the meaning of the columns is the same, the times in them
// are Unix milliseconds, and fields is one JSON object, kept to the byte.
//
//	CREATE TABLE cloakroom_sessions (
//		key     ...,  -- the session's ID
//		version ...,  -- grows with every change
//		owner   ...,  -- '' while anonymous
//		expires ...,  -- Unix time in milliseconds
//		fields  ...   -- a JSON object, one member per field
//	);
//
// [NewKV] is for tables of other programs.
//
// # PostgreSQL
//
// PostgreSQL 12 or later, in a database whose encoding is UTF8; tested with 15 and 17. Setup, with the driver
// github.com/jackc/pgx/v5/stdlib:
//
//	db, err := sql.Open("pgx", "postgres://user:password@localhost/shop")
//	// check err
//	db.SetMaxOpenConns(32)
//	db.SetMaxIdleConns(32) // the default of 2 makes a busy program connect anew all the time
//	sessions, err := sqlstore.New(db, sqlstore.PostgreSQL(), nil)
//	// check err
//	err = sessions.Migrate(ctx) // creates the table; safe at every start, of several processes at once
//
// The schema, as Migrate makes it:
//
//	CREATE TABLE cloakroom_sessions (
//		key     text COLLATE "C" NOT NULL PRIMARY KEY,
//		version bigint           NOT NULL,
//		owner   text COLLATE "C" NOT NULL,
//		expires bigint           NOT NULL,
//		fields  text             NOT NULL
//	) WITH (fillfactor = 85);
//	CREATE INDEX ON cloakroom_sessions (owner, key) WHERE owner <> '';
//	CREATE INDEX ON cloakroom_sessions (expires);
//	CREATE TABLE cloakroom_schema (name text COLLATE "C" NOT NULL PRIMARY KEY, version integer NOT NULL);
//
// so that, for instance, these work in psql:
//
//	SELECT key, owner, to_timestamp(expires / 1000.0) FROM cloakroom_sessions;
//	SELECT fields::json ->> 'visits' FROM cloakroom_sessions WHERE key = '...';
//
// A NUL in the name of a field, or in the value asked for, is more than json can read.
//
// A Load is one round trip, and so is a Save that nobody is in the way of. pgx prepares the
// statements by itself, and pings a connection that was idle for more than a second before it
// is used again: that is one more round trip, and what makes a restart of the server go
// unnoticed. Behind a pooler that gives each transaction another connection, such as PgBouncer,
// add default_query_exec_mode=exec to the data source name. lib/pq makes two round trips of a
// statement, and was not tested.
//
// # MariaDB and MySQL
//
// MariaDB 10.6 or later, tested with 10.11 and 11.8, or MySQL 8.0 or later: real MySQL was not tested.
// Setup, with the driver github.com/go-sql-driver/mysql:
//
//	db, err := sql.Open("mysql", "user:password@tcp(localhost:3306)/shop")
//	// check err
//	db.SetMaxOpenConns(32)
//	db.SetMaxIdleConns(32) // the default of 2 makes a busy program connect anew all the time
//	sessions, err := sqlstore.New(db, sqlstore.MySQL(), nil)
//	// check err
//	err = sessions.Migrate(ctx) // creates the table; safe at every start, of several processes at once
//
// No parameter of the data source name is needed. parseTime, clientFoundRows,
// interpolateParams, time_zone and sql_mode make no difference; a charset, if given, must be
// utf8mb4. The binary log must not be in the format STATEMENT.
//
// The schema, as Migrate makes it:
//
//	CREATE TABLE cloakroom_sessions (
//		`key`   VARBINARY(256) NOT NULL PRIMARY KEY,
//		version BIGINT         NOT NULL,
//		owner   VARBINARY(256) NOT NULL,
//		expires BIGINT         NOT NULL,
//		fields  LONGTEXT       NOT NULL,
//		KEY owner (owner, `key`),
//		KEY expires (expires)
//	) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
//	CREATE TABLE cloakroom_schema (name VARBINARY(64) NOT NULL PRIMARY KEY, version INT NOT NULL)
//		ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
//
// Keys and owners are bytes, as text would be compared by a collation: none that both
// databases have tells apart all that differ in a byte. In the shell of MariaDB these work; that
// of MySQL wants --skip-binary-as-hex.
//
//	SELECT `key`, owner, FROM_UNIXTIME(expires / 1000) FROM cloakroom_sessions;
//	SELECT JSON_VALUE(fields, '$.visits') FROM cloakroom_sessions WHERE `key` = '...';
//
// A Load is one round trip, and so is a Save that nobody is in the way of. Statements are
// prepared once for each connection. A record that is larger than max_allowed_packet, 16 MB by
// default in MariaDB, is refused.
//
// # SQLite
//
// Setup, with the pure Go driver modernc.org/sqlite (any other driver will do, with its
// own way of saying the same in the data source name):
//
//	db, err := sql.Open("sqlite", "file:sessions.db?_pragma=busy_timeout(5000)&_pragma=synchronous(full)")
//	// check err
//	db.SetMaxIdleConns(16) // the default of 2 makes a busy program open the file all the time
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
// Nothing that was acknowledged is lost when the program dies. When the server or the machine
// dies, it depends on a setting of the database. What may be gone are the last changes, among
// them sign-outs: a session that was ended is back then. The rest is consistent.
//
// PostgreSQL, synchronous_commit, for the server, a user, or a connection (as a parameter in
// the data source name):
//
//   - on, the default: nothing is lost.
//   - off: the changes of the last moments, three times wal_writer_delay at most, 0.6 s by
//     default. The changes are faster by far on an ordinary disk.
//   - [Options].Unlogged: all sessions, when the server crashes. Nothing on a clean restart.
//   - After a failover: what had not reached the replica, unless the commit waits for it
//     (synchronous_standby_names); an unlogged table is empty.
//
// MariaDB and MySQL, innodb_flush_log_at_trx_commit, for the server:
//
//   - 1, the default: nothing is lost.
//   - 2 or 0: the changes of the last second or so; with 2 only when the machine dies.
//   - After a failover: what had not reached the replica.
//
// SQLite, PRAGMA synchronous, for each connection and therefore in the data source name:
//
//   - FULL, the default: nothing is lost.
//   - NORMAL: the changes since the last checkpoint, and only when the machine dies. Only
//     checkpoints wait for the disk.
//
// # How it writes
//
// PostgreSQL, MariaDB and MySQL have many writers at a time. A Save is one UPDATE that finds
// the row only in the version that it was made of. When another was faster it reads the row
// and tries again, and then locks it, one writer for each key in a process: writers of
// different fields of one session all land, and take one connection while they queue. The clock
// of the database says what is live, and numbers new records; those of the processes may differ.
// It is asked when a statement begins. A Save that then waits for the lock of another one, which
// changes nothing in the end, may land on a record that has ended during that wait.
// Several nodes may Sweep at once: none waits for another.
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
