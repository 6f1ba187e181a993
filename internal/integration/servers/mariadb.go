package servers

import (
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// MariaDB starts a MariaDB whose user root needs no password. It has an empty database
// named cloakroom.
func MariaDB(t testing.TB, mode ...Mode) *Server {
	t.Helper()
	flush := "0"
	if isDurable(mode) {
		flush = "1"
	}
	as := []string{}
	if os.Getuid() == 0 {
		as = append(as, "--user=root")
	}
	return start(t, program{
		name: "mariadbd", debian: "mariadb-server", variable: "CLOAKROOM_TEST_MARIADB_URL",
		url: "mysql://root@%s/cloakroom", signal: syscall.SIGTERM, ready: mariadbReady,
		prepare: func(p *process) error {
			install, err := exec.LookPath("mariadb-install-db")
			if err != nil {
				return err
			}
			const users = "CREATE DATABASE IF NOT EXISTS cloakroom;\nGRANT ALL ON *.* TO root@'127.0.0.1' WITH GRANT OPTION;\n"
			if err := os.WriteFile(filepath.Join(p.dir, "init.sql"), []byte(users), 0o600); err != nil {
				return err
			}
			return p.run(install, append(as, "--no-defaults", "--auth-root-authentication-method=normal", "--skip-test-db",
				"--datadir="+filepath.Join(p.dir, "data"))...)
		},
		args: func(p *process) []string {
			return append([]string{
				"--no-defaults", "--datadir=" + filepath.Join(p.dir, "data"), "--init-file=" + filepath.Join(p.dir, "init.sql"),
				"--bind-address=127.0.0.1", "--port=" + strconv.Itoa(p.port), "--skip-name-resolve",
				"--socket=socket", "--pid-file=pid", // in the data's folder: a longer path does not fit
				"--innodb-flush-log-at-trx-commit=" + flush, "--innodb-buffer-pool-size=64M",
			}, as...)
		},
	})
}

// mariadbReady reads the greeting, which comes only when a client can log in.
func mariadbReady(addr string) error {
	conn, err := net.DialTimeout("tcp", addr, time.Second)
	if err != nil {
		return err
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(5 * time.Second))
	var head [5]byte // length, number, version of the protocol
	if _, err := io.ReadFull(conn, head[:]); err != nil {
		return err
	}
	if head[4] != 10 {
		return errors.New("what answers is no MariaDB")
	}
	return nil
}
