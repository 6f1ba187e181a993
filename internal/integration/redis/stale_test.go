package redis_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"github.com/cloakroom-go/cloakroom/internal/integration/proxy"
	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/redisstore"
)

func loaded(t testing.TB, s store.Store, key, name string) string {
	t.Helper()
	rec, err := s.Load(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	value, _ := rec.Fields.Get(name)
	return value
}

func TestARepeatedReadTakesNoRoundTrip(t *testing.T) {
	s, p := counted(t, redisstore.Options{StaleReads: time.Hour})
	create(t, s, "k", "alice", "a", "1")
	costs(t, p, "the first read", 1, func() { loaded(t, s, "k", "a") })
	costs(t, p, "a hundred more", 0, func() {
		for range 100 {
			if value := loaded(t, s, "k", "a"); value != "1" {
				t.Fatalf("a is %s", value)
			}
		}
	})
}

// Of two processes, one writes and the other one is told.
func TestACopyIsDroppedWhenAnotherProcessWrites(t *testing.T) {
	for _, name := range []string{"redis", "valkey", "cluster", "sentinel"} {
		t.Run(name, func(t *testing.T) {
			options := redisstore.Options{Prefix: t.Name() + ":", StaleReads: time.Hour}
			here, there := newStore(t, clients[name](t), options), newStore(t, clients[name](t), options)
			create(t, there, "k", "", "a", "1")
			if value := loaded(t, here, "k", "a"); value != "1" {
				t.Fatalf("a is %s", value)
			}
			save(t, there, "k", store.Change{Set: fields("a", "2")})
			await(t, "the other process' write", func() bool { return loaded(t, here, "k", "a") == "2" })
			if err := there.Delete(t.Context(), "k"); err != nil {
				t.Fatal(err)
			}
			await(t, "the other process' Delete", func() bool {
				_, err := here.Load(t.Context(), "k")
				return isAnswer(err)
			})
		})
	}
}

// Redis tells of a change soon, but this process has made it: whoever loads at once must
// see it.
func TestOwnWritesAreSeenAtOnce(t *testing.T) {
	// The news of a change takes its time.
	p := proxy.New(t, sharedRedis(t).Addr())
	s := newStore(t, toServer(t, p.Addr()), redisstore.Options{StaleReads: time.Hour})
	create(t, s, "k", "", "a", "0")
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 200 {
				s.Load(t.Context(), "k")
			}
		})
	}
	for i := range int64(200) {
		save(t, s, "k", store.Change{Set: fields("a", number(i))})
		if value := loaded(t, s, "k", "a"); value != number(i) {
			t.Fatalf("after a Save of %d: %s", i, value)
		}
	}
	wg.Wait()
	if err := s.Delete(t.Context(), "k"); err != nil {
		t.Fatal(err)
	}
	_, err := s.Load(t.Context(), "k")
	isError(t, "Load after Delete", err, store.ErrNotFound)
}

// When a Save is refused, or nobody knows what came of it, the copy is not to be trusted.
func TestACopyIsNotTrustedAfterARefusal(t *testing.T) {
	options := redisstore.Options{Prefix: "refusal:", StaleReads: time.Hour}
	p := proxy.New(t, sharedRedis(t).Addr())
	here, there := newStore(t, toServer(t, p.Addr()), options), newStore(t, clients["redis"](t), options)
	create(t, here, "k", "", "a", "1")
	loaded(t, here, "k", "a")
	for i := range int64(50) {
		save(t, there, "k", store.Change{Set: fields("a", number(i))})
		_, err := here.Save(t.Context(), "k", store.Change{If: []store.Condition{{Name: "a", Value: "old"}}})
		isError(t, "Save", err, store.ErrConflict)
		if value := loaded(t, here, "k", "a"); value != number(i) {
			t.Fatalf("after a conflict: %s, want %d", value, i)
		}
	}
	lost := p.CutAfterRequest(1, "EVALSHA")
	_, err := here.Save(t.Context(), "k", store.Change{Set: fields("a", `"landed"`)})
	if err == nil || isAnswer(err) {
		t.Errorf("Save: %v, want an outage", err)
	}
	<-lost
	if value := loaded(t, here, "k", "a"); value != `"landed"` {
		t.Errorf("after a Save whose answer was lost: %s", value)
	}
}

// Half open, a connection brings no news; then the bound is all there is.
func TestNoCopyIsOlderThanTheBound(t *testing.T) {
	const bound = 500 * time.Millisecond
	p := proxy.New(t, sharedRedis(t).Addr())
	options := redisstore.Options{Prefix: "bound:", StaleReads: bound}
	here, there := newStore(t, toServer(t, p.Addr()), options), newStore(t, clients["redis"](t), options)
	create(t, there, "k", "", "a", "1")
	began := time.Now()
	loaded(t, here, "k", "a")
	p.Stall(true)
	defer p.Stall(false)
	save(t, there, "k", store.Change{Set: fields("a", "2")})
	for {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		asked := time.Now()
		rec, err := here.Load(ctx, "k")
		cancel()
		if err != nil {
			if isAnswer(err) {
				t.Errorf("Load: %v", err)
			}
			break // it asks the server, which cannot be reached
		}
		if a, _ := rec.Fields.Get("a"); a == "1" && asked.Sub(began) > bound+time.Second {
			t.Fatalf("%v after it was read, the record is still what it was", asked.Sub(began))
		}
	}
}

func TestCopiesAreDroppedWithTheirConnection(t *testing.T) {
	p := proxy.New(t, sharedRedis(t).Addr())
	options := redisstore.Options{Prefix: "dropped:", StaleReads: time.Hour}
	option := rueidis.ClientOption{InitAddress: []string{p.Addr()}}
	here, there := newStore(t, connect(t, option), options), newStore(t, clients["redis"](t), options)
	create(t, there, "k", "", "a", "1")
	loaded(t, here, "k", "a")
	p.Refuse(true)
	p.Cut()
	save(t, there, "k", store.Change{Set: fields("a", "2")}) // nobody hears of it
	p.Refuse(false)
	if value := loaded(t, here, "k", "a"); value != "2" {
		t.Errorf("after the connection was lost and made anew: %s", value)
	}
}
