package redis_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"github.com/cloakroom-go/cloakroom/internal/integration/servers"
	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/redisstore"
)

// A member is a master of a Cluster, spoken to alone.
type member struct {
	rueidis.Client
	addr, id string
}

// members returns a master that has a slot and one that has not.
func members(t testing.TB, g *servers.Group, slot string) (with, without member) {
	t.Helper()
	for _, node := range g.Nodes {
		m := member{addr: node.Addr(), Client: connect(t, rueidis.ClientOption{InitAddress: []string{node.Addr()}, ForceSingleClient: true})}
		if !strings.HasPrefix(do(t, m, "ROLE"), "master") {
			continue
		}
		m.id = do(t, m, "CLUSTER", "MYID")
		err := m.Do(t.Context(), m.B().Arbitrary("GET").Keys("{"+keyIn(t, m, slot)+"}").Build()).Error()
		if err == nil || rueidis.IsRedisNil(err) {
			with = m
		} else {
			without = m
		}
	}
	return with, without
}

// keyIn returns a key in a slot.
func keyIn(t testing.TB, client rueidis.Client, slot string) string {
	t.Helper()
	for i := range 1 << 20 {
		cmd := client.B().Arbitrary("GET").Keys(fmt.Sprint(i)).Build()
		if number(int64(cmd.Slot()&0x3fff)) == slot {
			return fmt.Sprint(i)
		}
	}
	t.Fatalf("no key in slot %s", slot)
	return ""
}

// beginMove announces that a slot is to move, and endMove that it has.
func beginMove(t testing.TB, from, to member, slot string) {
	t.Helper()
	do(t, to, "CLUSTER", "SETSLOT", slot, "IMPORTING", from.id)
	do(t, from, "CLUSTER", "SETSLOT", slot, "MIGRATING", to.id)
}

func endMove(t testing.TB, from, to member, slot string) {
	t.Helper()
	do(t, to, "CLUSTER", "SETSLOT", slot, "NODE", to.id)
	do(t, from, "CLUSTER", "SETSLOT", slot, "NODE", to.id)
}

// moveKeys moves what is in a slot.
func moveKeys(t testing.TB, from, to member, slot string) {
	t.Helper()
	host, port, _ := strings.Cut(to.addr, ":")
	list, err := from.Do(t.Context(), from.B().ClusterGetkeysinslot().Slot(slotNumber(t, slot)).Count(10000).Build()).AsStrSlice()
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range list {
		do(t, from, "MIGRATE", host, port, key, "0", "5000")
	}
}

func slotNumber(t testing.TB, slot string) int64 {
	var n int64
	if _, err := fmt.Sscan(slot, &n); err != nil {
		t.Fatal(err)
	}
	return n
}

// While a slot moves, both nodes send the client on: ASK for what has moved, MOVED when
// all has. Nothing is lost, nothing is done twice, and no answer is wrong.
func TestRecordsAreFoundWhileTheirSlotMoves(t *testing.T) {
	t.Parallel()
	g := servers.RedisCluster(t)
	for name, options := range map[string]redisstore.Options{
		"plain": {Prefix: "plain:"}, "waiting": {Prefix: "waiting:", WaitReplicas: 1, WaitTimeout: 10 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			client := toGroup(t, g)
			s := newStore(t, client, options)
			const key = "k"
			slot := do(t, client, "CLUSTER", "KEYSLOT", options.Prefix+"s:"+key)
			from, to := members(t, g, slot)
			create(t, s, key, "alice", "$secret", "0")
			version := save(t, s, key, store.Change{})
			check := func(when string) {
				t.Helper()
				for _, name := range []string{"$secret", "visits"} { // of which one is waited for
					got := save(t, s, key, store.Change{Set: fields(name, `"`+when+`"`)})
					if got != version+1 {
						t.Errorf("%s: the version went from %d to %d", when, version, got)
					}
					version = got
				}
				rec, err := s.Load(t.Context(), key)
				if value, _ := rec.Fields.Get("$secret"); err != nil || value != `"`+when+`"` || rec.Version != version {
					t.Errorf("%s: %+v, %v", when, rec, err)
				}
				_, err = s.Save(t.Context(), key, store.Change{Create: true, Set: fields("$secret", "1"), ExpiresAt: inAnHour()})
				isError(t, when+": Create", err, store.ErrExists)
				_, err = s.Save(t.Context(), key, store.Change{If: []store.Condition{{Name: "$secret", Value: "1"}}})
				isError(t, when+": Save with a wrong condition", err, store.ErrConflict)
				owns(t, when, s, "alice", key)
			}
			check("before")
			beginMove(t, from, to, slot)
			check("announced")
			moveKeys(t, from, to, slot)
			check("moved")
			endMove(t, from, to, slot)
			check("after")
			beginMove(t, to, from, slot)
			moveKeys(t, to, from, slot)
			if err := s.Delete(t.Context(), key); err != nil {
				t.Error(err)
			}
			_, err := s.Load(t.Context(), key)
			isError(t, "Load after Delete of what had moved", err, store.ErrNotFound)
			endMove(t, to, from, slot)
			_, err = s.Load(t.Context(), key)
			isError(t, "Load after the move back", err, store.ErrNotFound)
		})
	}
}

// A part of a Cluster that has no master cannot say anything: neither that there is no such
// session, nor that a sign-out is done.
func TestADeadPartOfAClusterIsAnOutage(t *testing.T) {
	t.Parallel()
	g := servers.RedisCluster(t)
	client := toGroup(t, g)
	s := newStore(t, client, redisstore.Options{})
	create(t, s, "k", "alice")
	if err := s.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	slot := do(t, client, "CLUSTER", "KEYSLOT", t.Name()+":s:k")
	master, _ := members(t, g, slot)
	nodes := do(t, master, "CLUSTER", "NODES")
	killed := 0
	for _, node := range g.Nodes {
		for line := range strings.Lines(nodes) {
			words := strings.Fields(line)
			if strings.HasPrefix(words[1], node.Addr()+"@") && (words[0] == master.id || words[3] == master.id) {
				node.Kill()
				killed++
			}
		}
	}
	if killed != 2 {
		t.Fatalf("%d nodes were killed, want the master and its replica", killed)
	}
	await(t, "the Cluster to notice", func() bool { return s.Ping(within(t, time.Second)) != nil })
	outage := func(what string, err error) {
		t.Helper()
		if err == nil || isAnswer(err) {
			t.Errorf("%s: %v, want an outage", what, err)
		}
	}
	_, err := s.Load(within(t, time.Second), "k")
	outage("Load", err)
	_, err = s.Save(within(t, time.Second), "k", store.Change{Set: fields("a", "1")})
	outage("Save", err)
	_, err = s.Save(within(t, time.Second), "k", store.Change{Create: true, ExpiresAt: inAnHour()})
	outage("Create", err)
	outage("Delete", s.Delete(within(t, time.Second), "k"))
	for _, err := range s.ListOwner(within(t, time.Second), "alice") {
		outage("ListOwner", err)
	}
	ended := false
	for _, err := range s.List(within(t, 5*time.Second)) {
		if ended = err != nil; ended {
			outage("List", err)
		}
	}
	if !ended {
		t.Error("List ended as if it had seen all")
	}
}
