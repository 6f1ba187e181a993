package docs_test

import (
	"bytes"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.etcd.io/bbolt"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/internal/integration/docs"
	"github.com/cloakroom-go/cloakroom/internal/integration/servers"
	"github.com/cloakroom-go/cloakroom/store"
)

// keep makes the session that all dumps show and returns its ID.
func keep(t *testing.T, records store.Store) string {
	t.Helper()
	sessions, err := cloakroom.New(records, nil)
	if err != nil {
		t.Fatal(err)
	}
	s, err := sessions.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s.SignIn("alice")
	cloakroom.NewKey[int]("visits").Set(s, 3)
	cloakroom.NewKey[string]("theme").Set(s, "dark")
	if _, err := sessions.Commit(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	return s.ID()
}

// A transcript is what somebody sees who types commands.
type transcript struct {
	t *testing.T
	strings.Builder
}

func (x *transcript) add(command, output string) {
	fmt.Fprintf(x, "$ %s\n%s\n", command, strings.TrimRight(output, "\n"))
}

// run adds the command as it is shown and the output of the one that is run. Arguments are
// separated by blanks, but for those that are given apart.
func (x *transcript) run(shown, command string, args ...string) {
	x.t.Helper()
	x.add(shown, output(x.t, command, args...))
}

func output(t *testing.T, command string, args ...string) string {
	t.Helper()
	args = append(strings.Fields(command), args...)
	path, err := exec.LookPath(args[0])
	if errors.Is(err, exec.ErrNotFound) && os.Getenv("CI") != "true" {
		t.Skipf("%s is not installed: it comes with the client tools of the server", args[0])
	}
	if err != nil {
		t.Fatal(err)
	}
	var told bytes.Buffer
	cmd := exec.Command(path, args[1:]...)
	cmd.Stderr = &told
	text, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v\n%s", cmd, err, told.String())
	}
	return string(text)
}

func (x *transcript) compare(name string) {
	x.t.Helper()
	docs.Compare(x.t, name, x.String())
}

// started skips the test of a dump when the server was given by URL: what else is there,
// and how its tools print it, is unknown.
func started(t *testing.T, variable string) {
	t.Helper()
	if os.Getenv(variable) != "" {
		t.Skipf("%s is set: the page shows a server that has nothing else, so unset it to have one started", variable)
	}
}

func TestDumpOfFiles(t *testing.T) {
	dir := t.TempDir()
	keep(t, setupFile(t, dir))
	x := &transcript{t: t}
	var names []string
	err := filepath.WalkDir(dir, func(name string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			name, err = filepath.Rel(dir, name)
			names = append(names, name)
		}
		return err
	})
	if err != nil || len(names) != 2 {
		t.Fatalf("%q, %v", names, err)
	}
	x.add("find -type f -printf '%P\\n'", strings.Join(names, "\n"))
	x.add("cat "+names[0], docs.Read(t, filepath.Join(dir, names[0])))
	x.compare("file")
}

