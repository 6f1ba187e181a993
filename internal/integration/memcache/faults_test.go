package memcache_test

import (
	"testing"
	"time"

	"github.com/bradfitz/gomemcache/memcache"

	"github.com/cloakroom-go/cloakroom/internal/integration/faults"
	"github.com/cloakroom-go/cloakroom/internal/integration/servers"
	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/memcachestore"
)

func TestFaults(t *testing.T) {
	const conns = 16
	faults.Run(t, faults.Subject{
		Server: servers.Memcached(t), Conns: conns,
		Open: func(t testing.TB, addr string) (store.Store, func()) {
			client := memcache.New(addr)
			client.Timeout = time.Second
			client.MaxIdleConns = conns
			s, err := memcachestore.New(client, nil)
			if err != nil {
				t.Fatal(err)
			}
			return s, func() { client.Close() }
		},
	})
}
