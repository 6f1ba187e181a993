package redis_test

import (
	"testing"
	"time"

	"github.com/redis/rueidis"

	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/redisstore"
	"github.com/cloakroom-go/cloakroom/store/storetest"
)

// clients are the ways to reach a Redis.
var clients = map[string]func(testing.TB) rueidis.Client{
	"redis":    func(t testing.TB) rueidis.Client { return toServer(t, sharedRedis(t).Addr()) },
	"valkey":   func(t testing.TB) rueidis.Client { return toServer(t, sharedValkey(t).Addr()) },
	"cluster":  func(t testing.TB) rueidis.Client { return toGroup(t, sharedCluster(t)) },
	"sentinel": func(t testing.TB) rueidis.Client { return toGroup(t, sharedSentinel(t)) },
}

func TestTheStoreKeepsEveryRule(t *testing.T) {
	for name, client := range clients {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStore(t, client(t), redisstore.Options{})
			storetest.Run(t, func(*testing.T) store.Store { return s })
		})
	}
}

// Waiting for replicas and answering from copies break no rule, as long as one process
// writes.
func TestTheStoreKeepsEveryRuleWithEveryOption(t *testing.T) {
	for _, name := range []string{"cluster", "sentinel"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStore(t, clients[name](t), redisstore.Options{Prefix: "every[option]*:", WaitReplicas: 1, StaleReads: time.Minute})
			storetest.Run(t, func(*testing.T) store.Store { return s })
		})
	}
}
