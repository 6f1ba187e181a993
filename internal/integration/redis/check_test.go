package redis_test

import (
	"strings"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"github.com/cloakroom-go/cloakroom/internal/integration/servers"
	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/kvstore"
	"github.com/cloakroom-go/cloakroom/store/redisstore"
)

func TestCheckTellsWhatCouldEndSessions(t *testing.T) {
	t.Parallel()
	for name, start := range starts {
		t.Run(name, func(t *testing.T) {
			server := start(t, servers.Durable)
			client := toServer(t, server.Addr())
			s := newStore(t, client, redisstore.Options{})
			config := func(pairs ...string) {
				t.Helper()
				for i := 0; i < len(pairs); i += 2 {
					err := client.Do(t.Context(), client.B().ConfigSet().ParameterValue().ParameterValue(pairs[i], pairs[i+1]).Build()).Error()
					if err != nil {
						t.Fatal(err)
					}
				}
			}
			if err := s.Check(t.Context()); err != nil {
				t.Errorf("with an append-only file: %v", err)
			}
			tells := func(when string, says ...string) {
				t.Helper()
				err := s.Check(t.Context())
				if err == nil {
					t.Errorf("%s: no error", when)
					return
				}
				for _, s := range append(says, server.Addr()) {
					if !strings.Contains(err.Error(), s) {
						t.Errorf("%s: %q does not say %s", when, err, s)
					}
				}
				if n := strings.Count(err.Error(), "redisstore: check: "); n != 1 {
					t.Errorf("%s: %d problems: %v", when, n, err)
				}
			}
			config("maxmemory", "1gb")
			if err := s.Check(t.Context()); err != nil {
				t.Errorf("with noeviction: %v", err)
			}
			for _, policy := range []string{"allkeys-lru", "volatile-lru", "volatile-ttl", "allkeys-random"} {
				config("maxmemory-policy", policy)
				tells(policy, policy, "1073741824", "noeviction")
			}
			config("maxmemory", "0")
			if err := s.Check(t.Context()); err != nil {
				t.Errorf("with memory that has no limit: %v", err)
			}
			config("appendonly", "no")
			tells("without persistence", "appendonly yes")
			config("save", "60 1000")
			if err := s.Check(t.Context()); err != nil {
				t.Errorf("with snapshots: %v", err)
			}
			s = newStore(t, client, redisstore.Options{WaitReplicas: 1})
			tells("without a replica", "0 replicas", "WaitReplicas is 1")

			s = newStore(t, client, redisstore.Options{})
			do(t, client, "ACL", "SETUSER", "default", "-config")
			tells("without CONFIG", "CONFIG GET save", "NOPERM")
			do(t, client, "ACL", "SETUSER", "default", "-info")
			tells("without INFO", "INFO", "NOPERM")
			do(t, client, "ACL", "SETUSER", "default", "+@all")
			server.Pause()
			defer server.Resume()
			if err := s.Check(within(t, 300*time.Millisecond)); err == nil || !strings.Contains(err.Error(), "does not answer") {
				t.Errorf("with a server that hangs: %v", err)
			}
		})
	}
}

func TestCheckAsksEveryNode(t *testing.T) {
	g := sharedCluster(t)
	showReplicas(t, g)
	s := newStore(t, toGroup(t, g), redisstore.Options{})
	err := s.Check(t.Context())
	for _, addr := range g.Addrs() {
		if err == nil || !strings.Contains(err.Error(), addr+": it keeps neither") {
			t.Errorf("%s is not told of: %v", addr, err)
		}
	}
}

// showReplicas waits until a Cluster tells clients of its replicas, which it does when
// these have got something.
func showReplicas(t testing.TB, g *servers.Group) {
	t.Helper()
	s := newStore(t, toGroup(t, g), redisstore.Options{Prefix: "shown for " + t.Name()})
	fill(t, s, 100)
	await(t, "the replicas", func() bool {
		for _, addr := range g.Addrs() {
			node := connect(t, rueidis.ClientOption{InitAddress: []string{addr}, ForceSingleClient: true})
			shards, err := node.Do(t.Context(), node.B().ClusterSlots().Build()).ToArray()
			if err != nil {
				t.Fatal(err)
			}
			for _, shard := range shards {
				if parts, _ := shard.ToArray(); len(parts) != 4 { // first, last, master, replica
					return false
				}
			}
		}
		return true
	})
}