func TestDumpOfSQLite(t *testing.T) {
	dir := t.TempDir()
	keep(t, setupSQLite(t, dir))
	db, err := sql.Open("sqlite", "file:"+filepath.Join(dir, "sessions.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	x := &transcript{t: t}
	x.add("sqlite3 sessions.db \"SELECT sql || ';' FROM sqlite_master WHERE sql <> ''\"",
		strings.Join(column(t, db, `SELECT sql || ';' FROM sqlite_master WHERE sql <> ''`), "\n"))
	x.add(`sqlite3 sessions.db "SELECT * FROM cloakroom_sessions"`,
		strings.Join(column(t, db, `SELECT key || '|' || version || '|' || owner || '|' || expires || '|' || fields FROM cloakroom_sessions`), "\n"))
	x.compare("SQLite")
}

func column(t *testing.T, db *sql.DB, query string) (values []string) {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var v string
		if err := rows.Scan(&v); err != nil {
			t.Fatal(err)
		}
		values = append(values, v)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return values
}

func TestDumpOfBolt(t *testing.T) {
	records, db := setupBolt(t, t.TempDir())
	keep(t, records)
	x := &transcript{t: t}
	err := db.View(func(tx *bbolt.Tx) error {
		root := tx.Bucket([]byte("cloakroom_sessions"))
		var parts []string
		err := root.ForEach(func(k, _ []byte) error {
			parts = append(parts, string(k))
			return nil
		})
		x.add("bbolt keys sessions.db cloakroom_sessions", strings.Join(parts, "\n"))
		id, value := root.Bucket([]byte("sessions")).Cursor().First()
		x.add("bbolt get sessions.db cloakroom_sessions sessions "+string(id), string(value))
		owner, _ := root.Bucket([]byte("owners")).Cursor().First()
		x.add("bbolt keys sessions.db cloakroom_sessions owners", strings.ReplaceAll(string(owner), "\x00", " NUL "))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	x.compare("bolt")
}

func TestDumpOfPostgreSQL(t *testing.T) {
	started(t, "CLOAKROOM_TEST_POSTGRES_URL")
	server := servers.PostgreSQL(t)
	records, _ := setupPostgreSQL(t, server.URL())
	keep(t, records)
	x := &transcript{t: t}
	x.run(`psql -c '\d cloakroom_sessions'`, "psql -X -c", `\d cloakroom_sessions`, server.URL())
	x.run(`psql -xc 'SELECT * FROM cloakroom_sessions'`, "psql -X -x -c", `SELECT * FROM cloakroom_sessions`, server.URL())
	x.compare("PostgreSQL")
}

func TestDumpOfMariaDB(t *testing.T) {
	started(t, "CLOAKROOM_TEST_MARIADB_URL")
	server := servers.MariaDB(t)
	records, _ := setupMariaDB(t, server.DSN())
	keep(t, records)
	host, port, _ := net.SplitHostPort(server.Addr())
	client := "mariadb --no-defaults -uroot -h" + host + " -P" + port + " cloakroom -e"
	x := &transcript{t: t}
	x.run(`mariadb -e 'SHOW CREATE TABLE cloakroom_sessions\G'`, client, `SHOW CREATE TABLE cloakroom_sessions\G`)
	x.run(`mariadb -e 'SELECT * FROM cloakroom_sessions\G'`, client, `SELECT * FROM cloakroom_sessions\G`)
	x.compare("MariaDB")
}

func TestDumpOfRedis(t *testing.T) {
	started(t, "CLOAKROOM_TEST_REDIS_URL")
	server := servers.Redis(t, servers.Durable)
	records, _ := setupRedis(t, server.Addr())
	id := keep(t, records)
	_, port, _ := net.SplitHostPort(server.Addr())
	client := "redis-cli -p " + port + " "
	x := &transcript{t: t}
	keys := strings.Split(strings.TrimSpace(output(t, client+"--scan")), "\n")
	slices.Sort(keys)
	x.add("redis-cli --scan | sort", strings.Join(keys, "\n"))
	for _, command := range []string{
		"HGETALL cloakroom:s:" + id, "PEXPIRETIME cloakroom:s:" + id, "ZRANGE cloakroom:o:alice 0 -1 WITHSCORES",
	} {
		x.run("redis-cli "+command, client+"--no-raw "+command) // as on a terminal
	}
	x.compare("Redis")
}

func TestDumpOfMemcached(t *testing.T) {
	server := servers.Memcached(t)
	records, _ := setupMemcached(t, server.Addr())
	request := "get cloakroom:" + keep(t, records) + `\r\nquit\r\n`
	conn, err := net.Dial("tcp", server.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, strings.ReplaceAll(request, `\r\n`, "\r\n")); err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(conn)
	if err != nil {
		t.Fatal(err)
	}
	x := &transcript{t: t}
	x.add("printf '"+request+"' | nc localhost 11211", strings.ReplaceAll(string(answer), "\r\n", "\n"))
	x.compare("memcached")
}

// A store in a Cluster and behind sentinels is set up as the page says, too.
func TestSetupsWithReplicas(t *testing.T) {
	t.Run("Cluster", func(t *testing.T) {
		keep(t, setupRedisCluster(t, servers.RedisCluster(t).Addrs()))
	})
	t.Run("Sentinel", func(t *testing.T) {
		group := servers.RedisSentinel(t)
		keep(t, setupRedisSentinel(t, group.Addrs(), group.MasterName))
	})
	t.Run("memory", func(t *testing.T) { keep(t, setupMemory(t)) })
}
