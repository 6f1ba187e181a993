package redis_test

import (
	"testing"

	"github.com/cloakroom-go/cloakroom/internal/integration/faults"
	"github.com/cloakroom-go/cloakroom/internal/integration/servers"
	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/redisstore"
)

func TestFaults(t *testing.T) {
	t.Run("Redis", func(t *testing.T) { testFaults(t, servers.Redis(t, servers.Durable)) })
	t.Run("Valkey", func(t *testing.T) { testFaults(t, servers.Valkey(t, servers.Durable)) })
}

func testFaults(t *testing.T, server *servers.Server) {
	faults.Run(t, faults.Subject{
		Server: server, Conns: 16, Durable: true,
		Open: func(t testing.TB, addr string) (store.Store, func()) {
			client := toServer(t, addr)
			return newStore(t, client, redisstore.Options{}), client.Close
		},
	})
}

func TestFaultsOfGroups(t *testing.T) {
	t.Run("Sentinel", func(t *testing.T) { testFailover(t, servers.RedisSentinel(t, servers.Durable)) })
	t.Run("Cluster", func(t *testing.T) { testFailover(t, servers.RedisCluster(t, servers.Durable)) })
}

// One replica is all that a master of the Cluster has. Of two, sentinels promote the one that
// has more.
func testFailover(t *testing.T, g *servers.Group) {
	const prefix = "failover:"
	faults.RunFailover(t, faults.Succession{
		Group: g,
		Open: func(t testing.TB) (store.Store, func()) {
			client := toGroup(t, g)
			return newStore(t, client, redisstore.Options{Prefix: prefix, WaitReplicas: 1}), client.Close
		},
		At: func(id string) string { return prefix + "s:" + id },
	})
}
