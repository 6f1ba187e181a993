package demo

import (
	"database/sql"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	_ "github.com/go-sql-driver/mysql"
	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/redis/rueidis"

	"github.com/cloakroom-go/cloakroom/internal/integration/servers"
)

// secret is a password that is nowhere else in a message.
const secret = "s3cr3t-Pa55"

// refusals are URLs, with HOST for where the server is and SECRET for a password, and what
// is said of them.
type refusals map[string][]string

func (r refusals) check(t *testing.T, demo Command, addr string) {
	t.Helper()
	for url, want := range r {
		url = strings.NewReplacer("HOST", addr, "SECRET", secret).Replace(url)
		t.Run(url, func(t *testing.T) {
			t.Parallel()
			said := demo.Refused(t, url)
			t.Log(said)
			for _, part := range append(want, addr) {
				if !strings.Contains(said, part) {
					t.Errorf("want %q in it", part)
				}
			}
			if strings.Contains(said, secret) {
				t.Error("want no password in it")
			}
		})
	}
}

// everywhere returns the same for each kind of server.
func everywhere(want ...string) refusals {
	return refusals{
		"postgres://alice:SECRET@HOST/db":         want,
		"mysql://alice:SECRET@HOST/db":            want,
		"redis://alice:SECRET@HOST":               want,
		"rediss://alice:SECRET@HOST":              want,
		"redis+cluster://alice:SECRET@HOST":       want,
		"redis+sentinel://alice:SECRET@HOST/main": want,
		"memcache://HOST":                         want,
		"mongodb://alice:SECRET@HOST/db":          want,
	}
}

func TestServersThatAreNotThereAreNamed(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listener.Close()
	everywhere("start the server, or mend host and port").check(t, tool(t), listener.Addr().String())
}

func TestServersThatDoNotAnswerAreGivenUp(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { conn.Close() })
		}
	}()
	everywhere("no answer came in time").check(t, tool(t), listener.Addr().String())
}

func TestHostsThatDoNotExistAreNamed(t *testing.T) {
	everywhere("mend the host in the URL").check(t, tool(t), "no-such-host.invalid")
}

func TestPostgreSQLSaysWhatToDo(t *testing.T) {
	server := servers.PostgreSQL(t)
	db, err := sql.Open("pgx", server.URL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	for _, command := range []string{
		`CREATE USER alice PASSWORD 'another'`,
		`CREATE USER bob`,
		// Who alice is, the server shall ask; it trusts all others.
		`DO $$ BEGIN EXECUTE format('COPY (VALUES (''host all alice all scram-sha-256''), (''host all all all trust'')) TO %L', current_setting('hba_file')); END $$`,
		`SELECT pg_reload_conf()`,
	} {
		if _, err := db.ExecContext(t.Context(), command); err != nil {
			t.Fatalf("%s: %v", command, err)
		}
	}
	eventually(t, func() error { // the server reads its configuration in its own time
		alice, err := sql.Open("pgx", strings.Replace(server.URL(), "postgres@", "alice:"+secret+"@", 1))
		if err != nil {
			return err
		}
		defer alice.Close()
		if err := alice.PingContext(t.Context()); err == nil || !strings.Contains(err.Error(), "28P01") {
			return fmt.Errorf("with a wrong password: %v", err)
		}
		return nil
	})
	refusals{
		"postgres://alice:SECRET@HOST/postgres?sslmode=disable":       {"28P01", "write the right user and password into the URL"},
		"postgres://postgres@HOST/missing?sslmode=disable":            {`"missing" does not exist`, "createdb missing"},
		"postgres://bob:SECRET@HOST/postgres?sslmode=disable":         {"permission denied", "the right to create tables"},
		"postgres://postgres@HOST/postgres?sslmode=disable&colour=de": {`"colour"`, "neither the driver nor the server knows"},
		"postgres://postgres:SECRET@HOST/postgres?sslmode=require":    {"TLS", "sslmode=disable"},
	}.check(t, tool(t), server.Addr())
}

func TestMariaDBSaysWhatToDo(t *testing.T) {
	server := servers.MariaDB(t)
	db, err := sql.Open("mysql", server.DSN())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	for _, command := range []string{`CREATE USER alice IDENTIFIED BY 'another'`, `CREATE USER bob`, `CREATE DATABASE bobs`} {
		if _, err := db.ExecContext(t.Context(), command); err != nil {
			t.Fatalf("%s: %v", command, err)
		}
	}
	root, _, _ := strings.Cut(server.DSN(), "@")
	refusals{
		"mysql://alice:SECRET@HOST/bobs":           {"Access denied", "write the right user and password into the URL"},
		"mysql://bob@HOST/bobs":                    {"Access denied", "GRANT ALL ON `bobs`.*"},
		"mysql://" + root + "@HOST/missing":        {"Unknown database", "CREATE DATABASE `missing`"},
		"mysql://" + root + "@HOST/bobs?colour=de": {"colour", "neither the driver nor the server knows"},
	}.check(t, tool(t), server.Addr())
}

func TestRedisSaysWhatToDo(t *testing.T) {
	server := servers.Redis(t)
	client, err := rueidis.NewClient(rueidis.ClientOption{InitAddress: []string{server.Addr()}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	for _, command := range []string{
		"ACL SETUSER alice on >another ~* &* +@all",
		"ACL SETUSER bob on nopass ~other:* &* +@all",
		"CONFIG SET requirepass another",
	} {
		if err := client.Do(t.Context(), client.B().Arbitrary(strings.Fields(command)...).Build()).Error(); err != nil {
			t.Fatalf("%s: %v", command, err)
		}
	}
	refusals{
		"redis://alice:SECRET@HOST":          {"WRONGPASS", "write the right password into the URL"},
		"redis://:SECRET@HOST":               {"WRONGPASS", "write the right password into the URL"},
		"redis://HOST":                       {"NOAUTH", "write the password into the URL"},
		"redis://bob:SECRET@HOST":            {"NOPERM", "ACL SETUSER bob"},
		"redis://alice:another@HOST/99":      {"DB index is out of range", "write a lower number"},
		"redis+cluster://alice:SECRET@HOST":  {"WRONGPASS"},
		"redis+cluster://alice:another@HOST": {"not in cluster mode", "write redis:// for redis+cluster://"},
		"rediss://alice:SECRET@HOST":         {"write redis:// for rediss://"},
	}.check(t, tool(t), server.Addr())
}

func TestSentinelsThatDoNotKnowTheMasterAreNamed(t *testing.T) {
	group := servers.RedisSentinel(t)
	refusals{
		"redis+sentinel://:SECRET@HOST/other": {"master other", "No such master", "write the name by which the sentinels know the master"},
	}.check(t, tool(t), group.Addrs()[0])
}

// eventually returns when f does without an error.
func eventually(t *testing.T, f func() error) {
	t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		err := f()
		if err == nil {
			return
		}
		if time.Now().After(end) {
			t.Fatal(err)
		}
	}
}
