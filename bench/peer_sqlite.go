package main

import (
	"context"
	"database/sql"
	"path/filepath"
	"time"

	"github.com/alexedwards/scs/sqlite3store"
	"github.com/alexedwards/scs/v2"
	_ "modernc.org/sqlite" // the driver

	"github.com/cloakroom-go/cloakroom/store/sqlstore"
)

// All of them have the same driver and settings: what is compared is how the stores use
// them.
var sqlitePeers = []*storePeer{
	{name: "cloakroom-sqlite", server: "sqlite", start: startCloakroomSQLite},
	{name: "scs-sqlite", server: "sqlite", start: startSCSSQLite},
	{name: "raw-sqlite", server: "sqlite", start: startRawSQLite, raw: true},
}

// scsSQLiteConnections is the number, of 1, 2, 4 and 16, with which scs does best in all: with
// fewer its readers wait, with more its writers.
const scsSQLiteConnections = 2

// openSQLite opens a file in a folder. Every change is on the disk when it is
// acknowledged, and readers do not wait for writers.
func openSQLite(at place, file, schema string, connections int) (*sql.DB, error) {
	db, err := sql.Open("sqlite", "file:"+filepath.Join(at.URL, file)+
		"?_pragma=busy_timeout(5000)&_pragma=synchronous(full)&_pragma=journal_mode(wal)")
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	if _, err := db.Exec(schema); err != nil {
		db.Close()
		return nil, err
	}
	return db, nil
}

func startCloakroomSQLite(at place) (webServer, error) {
	db, err := openSQLite(at, "cloakroom.db", "", clientConnections)
	if err != nil {
		return nil, err
	}
	return newCloakroomSQL(db, sqlstore.SQLite())
}

func newCloakroomSQL(db *sql.DB, dialect sqlstore.Dialect) (webServer, error) {
	s, err := sqlstore.New(db, dialect, nil)
	if err != nil {
		return nil, err
	}
	if err := s.Migrate(context.Background()); err != nil {
		return nil, err
	}
	return newCloakroomStore(s, func() { db.Close() })
}

// startSCSSQLite has the table that the README of sqlite3store gives.
func startSCSSQLite(at place) (webServer, error) {
	db, err := openSQLite(at, "scs.db", `
		CREATE TABLE IF NOT EXISTS sessions (token TEXT PRIMARY KEY, data BLOB NOT NULL, expiry REAL NOT NULL);
		CREATE INDEX IF NOT EXISTS sessions_expiry_idx ON sessions (expiry)`, scsSQLiteConnections)
	if err != nil {
		return nil, err
	}
	sessions := scs.New()
	sessions.Store = sqlite3store.NewWithCleanupInterval(db, 0)
	return &scsStoreServer{scsServer{sessions}, func() { db.Close() }}, nil
}

func startRawSQLite(at place) (webServer, error) {
	db, err := openSQLite(at, "raw.db", `CREATE TABLE IF NOT EXISTS raw (key TEXT PRIMARY KEY, data BLOB NOT NULL, expires INTEGER NOT NULL)`, scsSQLiteConnections)
	if err != nil {
		return nil, err
	}
	b := sqliteBlobs{db: db}
	if b.load, err = db.Prepare(`SELECT data FROM raw WHERE key = ? AND expires > ?`); err == nil {
		b.save, err = db.Prepare(`INSERT OR REPLACE INTO raw (key, data, expires) VALUES (?, ?, ?)`)
	}
	return &rawServer{b}, err
}

// sqliteBlobs are rows that end after a day.
type sqliteBlobs struct {
	db         *sql.DB
	load, save *sql.Stmt
}

func (b sqliteBlobs) get(ctx context.Context, key string) (blob []byte, err error) {
	err = b.load.QueryRowContext(ctx, key, time.Now().UnixMilli()).Scan(&blob)
	return blob, err
}

func (b sqliteBlobs) put(ctx context.Context, key string, blob []byte) error {
	_, err := b.save.ExecContext(ctx, key, blob, time.Now().Add(24*time.Hour).UnixMilli())
	return err
}

func (b sqliteBlobs) close() { b.db.Close() }
