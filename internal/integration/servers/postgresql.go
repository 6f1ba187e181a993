package servers

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

// PostgreSQL starts a PostgreSQL whose user postgres needs no password and may do all.
func PostgreSQL(t testing.TB, mode ...Mode) *Server {
	t.Helper()
	safety := "off"
	if isDurable(mode) {
		safety = "on"
	}
	return start(t, program{
		name: "postgres", debian: "postgresql", variable: "CLOAKROOM_TEST_POSTGRES_URL",
		path: "/usr/lib/postgresql/*/bin/postgres", user: "postgres", // it refuses to run as root
		url: "postgres://postgres@%s/postgres?sslmode=disable", signal: os.Interrupt, ready: postgresReady,
		prepare: func(p *process) error {
			path, err := filepath.EvalSymlinks(p.path)
			if err != nil {
				return err
			}
			return p.run(filepath.Join(filepath.Dir(path), "initdb"), "-D", filepath.Join(p.dir, "data"),
				"-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync")
		},
		args: func(p *process) []string {
			args := []string{"-D", filepath.Join(p.dir, "data"), "-p", strconv.Itoa(p.port)}
			for _, setting := range []string{
				"listen_addresses=127.0.0.1", "unix_socket_directories=", "max_connections=200",
				"fsync=" + safety, "synchronous_commit=" + safety, "full_page_writes=" + safety,
			} {
				args = append(args, "-c", setting)
			}
			return args
		},
	})
}

// postgresReady logs in, as it is said in "Message Flow" of PostgreSQL's manual.
func postgresReady(addr string) error {
	conn, err := net.DialTimeout("tcp", addr, time.Second)
	if err != nil {
		return err
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(5 * time.Second))
	startup := "\x00\x03\x00\x00" + "user\x00postgres\x00database\x00postgres\x00\x00"
	startup = string(binary.BigEndian.AppendUint32(nil, uint32(4+len(startup)))) + startup
	if _, err := io.WriteString(conn, startup); err != nil {
		return err
	}
	for r := bufio.NewReader(conn); ; {
		var head [5]byte
		if _, err := io.ReadFull(r, head[:]); err != nil {
			return err
		}
		body := make([]byte, max(binary.BigEndian.Uint32(head[1:]), 4)-4)
		if _, err := io.ReadFull(r, body); err != nil {
			return err
		}
		switch head[0] {
		case 'E':
			return fmt.Errorf("the server says %q", body)
		case 'Z':
			return nil
		}
	}
}
