package scale

import (
	"bufio"
	"database/sql"
	"fmt"
	"net"
	"strconv"
	"strings"
	"testing"

	"github.com/bradfitz/gomemcache/memcache"
	_ "github.com/go-sql-driver/mysql"
	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/redis/rueidis"

	"github.com/cloakroom-go/cloakroom/internal/integration/servers"
	"github.com/cloakroom-go/cloakroom/store/memcachestore"
	"github.com/cloakroom-go/cloakroom/store/redisstore"
	"github.com/cloakroom-go/cloakroom/store/sqlstore"
)

// openRedis counts used_memory.
func openRedis(t *testing.T) site {
	client, err := rueidis.NewClient(rueidis.ClientOption{InitAddress: []string{servers.Redis(t).Addr()}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	s, err := redisstore.New(client, nil)
	if err != nil {
		t.Fatal(err)
	}
	return site{s, func(t *testing.T) int64 {
		info, err := client.Do(t.Context(), client.B().Info().Section("memory").Build()).ToString()
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(info) {
			if figure, ok := strings.CutPrefix(line, "used_memory:"); ok {
				return number(t, strings.TrimSpace(figure))
			}
		}
		t.Fatal("the server does not tell used_memory")
		return 0
	}}
}

// openPostgres counts the table with its indexes and what is stored aside.
func openPostgres(t *testing.T) site {
	return openSQL(t, "pgx", servers.PostgreSQL(t).URL(), sqlstore.PostgreSQL(),
		"SELECT pg_total_relation_size('cloakroom_sessions')")
}

// openMariaDB counts the file of the table, which has its indexes in it.
func openMariaDB(t *testing.T) site {
	return openSQL(t, "mysql", servers.MariaDB(t).DSN(), sqlstore.MySQL(),
		"SELECT FILE_SIZE FROM information_schema.INNODB_SYS_TABLESPACES WHERE NAME = CONCAT(DATABASE(), '/cloakroom_sessions')")
}

func openSQL(t *testing.T, driver, source string, dialect sqlstore.Dialect, room string) site {
	t.Helper()
	db, err := sql.Open(driver, source)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	db.SetMaxOpenConns(writers)
	db.SetMaxIdleConns(writers)
	s, err := sqlstore.New(db, dialect, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return site{s, func(t *testing.T) (bytes int64) {
		if err := db.QueryRowContext(t.Context(), room).Scan(&bytes); err != nil {
			t.Fatal(err)
		}
		return bytes
	}}
}

// openMemcached counts the bytes that memcached says it keeps. It gets more memory than it
// was started with, so that it drops nothing.
func openMemcached(t *testing.T) site {
	addr := servers.Memcached(t).Addr()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	answers := bufio.NewScanner(conn)
	ask := func(t *testing.T, question, prefix string) string {
		fmt.Fprintf(conn, "%s\r\n", question)
		for found := ""; answers.Scan(); {
			if answer, ok := strings.CutPrefix(answers.Text(), prefix); ok {
				found = answer
			}
			switch answers.Text() {
			case "END", "OK":
				return found
			}
		}
		t.Fatalf("memcached does not answer %s: %v", question, answers.Err())
		return ""
	}
	ask(t, "cache_memlimit 4096", "OK")
	client := memcache.New(addr)
	client.MaxIdleConns = writers
	t.Cleanup(func() { client.Close() })
	s, err := memcachestore.New(client, nil)
	if err != nil {
		t.Fatal(err)
	}
	return site{s, func(t *testing.T) int64 {
		if dropped := ask(t, "stats", "STAT evictions "); dropped != "0" {
			t.Errorf("memcached has dropped %s sessions for lack of memory", dropped)
		}
		return number(t, ask(t, "stats", "STAT bytes "))
	}}
}

func number(t *testing.T, text string) int64 {
	t.Helper()
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
