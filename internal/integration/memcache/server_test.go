package memcache_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/bradfitz/gomemcache/memcache"

	"github.com/cloakroom-go/cloakroom/internal/integration/servers"
	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/memcachestore"
)

var shared = servers.Shared(servers.Memcached)

func TestMain(m *testing.M) { servers.Main(m) }

// open returns a store with a prefix of its own at addr.
func open(t *testing.T, addr string, timeout time.Duration) *memcachestore.Store {
	t.Helper()
	client := memcache.New(addr)
	client.Timeout = timeout
	client.MaxIdleConns = 64
	t.Cleanup(func() {
		if err := client.Close(); err != nil {
			t.Error(err)
		}
	})
	s, err := memcachestore.New(client, &memcachestore.Options{Prefix: prefix(t), MaxItemSize: setting(t, addr, "item_size_max")})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func prefix(t *testing.T) string {
	name, _, _ := strings.Cut(t.Name(), "/")
	return name + ":"
}

// tell sends lines as they are and returns the answers up to the line last.
func tell(t *testing.T, addr, last string, lines ...string) (answers []string) {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, strings.Join(lines, "\r\n")+"\r\n"); err != nil {
		t.Fatal(err)
	}
	for r := bufio.NewReader(conn); ; {
		line, err := r.ReadString('\n')
		if err != nil {
			t.Fatalf("after %q: %v", answers, err)
		}
		line = strings.TrimRight(line, "\r\n")
		answers = append(answers, line)
		if strings.HasPrefix(line, last) {
			return answers
		}
	}
}

// setting returns what memcached was started with.
func setting(t *testing.T, addr, name string) int {
	t.Helper()
	return statistic(t, addr, "stats settings", name)
}

func statistic(t *testing.T, addr, command, name string) int {
	t.Helper()
	for _, line := range tell(t, addr, "END", command) {
		if value, ok := strings.CutPrefix(line, "STAT "+name+" "); ok {
			n, err := strconv.Atoi(value)
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
	}
	t.Fatalf("%s: no %s", command, name)
	return 0
}

// remaining returns how many seconds memcached will keep an item, -1 for as long as it can.
func remaining(t *testing.T, addr, item string) (seconds int) {
	t.Helper()
	line := tell(t, addr, "", "mg "+item+" t")[0]
	if _, err := fmt.Sscanf(line, "HD t%d", &seconds); err != nil {
		t.Fatalf("%s: %q", item, line)
	}
	return seconds
}

func fieldsOf(t *testing.T, pairs ...string) store.Fields {
	t.Helper()
	var list []store.Field
	for i := 0; i < len(pairs); i += 2 {
		list = append(list, store.Field{Name: pairs[i], Value: pairs[i+1]})
	}
	f, err := store.NewFields(list...)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func creation(t *testing.T) store.Change {
	t.Helper()
	return store.Change{Create: true, ExpiresAt: time.Now().Add(time.Hour), Set: fieldsOf(t, "n", "0")}
}

func create(t *testing.T, s store.Store, key string) {
	t.Helper()
	if _, err := s.Save(t.Context(), key, creation(t)); err != nil {
		t.Fatal(err)
	}
}
