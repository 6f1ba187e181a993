package explorer

import (
	"testing"

	"github.com/bradfitz/gomemcache/memcache"

	"github.com/cloakroom-go/cloakroom/internal/integration/servers"
	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/memcachestore"
)

func onMemcached(t *testing.T, addr string) store.Store {
	t.Helper()
	client := memcache.New(addr)
	t.Cleanup(func() {
		if err := client.Close(); err != nil {
			t.Error(err)
		}
	})
	s, err := memcachestore.New(client, nil)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestPromisesHoldOnMemcached(t *testing.T) {
	ExploreServer(t, onMemcached(t, servers.Memcached(t).Addr()), Reduced())
}
