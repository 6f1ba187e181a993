package servers

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
)

// masters is how many nodes of a Cluster are masters. Each has one replica.
const masters = 3

// RedisCluster starts a Redis Cluster of three masters with a replica each. A replica is
// promoted when its master has been away for three seconds.
func RedisCluster(t testing.TB, mode ...Mode) *Group {
	t.Helper()
	const variable = "CLOAKROOM_TEST_REDIS_CLUSTER_URL"
	if g := given(t, variable); g != nil {
		return g
	}
	node := redisServer(variable, mode, "cluster-enabled yes", "cluster-node-timeout 3000", "cluster-replica-validity-factor 0")
	node.bus = true
	g := &Group{t: t}
	var addrs []string
	for range 2 * masters {
		s := start(t, node)
		g.Nodes = append(g.Nodes, s)
		addrs = append(addrs, s.Addr())
	}
	g.url = "redis+cluster://" + strings.Join(addrs, ",") + "/0"
	if err := formCluster(addrs); err != nil {
		t.Fatalf("the Cluster does not start: %v", err)
	}
	return g
}

// formCluster does what redis-cli --cluster create does.
func formCluster(addrs []string) error {
	const slots = 16384
	ids := make([]string, len(addrs))
	for i, addr := range addrs {
		var err error
		if ids[i], err = redisDo(addr, "CLUSTER", "MYID"); err != nil {
			return err
		}
		if _, err := redisDo(addr, "CLUSTER", "SET-CONFIG-EPOCH", strconv.Itoa(i+1)); err != nil {
			return err
		}
		if i < masters {
			first, last := slots*i/masters, slots*(i+1)/masters-1
			if _, err := redisDo(addr, "CLUSTER", "ADDSLOTSRANGE", strconv.Itoa(first), strconv.Itoa(last)); err != nil {
				return err
			}
		}
		if i > 0 {
			host, port, _ := strings.Cut(addrs[0], ":")
			if _, err := redisDo(addr, "CLUSTER", "MEET", host, port); err != nil {
				return err
			}
		}
	}
	for i, addr := range addrs[masters:] {
		if err := await(func() error { // until the replica has heard of its master
			_, err := redisDo(addr, "CLUSTER", "REPLICATE", ids[i])
			return err
		}); err != nil {
			return err
		}
	}
	return await(func() error { return formed(addrs) })
}

// formed says whether every node knows every other one and the replicas have their data.
func formed(addrs []string) error {
	for i, addr := range addrs {
		info, err := redisDo(addr, "CLUSTER", "INFO")
		if err != nil {
			return err
		}
		if !strings.Contains(info, "cluster_state:ok") {
			return fmt.Errorf("%s: %s", addr, info)
		}
		nodes, err := redisDo(addr, "CLUSTER", "NODES")
		if err != nil {
			return err
		}
		if strings.Count(nodes, "connected") != len(addrs) || strings.Count(nodes, "slave") != len(addrs)-masters {
			return fmt.Errorf("%s knows only\n%s", addr, nodes)
		}
		if i < masters {
			err = inSync(addr, 1)
		} else {
			err = linked(addr)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
