package main

import (
	"context"
	"database/sql"
	"time"

	"github.com/alexedwards/scs/pgxstore"
	"github.com/alexedwards/scs/v2"
	"github.com/jackc/pgx/v5/pgxpool"
	_ "github.com/jackc/pgx/v5/stdlib" // the driver pgx

	"github.com/cloakroom-go/cloakroom/store/sqlstore"
)

var postgresPeers = []*storePeer{
	{name: "cloakroom-pgx", server: "postgres", start: startCloakroomPgx},
	{name: "scs-pgx", server: "postgres", start: startSCSPgx},
	{name: "raw-pgx", server: "postgres", start: startRawPgx, raw: true},
}

func startCloakroomPgx(at place) (webServer, error) {
	db, err := sql.Open("pgx", at.URL)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(clientConnections)
	db.SetMaxIdleConns(clientConnections)
	return newCloakroomSQL(db, sqlstore.PostgreSQL())
}

// startSCSPgx has the table that the README of pgxstore gives. Its cleanup does not run:
// nothing expires here.
func startSCSPgx(at place) (webServer, error) {
	pool, err := newPgxPool(at, `
		CREATE TABLE IF NOT EXISTS sessions (token TEXT PRIMARY KEY, data BYTEA NOT NULL, expiry TIMESTAMPTZ NOT NULL);
		CREATE INDEX IF NOT EXISTS sessions_expiry_idx ON sessions (expiry)`)
	if err != nil {
		return nil, err
	}
	sessions := scs.New()
	sessions.Store = pgxstore.NewWithCleanupInterval(pool, 0)
	return &scsStoreServer{scsServer{sessions}, pool.Close}, nil
}

func startRawPgx(at place) (webServer, error) {
	pool, err := newPgxPool(at, `CREATE TABLE IF NOT EXISTS raw (key TEXT PRIMARY KEY, data BYTEA NOT NULL, expires BIGINT NOT NULL)`)
	if err != nil {
		return nil, err
	}
	return &rawServer{pgxBlobs{pool}}, nil
}

func newPgxPool(at place, schema string) (*pgxpool.Pool, error) {
	config, err := pgxpool.ParseConfig(at.URL)
	if err != nil {
		return nil, err
	}
	config.MaxConns = clientConnections
	ctx := context.Background()
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, err
	}
	if _, err := pool.Exec(ctx, schema); err != nil {
		pool.Close()
		return nil, err
	}
	return pool, nil
}

// pgxBlobs are rows that end after a day.
type pgxBlobs struct{ pool *pgxpool.Pool }

func (b pgxBlobs) get(ctx context.Context, key string) (blob []byte, err error) {
	err = b.pool.QueryRow(ctx, `SELECT data FROM raw WHERE key = $1 AND expires > $2`, key, time.Now().UnixMilli()).Scan(&blob)
	return blob, err
}

func (b pgxBlobs) put(ctx context.Context, key string, blob []byte) error {
	_, err := b.pool.Exec(ctx, `INSERT INTO raw (key, data, expires) VALUES ($1, $2, $3)
		ON CONFLICT (key) DO UPDATE SET data = EXCLUDED.data, expires = EXCLUDED.expires`, key, blob, time.Now().Add(24*time.Hour).UnixMilli())
	return err
}

func (b pgxBlobs) close() { b.pool.Close() }