// A replica lags behind. That it has no such session is no answer.
func TestAReplicaIsNotBelieved(t *testing.T) {
	t.Parallel()
	_, replicas, client := replicated(t, servers.Redis)
	s := newStore(t, client, redisstore.Options{Prefix: "p:"})
	create(t, s, "k", "alice")
	kv := newKV(t, client, "kv:")
	if err := kv.CompareAndSwap(t.Context(), "k", nil, kvstore.Entry{Value: "1"}); err != nil {
		t.Fatal(err)
	}
	client = toServer(t, replicas[0].Addr())
	s, kv = newStore(t, client, redisstore.Options{Prefix: "p:"}), newKV(t, client, "kv:")
	refused := func(what string, err error) {
		t.Helper()
		if err == nil || isAnswer(err) || !strings.Contains(err.Error(), "READONLY") {
			t.Errorf("%s: %v, want an outage that says READONLY", what, err)
		}
	}
	for _, key := range []string{"k", "none"} {
		_, err := s.Save(t.Context(), key, store.Change{Set: fields("a", "1")})
		refused("Save", err)
		_, err = s.Save(t.Context(), key, store.Change{If: []store.Condition{{Name: "a", Value: "1"}}})
		refused("Save with a condition", err)
		_, err = s.Save(t.Context(), key, store.Change{Create: true, ExpiresAt: inAnHour()})
		refused("Create", err)
		refused("Delete", s.Delete(t.Context(), key))
		_, err = kv.Get(t.Context(), key)
		refused("Get", err)
		refused("CompareAndSwap", kv.CompareAndSwap(t.Context(), key, nil, kvstore.Entry{}))
		refused("Delete", kv.Delete(t.Context(), key))
	}
}

// A client may be told to send what only reads to replicas. Sessions are asked for at the
// master all the same: a replica might not know that one was ended.
func TestReadsDoNotGoToReplicas(t *testing.T) {
	g := sharedCluster(t)
	showReplicas(t, g)
	toReplicas := connect(t, rueidis.ClientOption{InitAddress: g.Addrs(), SendToReplicas: func(cmd rueidis.Completed) bool { return cmd.IsReadOnly() }})
	s := newStore(t, toReplicas, redisstore.Options{})
	for _, node := range g.Nodes {
		client := connect(t, rueidis.ClientOption{InitAddress: []string{node.Addr()}, ForceSingleClient: true})
		do(t, client, "CONFIG", "RESETSTAT")
	}
	create(t, s, "k", "alice", "a", "1")
	loaded(t, s, "k", "a")
	if _, err := s.LoadFields(t.Context(), "k", "a"); err != nil {
		t.Error(err)
	}
	owns(t, "", s, "alice", "k")
	listed(t, s)
	for _, node := range g.Nodes {
		client := connect(t, rueidis.ClientOption{InitAddress: []string{node.Addr()}, ForceSingleClient: true})
		stats := do(t, client, "INFO", "commandstats")
		if role := do(t, client, "ROLE"); strings.HasPrefix(role, "master") {
			continue
		}
		for _, read := range []string{"hgetall", "hmget", "hget", "zrange", "scan", "exists"} {
			if strings.Contains(stats, "cmdstat_"+read+":") {
				t.Errorf("the replica %s was asked %s", node.Addr(), read)
			}
		}
	}
}

// When its memory is full, Redis takes no more; but sessions can still be read and ended.
func TestWhenMemoryIsFullSessionsCanBeReadAndEnded(t *testing.T) {
	t.Parallel()
	_, _, client := replicated(t, servers.Redis)
	s := newStore(t, client, redisstore.Options{})
	waiting := newStore(t, client, redisstore.Options{WaitReplicas: 2, WaitTimeout: time.Minute})
	kv := newKV(t, client, "kv:")
	create(t, s, "k", "alice", "a", "1")
	create(t, s, "other", "alice")
	if err := kv.CompareAndSwap(t.Context(), "k", nil, kvstore.Entry{Value: "1"}); err != nil {
		t.Fatal(err)
	}
	do(t, client, "CONFIG", "SET", "maxmemory", "1")
	_, err := s.Save(t.Context(), "k", store.Change{Set: fields("a", "2")})
	if err == nil || isAnswer(err) || !strings.Contains(err.Error(), "OOM") {
		t.Errorf("Save: %v, want an outage that says OOM", err)
	}
	if value := loaded(t, s, "k", "a"); value != "1" {
		t.Errorf("a is %s", value)
	}
	if e, err := kv.Get(t.Context(), "k"); err != nil || e.Value != "1" {
		t.Errorf("Get: %+v, %v", e, err)
	}
	if err := s.Delete(t.Context(), "k"); err != nil {
		t.Error(err)
	}
	owns(t, "after the end of one", s, "alice", "other")
	for range 2 {
		if err := waiting.Delete(t.Context(), "other"); err != nil {
			t.Errorf("a Delete that waits: %v", err)
		}
	}
	owns(t, "after the end of both", s, "alice")
	if err := kv.Delete(t.Context(), "k"); err != nil {
		t.Error(err)
	}
}
