package servers_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/cloakroom-go/cloakroom/internal/integration/servers"
)

func TestAReplicaTakesThePlaceOfAKilledMaster(t *testing.T) {
	for masters, start := range map[int]func(testing.TB, ...servers.Mode) *servers.Group{
		3: servers.RedisCluster, 1: servers.RedisSentinel,
	} {
		t.Run(fmt.Sprintf("of %d", masters), func(t *testing.T) {
			t.Parallel()
			g := start(t)
			old := g.Master("k")
			if replicas := g.Replicas(); len(replicas) != len(g.Nodes)-masters || slices.Contains(replicas, old) {
				t.Errorf("the replicas are %v", replicas)
			}
			redis(t, old.Addr(), "SET k v")
			if got := redis(t, old.Addr(), "WAIT 1 5000"); got == ":0" {
				t.Error("no replica has it")
			}
			old.Kill()
			master := g.Master("k")
			if master == old {
				t.Error("the master is still the killed one")
			}
			if got := redis(t, master.Addr(), "GET k"); got != "v" {
				t.Errorf("the new master has %q", got)
			}
		})
	}
}

func TestAClusterSplitsTheKeys(t *testing.T) {
	g := servers.RedisCluster(t)
	if len(g.Addrs()) != 6 || len(g.Nodes) != 6 || !strings.HasPrefix(g.URL(), "redis+cluster://"+g.Nodes[0].Addr()+",") {
		t.Errorf("%s has nodes %v", g.URL(), g.Addrs())
	}
	var found []string
	for _, key := range []string{"a", "b", "c"} { // of slots 15495, 3300 and 7365
		found = append(found, g.Master(key).Addr())
	}
	slices.Sort(found)
	if len(slices.Compact(found)) != 3 {
		t.Errorf("the masters of three slots are %v", found)
	}
}

func TestSentinelsAreWhereAClientBegins(t *testing.T) {
	g := servers.RedisSentinel(t)
	var sentinels []string
	for _, s := range g.Sentinels {
		sentinels = append(sentinels, s.Addr())
	}
	if !slices.Equal(g.Addrs(), sentinels) || len(sentinels) != 3 || len(g.Nodes) != 3 {
		t.Errorf("%d nodes, sentinels %v, addresses %v", len(g.Nodes), sentinels, g.Addrs())
	}
	if g.URL() != "redis+sentinel://"+strings.Join(sentinels, ",")+"/"+g.MasterName+"/0" {
		t.Errorf("URL is %s", g.URL())
	}
	if g.Master("any") != g.Nodes[0] {
		t.Errorf("the master is not the first node")
	}
}

func TestAGivenGroupIsUsedAndLeftAlone(t *testing.T) {
	for variable, tc := range map[string]struct {
		start func(testing.TB, ...servers.Mode) *servers.Group
		url   string
		name  string
	}{
		"CLOAKROOM_TEST_REDIS_CLUSTER_URL":  {servers.RedisCluster, "redis+cluster://a:1,b:2/0", ""},
		"CLOAKROOM_TEST_REDIS_SENTINEL_URL": {servers.RedisSentinel, "redis+sentinel://a:1,b:2/shop/0", "shop"},
	} {
		t.Setenv(variable, tc.url)
		g := tc.start(t)
		if g.URL() != tc.url || !slices.Equal(g.Addrs(), []string{"a:1", "b:2"}) || g.MasterName != tc.name {
			t.Errorf("%s: %v, %q", g.URL(), g.Addrs(), g.MasterName)
		}
		v := judge(t, func(t testing.TB) { g.For(t).Master("k") })
		if !strings.Contains(v.skip, tc.url) {
			t.Errorf("skip %q, fatal %q", v.skip, v.fatal)
		}
	}
}
