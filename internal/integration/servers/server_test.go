package servers_test

import (
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	_ "github.com/go-sql-driver/mysql"
	_ "github.com/jackc/pgx/v5/stdlib"

	"github.com/cloakroom-go/cloakroom/internal/integration/servers"
)

func TestAServerServesWheneverItHasBeenStarted(t *testing.T) {
	for _, kind := range all {
		t.Run(kind.name, func(t *testing.T) {
			t.Parallel()
			s := kind.start(t)
			addr := s.Addr()
			answers := func() net.Conn {
				t.Helper()
				conn := dial(t, addr)
				if kind.begin != nil {
					if err := kind.begin(conn); err != nil {
						t.Fatal(err)
					}
				}
				io.WriteString(conn, kind.ask)
				if _, err := conn.Read(make([]byte, 1)); err != nil {
					t.Fatalf("no answer: %v", err)
				}
				return conn
			}
			conn := answers()
			for _, end := range []func(){s.Kill, s.Stop} {
				end()
				if _, err := io.Copy(io.Discard, conn); err != nil && !errors.Is(err, syscall.ECONNRESET) {
					t.Errorf("a connection to an ended server: %v", err)
				}
				if !refused(addr) {
					t.Error("it still serves")
				}
				s.Start()
				conn = answers()
			}
			if s.Addr() != addr {
				t.Errorf("it moved from %s to %s", addr, s.Addr())
			}
		})
	}
}

func TestAPausedServerHangsUntilItIsResumed(t *testing.T) {
	for _, kind := range all {
		t.Run(kind.name, func(t *testing.T) {
			t.Parallel()
			s := kind.start(t)
			conn := dial(t, s.Addr())
			if kind.begin != nil {
				if err := kind.begin(conn); err != nil {
					t.Fatal(err)
				}
			}
			s.Pause()
			io.WriteString(conn, kind.ask)
			conn.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
			if n, err := conn.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Fatalf("read %d bytes, %v from a paused server", n, err)
			}
			s.Resume()
			conn.SetReadDeadline(time.Now().Add(time.Minute))
			if _, err := conn.Read(make([]byte, 1)); err != nil {
				t.Fatalf("no answer after it was resumed: %v", err)
			}
			s.Pause() // and its end does not wait for that
		})
	}
}

func TestADurableServerKeepsWhatItAcknowledgedWhenKilled(t *testing.T) {
	t.Run("redis", func(t *testing.T) {
		t.Parallel()
		s := servers.Redis(t, servers.Durable)
		redis(t, s.Addr(), "SET k v")
		s.Kill()
		s.Start()
		if got := redis(t, s.Addr(), "GET k"); got != "v" {
			t.Errorf("got %q, want v", got)
		}
	})
	for _, kind := range []struct {
		name, driver string
		start        func(testing.TB, ...servers.Mode) *servers.Server
		source       func(*servers.Server) string
	}{
		{"postgresql", "pgx", servers.PostgreSQL, (*servers.Server).URL},
		{"mariadb", "mysql", servers.MariaDB, (*servers.Server).DSN},
	} {
		t.Run(kind.name, func(t *testing.T) {
			t.Parallel()
			s := kind.start(t, servers.Durable)
			open := func() *sql.DB {
				db, err := sql.Open(kind.driver, kind.source(s))
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { db.Close() })
				return db
			}
			db := open()
			for _, statement := range []string{"CREATE TABLE k (v INTEGER)", "INSERT INTO k VALUES (7)"} {
				if _, err := db.Exec(statement); err != nil {
					t.Fatal(err)
				}
			}
			s.Kill()
			s.Start()
			var v int
			if err := open().QueryRow("SELECT v FROM k").Scan(&v); err != nil || v != 7 {
				t.Errorf("got %d, %v, want 7", v, err)
			}
		})
	}
}

func TestAServerEndsWithItsTest(t *testing.T) {
	for _, kind := range all {
		t.Run(kind.name, func(t *testing.T) {
			t.Parallel()
			var addr string
			t.Run("inner", func(t *testing.T) {
				addr = kind.start(t).Addr()
			})
			if addr != "" && !refused(addr) {
				t.Error("it still serves")
			}
		})
	}
}

