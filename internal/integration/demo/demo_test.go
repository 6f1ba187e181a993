package demo

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/cloakroom-go/cloakroom/internal/integration/servers"
)

var built struct {
	sync.Once
	dir string
	Command
}

func TestMain(m *testing.M) {
	var err error
	if built.dir, err = os.MkdirTemp("", "cloakroom-tool-"); err != nil {
		panic(err)
	}
	code := m.Run()
	_ = os.RemoveAll(built.dir)
	os.Exit(code)
}

// tool builds the command once.
func tool(t *testing.T) Command {
	t.Helper()
	built.Do(func() { built.Command = Build(t, built.dir) })
	if built.path == "" {
		t.Fatal("the command was not built")
	}
	return built.Command
}

func TestSessionsAreKeptInEveryStore(t *testing.T) {
	demo := tool(t)
	dir := t.TempDir()
	t.Run("memory", func(t *testing.T) { demo.Tour(t, "memory:", false) })
	for name, url := range map[string]func(t *testing.T) string{
		"file":     func(*testing.T) string { return "file:" + filepath.Join(dir, "sessions") },
		"sqlite":   func(*testing.T) string { return "sqlite:" + filepath.Join(dir, "sessions.db") },
		"bolt":     func(*testing.T) string { return "bolt:" + filepath.Join(dir, "sessions.bolt") },
		"postgres": func(t *testing.T) string { return servers.PostgreSQL(t).URL() },
		"mysql":    func(t *testing.T) string { return servers.MariaDB(t).URL() },
		"redis":    func(t *testing.T) string { return servers.Redis(t).URL() },
		"cluster":  func(t *testing.T) string { return servers.RedisCluster(t).URL() },
		"sentinel": func(t *testing.T) string { return servers.RedisSentinel(t).URL() },
		"memcache": func(t *testing.T) string { return servers.Memcached(t).URL() },
	} {
		t.Run(name, func(t *testing.T) { demo.Tour(t, url(t), true) })
	}
}

func TestSlimBuildsSayWhatTheyLack(t *testing.T) {
	demo := Build(t, t.TempDir(), "-tags", "slim")
	demo.Tour(t, "file:"+filepath.Join(t.TempDir(), "sessions"), true)
	said := demo.Refused(t, "redis://:"+secret+"@localhost")
	if !strings.Contains(said, "without the tag slim") || strings.Contains(said, secret) {
		t.Error(said)
	}
}
