package servers

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Memcached starts a memcached, which keeps nothing in either mode.
func Memcached(t testing.TB, _ ...Mode) *Server {
	t.Helper()
	return start(t, program{
		name: "memcached", debian: "memcached", variable: "CLOAKROOM_TEST_MEMCACHED_URL",
		url: "memcache://%s", signal: syscall.SIGTERM, ready: memcachedReady,
		args: func(p *process) []string {
			return []string{"-u", "root", "-l", "127.0.0.1", "-p", strconv.Itoa(p.port), "-m", "64", "-I", "8m"} // -u is for root only
		},
	})
}

func memcachedReady(addr string) error {
	conn, err := net.DialTimeout("tcp", addr, time.Second)
	if err != nil {
		return err
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(time.Second))
	if _, err := io.WriteString(conn, "version\r\n"); err != nil {
		return err
	}
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err == nil && !strings.HasPrefix(line, "VERSION ") {
		err = fmt.Errorf("%q is no answer of a memcached", line)
	}
	return err
}
