package redis_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom/internal/integration/servers"
	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/redisstore"
)

// listed returns how often List yields each key.
func listed(t testing.TB, s store.Lister) map[string]int {
	t.Helper()
	counts := map[string]int{}
	for key, err := range s.List(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		counts[key]++
	}
	return counts
}

// A prefix is no pattern, and what others keep in the database is none of ours.
func TestListSeesItsOwnPrefixOnly(t *testing.T) {
	for _, name := range []string{"redis", "cluster"} {
		t.Run(name, func(t *testing.T) {
			client := clients[name](t)
			var stores []*redisstore.Store
			prefixes := []string{"a", "a*", "a?", "[ab]", "a[", `a\`, `a\*`, "^a", "{a}", "ä", ""}
			for _, prefix := range prefixes {
				s := newStore(t, client, redisstore.Options{Prefix: prefix})
				create(t, s, "of "+prefix, "alice")
				create(t, s, "$of "+prefix, "alice")
				stores = append(stores, s)
			}
			for _, prefix := range prefixes {
				do(t, client, "SET", prefix+"s:string", "x")
				do(t, client, "SET", prefix+"other", "x")
				do(t, client, "HSET", prefix+"other hash", "", "1 9999999999999 x")
			}
			for i, s := range stores {
				got := listed(t, s)
				if len(got) != 1 || got["of "+prefixes[i]] != 1 {
					t.Errorf("with the prefix %q: %v", prefixes[i], got)
				}
			}
		})
	}
}

// While it is walked over, the table of keys grows and shrinks again, and each time it
// shrinks SCAN may return some keys again.
func TestListYieldsNothingTwiceWhileTheTableShrinks(t *testing.T) {
	for name, start := range starts {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client := toServer(t, start(t).Addr())
			s := newStore(t, client, redisstore.Options{Prefix: "p:"})
			const n, others = 3000, 20000
			fill(t, s, n)
			eval := func(script string) {
				if err := client.Do(t.Context(), client.B().Eval().Script(script).Numkeys(0).Build()).Error(); err != nil {
					t.Fatal(err)
				}
			}
			counts, yielded := map[string]int{}, 0
			for key, err := range s.List(t.Context()) {
				if err != nil {
					t.Fatal(err)
				}
				counts[key]++
				switch yielded++; yielded % 240 {
				case 0:
					eval(fmt.Sprintf("for i = 1, %d do redis.call('SET', 'other' .. i, '') end return 1", others))
				case 120:
					eval(fmt.Sprintf("for i = 1, %d do redis.call('DEL', 'other' .. i) end return 1", others))
					time.Sleep(150 * time.Millisecond) // it looks at the table ten times a second
				}
			}
			for i := range n {
				if counts[fmt.Sprint(i)] != 1 {
					t.Errorf("the record %d was yielded %d times", i, counts[fmt.Sprint(i)])
				}
			}
		})
	}
}

func fill(t testing.TB, s *redisstore.Store, n int) {
	t.Helper()
	var mu sync.Mutex
	inParallel(n, func(i int) {
		if _, err := s.Save(t.Context(), fmt.Sprint(i), store.Change{Create: true, ExpiresAt: inAnHour()}); err != nil {
			mu.Lock()
			defer mu.Unlock()
			t.Error(err)
		}
	})
}

func inParallel(n int, f func(i int)) {
	const workers = 64
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := w; i < n; i += workers {
				f(i)
			}
		})
	}
	wg.Wait()
}

// A walk that has lost its place must not look like one that has seen everything.
func TestListEndsWithAnErrorWhenTheServerIsAnotherOne(t *testing.T) {
	t.Parallel()
	server := servers.Redis(t, servers.Durable)
	s := newStore(t, toServer(t, server.Addr()), redisstore.Options{})
	fill(t, s, 3000)
	var last error
	n := 0
	for key, err := range s.List(t.Context()) {
		if n++; n == 10 {
			server.Kill()
			server.Start()
		}
		last = err
		if err != nil && (key != "" || isAnswer(err)) {
			t.Errorf("the key %q and the error %v", key, err)
		}
	}
	if last == nil {
		t.Errorf("after %d keys the walk ended as if it had seen all", n)
	}
	if got := listed(t, s); len(got) != 3000 {
		t.Errorf("the next walk: %d keys", len(got))
	}
}

// Slots that move take their records along, to a master that was walked over or will be.
func TestListEndsWithAnErrorWhenSlotsMove(t *testing.T) {
	t.Parallel()
	g := servers.RedisCluster(t)
	client := toGroup(t, g)
	s := newStore(t, client, redisstore.Options{})
	fill(t, s, 3000)
	if got := listed(t, s); len(got) != 3000 {
		t.Fatalf("%d keys, want 3000", len(got))
	}
	walkWhile := func(what string, when int, change func(key string)) {
		var last error
		n := 0
		for key, err := range s.List(t.Context()) {
			if n++; n == when {
				change(key)
			}
			last = err
		}
		if last == nil || isAnswer(last) || !strings.Contains(last.Error(), "list again") {
			t.Errorf("%s: after %d keys the walk ended with %v", what, n, last)
		}
	}
	// The slot of a key that is there goes to another master.
	slot := do(t, client, "CLUSTER", "KEYSLOT", t.Name()+":s:1")
	from, to := members(t, g, slot)
	walkWhile("while a slot begins to move", 10, func(string) { beginMove(t, from, to, slot) })
	walkWhile("while a slot is moving", 10, func(string) {})
	do(t, from, "CLUSTER", "SETSLOT", slot, "STABLE")
	do(t, to, "CLUSTER", "SETSLOT", slot, "STABLE")
	if got := listed(t, s); len(got) != 3000 {
		t.Fatalf("%d keys, want 3000", len(got))
	}
	walkWhile("while a slot moves", 10, func(string) {
		beginMove(t, from, to, slot)
		moveKeys(t, from, to, slot)
		endMove(t, from, to, slot)
	})
	agree(t, s)
	// The last master gives a slot to one that was walked over.
	walkWhile("while a slot moves at the end", 2800, func(key string) {
		slot := do(t, client, "CLUSTER", "KEYSLOT", t.Name()+":s:"+key)
		from, to := members(t, g, slot)
		beginMove(t, from, to, slot)
		moveKeys(t, from, to, slot)
		endMove(t, from, to, slot)
	})
	agree(t, s)
	if got := listed(t, s); len(got) != 3000 {
		t.Errorf("%d keys after the move, want 3000", len(got))
	}
}

// agree waits until all nodes of a Cluster have heard of a move.
func agree(t testing.TB, s store.Lister) {
	t.Helper()
	await(t, "the Cluster to agree", func() bool {
		for _, err := range s.List(t.Context()) {
			if err != nil {
				return false
			}
		}
		return true
	})
}

// Walks that the caller gives up give their connections back, which others then use.
func TestListKeepsNothingWhenItIsGivenUp(t *testing.T) {
	client := clients["redis"](t)
	s := newStore(t, client, redisstore.Options{})
	fill(t, s, 1000)
	connections := func() (n int) {
		info := do(t, client, "INFO", "clients")
		fmt.Sscanf(info[strings.Index(info, "connected_clients:"):], "connected_clients:%d", &n)
		return n
	}
	before := connections()
	for range 100 {
		for range s.List(t.Context()) {
			break
		}
		ctx, cancel := context.WithCancel(t.Context())
		for range s.List(ctx) {
			cancel()
		}
		cancel()
		func() {
			defer func() { recover() }()
			for range s.List(t.Context()) {
				panic("boom")
			}
		}()
	}
	const some = 30 // walks may begin before those before them have given theirs back
	await(t, "the connections to be given back", func() bool { return connections() <= before+some })
}

func TestListOfAnEmptyDatabase(t *testing.T) {
	for _, name := range slices.Sorted(maps.Keys(clients)) {
		if got := listed(t, newStore(t, clients[name](t), redisstore.Options{Prefix: "nobody:"})); len(got) != 0 {
			t.Errorf("%s: %v", name, got)
		}
	}
}
