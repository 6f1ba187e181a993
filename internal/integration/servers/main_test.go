package servers_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom/internal/integration/servers"
)

func TestMain(m *testing.M) { servers.Main(m) }

var all = []struct {
	name  string
	start func(testing.TB, ...servers.Mode) *servers.Server
	// begin opens a connection and waits for the server to speak, if it speaks first.
	begin func(conn net.Conn) error
	ask   string // to which anything is the answer
}{
	{"redis", servers.Redis, nil, "PING\r\n"},
	{"valkey", servers.Valkey, nil, "PING\r\n"},
	{"memcached", servers.Memcached, nil, "version\r\n"},
	// A refusal of encryption, and one of a login, come from the server itself.
	{"postgresql", servers.PostgreSQL, nil, "\x00\x00\x00\x08\x04\xd2\x16\x2f"},
	{"mariadb", servers.MariaDB, func(conn net.Conn) error {
		head := make([]byte, 4) // of the greeting; three bytes of length, the least one first
		if _, err := io.ReadFull(conn, head); err != nil {
			return err
		}
		_, err := io.CopyN(io.Discard, conn, int64(head[0])|int64(head[1])<<8)
		return err
	}, "\x01\x00\x00\x01\x00"},
}

func dial(t *testing.T, addr string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(time.Minute))
	return conn
}

func refused(addr string) bool {
	conn, err := net.Dial("tcp", addr)
	if err == nil {
		conn.Close()
	}
	return errors.Is(err, syscall.ECONNREFUSED)
}

// redis sends a command without spaces in its words, and returns the last line of the answer.
func redis(t *testing.T, addr, command string) string {
	t.Helper()
	conn := dial(t, addr)
	fmt.Fprintf(conn, "%s\r\n", command)
	r := bufio.NewReader(conn)
	line, err := r.ReadString('\n')
	if err == nil && line[0] == '$' && line != "$-1\r\n" {
		line, err = r.ReadString('\n')
	}
	if err != nil {
		t.Fatalf("%s: %v", command, err)
	}
	return strings.TrimSuffix(line, "\r\n")
}

// A verdict is a test that does not end with what it finds.
type verdict struct {
	testing.TB
	skip, fatal string
}

// judge runs f with a verdict instead of t.
func judge(t *testing.T, f func(testing.TB)) *verdict {
	v := &verdict{TB: t}
	done := make(chan struct{})
	go func() {
		defer close(done)
		f(v)
	}()
	<-done
	return v
}

func (v *verdict) Skip(args ...any)                  { v.skip = fmt.Sprint(args...); runtime.Goexit() }
func (v *verdict) Skipf(format string, args ...any)  { v.Skip(fmt.Sprintf(format, args...)) }
func (v *verdict) Fatal(args ...any)                 { v.fatal = fmt.Sprint(args...); runtime.Goexit() }
func (v *verdict) Fatalf(format string, args ...any) { v.Fatal(fmt.Sprintf(format, args...)) }

// child runs one test of this binary, in which inChild is true, in another process. Its
// temporary folders are in dir, and line is the first that it prints with "at ".
func child(t *testing.T, test, dir string) (cmd *exec.Cmd, line string, output *bytes.Buffer) {
	t.Helper()
	cmd = exec.Command(os.Args[0], "-test.run=^"+test+"$", "-test.v", "-test.timeout=60s")
	cmd.Env = append(os.Environ(), childVariable+"=1", "TMPDIR="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill() })
	output = new(bytes.Buffer)
	for r := bufio.NewReader(io.TeeReader(out, output)); ; {
		line, err := r.ReadString('\n')
		if at, ok := strings.CutPrefix(line, "at "); ok {
			return cmd, strings.TrimSpace(at), output
		}
		if err != nil {
			t.Fatalf("the child ended early: %s", output)
		}
	}
}

const childVariable = "CLOAKROOM_TEST_CHILD"

func inChild() bool { return os.Getenv(childVariable) != "" }

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("it never came that %s", what)
		}
	}
}
