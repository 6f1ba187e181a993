package servers

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// RedisSentinel starts a Redis with two replicas, and three sentinels that promote one of
// them when the master has been away for three seconds.
func RedisSentinel(t testing.TB, mode ...Mode) *Group {
	t.Helper()
	const variable = "CLOAKROOM_TEST_REDIS_SENTINEL_URL"
	if g := given(t, variable); g != nil {
		g.MasterName = strings.Split(g.url, "/")[3]
		return g
	}
	sentinel := program{
		name: "redis-sentinel", debian: "redis-sentinel", variable: variable,
		url: "redis://%s", signal: syscall.SIGTERM, ready: redisReady,
	}
	sentinel.find(t)
	g := &Group{t: t, MasterName: "cloakroom"}
	g.Nodes = []*Server{start(t, redisServer(variable, mode))}
	master := g.Nodes[0].process.port
	for range 2 {
		g.Nodes = append(g.Nodes, start(t, redisServer(variable, mode, fmt.Sprintf("replicaof 127.0.0.1 %d", master))))
	}
	sentinel.prepare = func(p *process) error {
		conf := fmt.Sprintf("bind 127.0.0.1\nport %d\ndir %s\nsentinel monitor %s 127.0.0.1 %d 2\n", p.port, p.dir, g.MasterName, master)
		for _, setting := range []string{"down-after-milliseconds %s 3000", "failover-timeout %s 5000", "parallel-syncs %s 2"} {
			conf += "sentinel " + fmt.Sprintf(setting, g.MasterName) + "\n"
		}
		return os.WriteFile(filepath.Join(p.dir, "conf"), []byte(conf), 0o600)
	}
	sentinel.args = func(p *process) []string { return []string{filepath.Join(p.dir, "conf")} }
	var addrs []string
	for range 3 {
		s := start(t, sentinel)
		g.Sentinels = append(g.Sentinels, s)
		addrs = append(addrs, s.Addr())
	}
	g.url = "redis+sentinel://" + strings.Join(addrs, ",") + "/" + g.MasterName + "/0"
	if err := await(g.watched); err != nil {
		t.Fatalf("the sentinels do not start: %v", err)
	}
	return g
}

// watched says whether each sentinel knows the other two and both replicas.
func (g *Group) watched() error {
	if err := inSync(g.Nodes[0].Addr(), 2); err != nil {
		return err
	}
	for _, s := range g.Sentinels {
		answer, err := redisDo(s.Addr(), "SENTINEL", "MASTER", g.MasterName)
		if err != nil {
			return err
		}
		if !strings.Contains(answer, "\nnum-slaves\n2\n") || !strings.Contains(answer, "\nnum-other-sentinels\n2\n") {
			return fmt.Errorf("%s does not know the others yet:\n%s", s.Addr(), answer)
		}
	}
	return nil
}
