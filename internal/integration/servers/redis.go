package servers

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// Redis starts a Redis that stands alone.
func Redis(t testing.TB, mode ...Mode) *Server {
	t.Helper()
	return start(t, redisServer("CLOAKROOM_TEST_REDIS_URL", mode))
}

// Valkey starts a Valkey that stands alone. Debian 12 has it among its backports, from
// where scripts/tools fetches it into the user's cache folder.
func Valkey(t testing.TB, mode ...Mode) *Server {
	t.Helper()
	pr := redisServer("CLOAKROOM_TEST_VALKEY_URL", mode)
	pr.name, pr.debian = "valkey-server", "valkey-server"
	if cache, err := os.UserCacheDir(); err == nil {
		pr.path = filepath.Join(cache, "cloakroom", "valkey", "usr", "bin", pr.name)
	}
	return start(t, pr)
}

// redisServer runs Redis with a file of settings, which it rewrites when its role changes.
func redisServer(variable string, mode []Mode, settings ...string) program {
	settings = append(settings, "bind 127.0.0.1", `save ""`, "repl-diskless-sync-delay 0")
	if isDurable(mode) {
		settings = append(settings, "appendonly yes", "appendfsync always")
	}
	return program{
		name: "redis-server", debian: "redis-server", variable: variable,
		url: "redis://%s/0", signal: syscall.SIGTERM, ready: redisReady,
		prepare: func(p *process) error {
			settings := append(settings, fmt.Sprintf("port %d", p.port), "dir "+p.dir)
			return os.WriteFile(filepath.Join(p.dir, "conf"), []byte(strings.Join(settings, "\n")+"\n"), 0o600)
		},
		args: func(p *process) []string { return []string{filepath.Join(p.dir, "conf")} },
	}
}

func redisReady(addr string) error {
	_, err := redisDo(addr, "PING")
	return err
}