func TestAServerEndsWithItsProcess(t *testing.T) {
	if inChild() {
		fmt.Println("at", servers.PostgreSQL(t).Addr())
		select {}
	}
	if runtime.GOOS != "linux" {
		t.Skip("only on Linux does a child end with a parent that is killed")
	}
	cmd, addr, _ := child(t, t.Name(), sharedFolder(t))
	if refused(addr) {
		t.Fatal("it does not serve")
	}
	cmd.Process.Kill()
	eventually(t, "the server ends", func() bool { return refused(addr) })
	cmd.Wait()
}

// sharedFolder returns a temporary folder in which other users find their own.
func sharedFolder(t *testing.T) string {
	dir := t.TempDir()
	for _, d := range []string{dir, filepath.Dir(dir)} {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestAMissingProgramIsNamed(t *testing.T) {
	t.Setenv("PATH", "")
	for ci, message := range map[string]func(*verdict) string{
		"":     func(v *verdict) string { return v.skip },
		"true": func(v *verdict) string { return v.fatal },
	} {
		t.Setenv("CI", ci)
		for _, start := range []func(testing.TB){
			func(t testing.TB) { servers.Redis(t) },
			func(t testing.TB) { servers.RedisCluster(t) },
			func(t testing.TB) { servers.RedisSentinel(t) },
		} {
			v := judge(t, start)
			if got := message(v); !strings.Contains(got, "Debian package redis-se") || !strings.Contains(got, "in CLOAKROOM_TEST_REDIS_") {
				t.Errorf("with CI=%s: skip %q, fatal %q", ci, v.skip, v.fatal)
			}
		}
	}
}

func TestAProgramThatEndsIsAnErrorWithItsLog(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	script := "#!/bin/sh\necho no such luck\nexit 1\n"
	if err := os.WriteFile(filepath.Join(os.Getenv("PATH"), "redis-server"), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	v := judge(t, func(t testing.TB) { servers.Redis(t) })
	if !strings.Contains(v.fatal, "no such luck") {
		t.Errorf("fatal is %q", v.fatal)
	}
}

func TestAGivenServerIsUsedAndLeftAlone(t *testing.T) {
	real := servers.Redis(t)
	t.Run("given", func(t *testing.T) {
		u := "redis://user:pass@" + real.Addr() + "/3"
		t.Setenv("CLOAKROOM_TEST_REDIS_URL", u)
		s := servers.Redis(t)
		if s.URL() != u || s.Addr() != real.Addr() {
			t.Errorf("it is %s at %s", s.URL(), s.Addr())
		}
		for _, method := range []func(*servers.Server){
			(*servers.Server).Kill, (*servers.Server).Stop, (*servers.Server).Start, (*servers.Server).Pause, (*servers.Server).Resume,
		} {
			v := judge(t, func(t testing.TB) { method(s.For(t)) })
			if !strings.Contains(v.skip, u) {
				t.Errorf("skip %q, fatal %q", v.skip, v.fatal)
			}
		}
	})
	if got := redis(t, real.Addr(), "PING"); got != "+PONG" {
		t.Errorf("got %q", got)
	}
}

func TestWhatCannotBeDoneFails(t *testing.T) {
	s := servers.Redis(t)
	for _, tc := range []struct {
		want string
		do   func(*servers.Server)
	}{
		{"runs already", (*servers.Server).Start},
		{"", (*servers.Server).Kill},
		{"does not run", (*servers.Server).Kill},
		{"does not run", (*servers.Server).Stop},
		{"does not run", (*servers.Server).Pause},
		{"does not run", (*servers.Server).Resume},
	} {
		v := judge(t, func(t testing.TB) { tc.do(s.For(t)) })
		if !strings.Contains(v.fatal, tc.want) || tc.want == "" && v.fatal != "" {
			t.Errorf("fatal is %q, want %q", v.fatal, tc.want)
		}
	}
}

func TestDSNSaysWhatTheURLSays(t *testing.T) {
	t.Setenv("CLOAKROOM_TEST_MARIADB_URL", "mysql://u:p%40q@db.example:3307/shop")
	s := servers.MariaDB(t)
	u, err := url.Parse(s.URL())
	if err != nil {
		t.Fatal(err)
	}
	password, _ := u.User.Password()
	if got, want := s.DSN(), "u:"+password+"@tcp(db.example:3307)/shop"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
