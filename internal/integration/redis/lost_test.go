package redis_test

import (
	"strings"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"github.com/cloakroom-go/cloakroom/internal/integration/proxy"
	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/kvstore"
	"github.com/cloakroom-go/cloakroom/store/redisstore"
)

// The server has carried the Save out, and the connection breaks before the answer is
// there. Whoever sends it again does it twice.
func TestASaveWhoseAnswerIsLostIsNotRepeated(t *testing.T) {
	for name, option := range map[string]rueidis.ClientOption{"defaults": {}, "always pipelining": {AlwaysPipelining: true}} {
		t.Run(name, func(t *testing.T) {
			ctx := t.Context()
			p := proxy.New(t, sharedRedis(t).Addr())
			option.InitAddress = []string{p.Addr()}
			client := connect(t, option)
			s := newStore(t, client, redisstore.Options{})
			create(t, s, "k", "alice", "n", "0")
			version := save(t, s, "k", store.Change{})
			owner := "bob"
			for what, c := range map[string]store.Change{
				"a field":      {Set: fields("n", "1")},
				"a sign-in":    {Owner: &owner, ExpiresAt: inAnHour()},
				"a large Save": {Set: fields("n", string(make([]byte, 1<<20)))},
			} {
				lost := p.CutAfterRequest(1, "EVALSHA")
				_, err := s.Save(ctx, "k", c)
				if err == nil || isAnswer(err) {
					t.Errorf("%s: the error is %v, want an outage", what, err)
				}
				<-lost
				rec, err := s.Load(ctx, "k")
				if err != nil {
					t.Fatal(err)
				}
				if rec.Version != version+1 {
					t.Errorf("%s: the version went from %d to %d, want one more", what, version, rec.Version)
				}
				version = rec.Version
			}

			lost := p.CutAfterRequest(1, "EVALSHA")
			_, err := s.Save(ctx, "new", store.Change{Create: true, ExpiresAt: inAnHour()})
			if err == nil || isAnswer(err) {
				t.Errorf("Create: the error is %v, want an outage", err)
			}
			<-lost
			if _, err := s.Load(ctx, "new"); err != nil {
				t.Errorf("a Create whose answer was lost: %v", err)
			}

			kv := newKV(t, client, t.Name()+":")
			if err := kv.CompareAndSwap(ctx, "warm", nil, kvstore.Entry{}); err != nil { // so that the server knows the script
				t.Fatal(err)
			}
			lost = p.CutAfterRequest(1, "EVALSHA")
			err = kv.CompareAndSwap(ctx, "k", nil, kvstore.Entry{Value: "1", ExpiresAt: inAnHour()})
			if err == nil || isAnswer(err) {
				t.Errorf("CompareAndSwap: the error is %v, want an outage", err)
			}
			<-lost
			if e, err := kv.Get(ctx, "k"); err != nil || e.Value != "1" {
				t.Errorf("a CompareAndSwap whose answer was lost: %+v, %v", e, err)
			}
		})
	}
}

// A read can be repeated, and is.
func TestALoadWhoseAnswerIsLostIsRepeated(t *testing.T) {
	p := proxy.New(t, sharedRedis(t).Addr())
	s := newStore(t, toServer(t, p.Addr()), redisstore.Options{})
	create(t, s, "k", "alice", "n", "0")
	lost := p.CutAfterRequest(1, "HGETALL")
	if _, err := s.Load(t.Context(), "k"); err != nil {
		t.Errorf("Load: %v", err)
	}
	<-lost
	lost = p.CutAfterRequest(1, "HMGET")
	if _, err := s.LoadFields(t.Context(), "k", "n"); err != nil {
		t.Errorf("LoadFields: %v", err)
	}
	<-lost
	lost = p.CutAfterRequest(1, "ZRANGE")
	owns(t, "with the answer lost", s, "alice", "k")
	<-lost
}

// A server that was restarted, or whose scripts were flushed, knows no script.
func TestAServerThatForgotTheScriptsIsTaughtThemAgain(t *testing.T) {
	for _, name := range []string{"redis", "valkey", "cluster"} {
		t.Run(name, func(t *testing.T) {
			client := clients[name](t)
			s := newStore(t, client, redisstore.Options{})
			forget := func() {
				for _, node := range client.Nodes() {
					node.Do(t.Context(), node.B().ScriptFlush().Build())
				}
			}
			forget()
			create(t, s, "k", "alice", "n", "0")
			version := save(t, s, "k", store.Change{})
			for range 3 {
				forget()
				if got := save(t, s, "k", store.Change{Set: fields("n", "1")}); got != version+1 {
					t.Errorf("the version went from %d to %d, want one more", version, got)
				}
				version++
			}
			forget()
			enter(t, client, t.Name()+":o:alice", "stale", inAnHour().AddDate(0, 0, -1))
			owns(t, "without scripts", s, "alice", "k")
			if members := indexed(t, client, t.Name()+":o:alice"); members != "+k =k" {
				t.Errorf("the index holds %q", members)
			}
		})
	}
}

// rueidis repeats a Save when the life of its connection ends before the answer is there.
func TestAClientThatRepeatsWritesIsRefused(t *testing.T) {
	for name, option := range map[string]rueidis.ClientOption{
		"redis":    {InitAddress: []string{sharedRedis(t).Addr()}},
		"cluster":  {InitAddress: sharedCluster(t).Addrs()},
		"sentinel": {InitAddress: sharedSentinel(t).Addrs(), Sentinel: rueidis.SentinelOption{MasterSet: sharedSentinel(t).MasterName}},
	} {
		option.ConnLifetime = time.Hour
		client := connect(t, option)
		_, err := redisstore.New(client, nil)
		_, errKV := redisstore.NewKV(client, nil)
		for _, err := range []error{err, errKV} {
			if err == nil || !strings.Contains(err.Error(), "ConnLifetime") {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}
