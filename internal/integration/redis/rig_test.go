package redis_test

import (
	"testing"

	"github.com/redis/rueidis"

	"github.com/cloakroom-go/cloakroom/internal/integration/servers"
	"github.com/cloakroom-go/cloakroom/store/redisstore"
)

func TestMain(m *testing.M) { servers.Main(m) }

// The servers that tests share, each with a prefix of its own.
var (
	sharedRedis    = servers.Shared(servers.Redis)
	sharedValkey   = servers.Shared(servers.Valkey)
	sharedCluster  = servers.Shared(servers.RedisCluster)
	sharedSentinel = servers.Shared(servers.RedisSentinel)
)

// connect returns a client that ends with the test.
func connect(t testing.TB, option rueidis.ClientOption) rueidis.Client {
	t.Helper()
	client, err := rueidis.NewClient(option)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

// toGroup connects to a Cluster or to the master that sentinels tell of.
func toGroup(t testing.TB, g *servers.Group) rueidis.Client {
	t.Helper()
	return connect(t, rueidis.ClientOption{InitAddress: g.Addrs(), Sentinel: rueidis.SentinelOption{MasterSet: g.MasterName}})
}

// toServer connects to one server.
func toServer(t testing.TB, addr string) rueidis.Client {
	t.Helper()
	return connect(t, rueidis.ClientOption{InitAddress: []string{addr}})
}

// newStore makes a store with a prefix that no other test has.
func newStore(t testing.TB, client rueidis.Client, options redisstore.Options) *redisstore.Store {
	t.Helper()
	if options.Prefix == "" {
		options.Prefix = t.Name() + ":"
	}
	s, err := redisstore.New(client, &options)
	if err != nil {
		t.Fatal(err)
	}
	return s
}
