package docs_test

import (
	"context"
	"database/sql"
	"path/filepath"
	"testing"
	"time"

	"github.com/bradfitz/gomemcache/memcache"
	_ "github.com/go-sql-driver/mysql"
	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/redis/rueidis"
	"go.etcd.io/bbolt"
	_ "modernc.org/sqlite"

	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/boltstore"
	"github.com/cloakroom-go/cloakroom/store/filestore"
	"github.com/cloakroom-go/cloakroom/store/memcachestore"
	"github.com/cloakroom-go/cloakroom/store/memstore"
	"github.com/cloakroom-go/cloakroom/store/redisstore"
	"github.com/cloakroom-go/cloakroom/store/sqlstore"
)

// What the page shows of each function is between the marks.

func setupMemory(*testing.T) store.Store {
	// page: memory
	records := memstore.New(nil)
	// end
	return records
}

func setupFile(t *testing.T, dir string) store.Store {
	check := checker(t)
	// page: file
	records, err := filestore.New(dir, nil) // made if need be
	check(err)
	// end
	t.Cleanup(func() { records.Close() })
	return records
}

func setupSQLite(t *testing.T, dir string) store.Store {
	check, ctx := checker(t), t.Context()
	// page: SQLite
	db, err := sql.Open("sqlite", "file:"+filepath.Join(dir, "sessions.db")+"?_pragma=busy_timeout(5000)&_pragma=synchronous(full)")
	check(err)
	records, err := sqlstore.New(db, sqlstore.SQLite(), nil)
	check(err)
	check(records.Migrate(ctx))
	// end
	t.Cleanup(func() { db.Close() })
	return records
}

func setupBolt(t *testing.T, dir string) (store.Store, *bbolt.DB) {
	check := checker(t)
	// page: bolt
	db, err := bbolt.Open(filepath.Join(dir, "sessions.db"), 0o600, &bbolt.Options{Timeout: time.Second, FreelistType: bbolt.FreelistMapType})
	check(err)
	records, err := boltstore.New(db, nil)
	check(err)
	// end
	t.Cleanup(func() { db.Close() })
	return records, db
}

func setupPostgreSQL(t *testing.T, url string) (store.Store, *sql.DB) {
	check, ctx := checker(t), t.Context()
	// page: PostgreSQL
	db, err := sql.Open("pgx", url) // postgres://user:password@host:5432/database
	check(err)
	db.SetMaxOpenConns(32)
	db.SetMaxIdleConns(32) // the default of 2 makes a busy program connect again and again
	records, err := sqlstore.New(db, sqlstore.PostgreSQL(), nil)
	check(err)
	check(records.Migrate(ctx))
	// end
	t.Cleanup(func() { db.Close() })
	return records, db
}

func setupMariaDB(t *testing.T, dsn string) (store.Store, *sql.DB) {
	check, ctx := checker(t), t.Context()
	// page: MariaDB
	db, err := sql.Open("mysql", dsn) // user:password@tcp(host:3306)/database
	check(err)
	db.SetMaxOpenConns(32)
	db.SetMaxIdleConns(32) // the default of 2 makes a busy program connect again and again
	records, err := sqlstore.New(db, sqlstore.MySQL(), nil)
	check(err)
	check(records.Migrate(ctx))
	// end
	t.Cleanup(func() { db.Close() })
	return records, db
}

func setupRedis(t *testing.T, addr string) (store.Store, rueidis.Client) {
	check, ctx := checker(t), context.WithoutCancel(t.Context())
	// page: Redis
	client, err := rueidis.NewClient(rueidis.ClientOption{
		InitAddress:      []string{addr},         // host:6379
		ConnWriteTimeout: 2 * time.Second,        // how long a connection may hang until there is a new one
		MaxFlushDelay:    100 * time.Microsecond, // fewer system calls when many requests come at a time
	})
	check(err)
	records, err := redisstore.New(client, nil)
	check(err)
	check(records.Check(ctx)) // whether the server is set up to keep sessions
	// end
	t.Cleanup(client.Close)
	return records, client
}

func setupRedisCluster(t *testing.T, addrs []string) store.Store {
	check := checker(t)
	// page: Redis Cluster
	client, err := rueidis.NewClient(rueidis.ClientOption{
		InitAddress:      addrs, // some of the nodes; the others are found
		ConnWriteTimeout: 2 * time.Second,
	})
	check(err)
	records, err := redisstore.New(client, &redisstore.Options{WaitReplicas: 1})
	check(err)
	// end
	t.Cleanup(client.Close)
	return records
}

func setupRedisSentinel(t *testing.T, addrs []string, name string) store.Store {
	check := checker(t)
	// page: Redis Sentinel
	client, err := rueidis.NewClient(rueidis.ClientOption{
		InitAddress:      addrs, // of the sentinels
		ConnWriteTimeout: 2 * time.Second,
		Sentinel:         rueidis.SentinelOption{MasterSet: name, TopologyRefreshInterval: 5 * time.Second},
	})
	check(err)
	records, err := redisstore.New(client, &redisstore.Options{WaitReplicas: 1})
	check(err)
	// end
	t.Cleanup(client.Close)
	return records
}

func setupMemcached(t *testing.T, addr string) (store.Store, *memcache.Client) {
	check := checker(t)
	// page: memcached
	client := memcache.New(addr) // host:11211
	client.MaxIdleConns = 100    // more than requests at a time, or calls wait for new connections
	client.Timeout = time.Second
	records, err := memcachestore.New(client, nil)
	check(err)
	// end
	t.Cleanup(func() { client.Close() })
	return records, client
}

func checker(t *testing.T) func(error) {
	return func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
}
