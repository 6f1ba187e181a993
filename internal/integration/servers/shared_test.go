package servers_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/cloakroom-go/cloakroom/internal/integration/servers"
)

func TestASharedServerIsOneForAllTests(t *testing.T) {
	t.Setenv("CI", "")
	shared := servers.Shared(servers.Redis, servers.Durable)
	t.Run("none", func(t *testing.T) {
		t.Setenv("PATH", "")
		if v := judge(t, func(t testing.TB) { shared(t) }); !strings.Contains(v.skip, "redis-server") {
			t.Errorf("skip %q, fatal %q", v.skip, v.fatal)
		}
	})
	var addrs []string
	for _, name := range []string{"first", "second"} {
		t.Run(name, func(t *testing.T) {
			s := shared(t)
			redis(t, s.Addr(), "APPEND log "+name)
			addrs = append(addrs, s.Addr())
			s.Kill()
			s.Start()
		})
	}
	s := shared(t)
	if got := redis(t, s.Addr(), "GET log"); got != "firstsecond" || addrs[0] != addrs[1] || s.Addr() != addrs[0] {
		t.Errorf("the servers were %v, what is left is %q", addrs, got)
	}
	v := judge(t, func(t testing.TB) { shared(t).Start() })
	if !strings.Contains(v.fatal, "runs already") { // and it is not an earlier test that fails
		t.Errorf("fatal is %q", v.fatal)
	}
}

func TestMainEndsSharedServers(t *testing.T) {
	if inChild() {
		fmt.Println("at", servers.Shared(servers.Redis)(t).Addr())
		return
	}
	dir := t.TempDir()
	cmd, addr, _ := child(t, t.Name(), dir)
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	if !refused(addr) {
		t.Error("it still serves")
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
