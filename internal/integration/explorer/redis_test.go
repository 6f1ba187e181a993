package explorer

import (
	"testing"

	"github.com/redis/rueidis"

	"github.com/cloakroom-go/cloakroom/internal/integration/servers"
	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/redisstore"
)

func onRedis(t *testing.T, addrs ...string) store.Store {
	t.Helper()
	client, err := rueidis.NewClient(rueidis.ClientOption{InitAddress: addrs})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	s, err := redisstore.New(client, nil)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestPromisesHoldOnRedis(t *testing.T) {
	ExploreServer(t, onRedis(t, servers.Redis(t).Addr()), Reduced())
}

func TestPromisesHoldOnRedisCluster(t *testing.T) {
	ExploreServer(t, onRedis(t, servers.RedisCluster(t).Addrs()...), Handful())
}
