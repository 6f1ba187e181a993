package redis_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"github.com/cloakroom-go/cloakroom/internal/integration/proxy"
	"github.com/cloakroom-go/cloakroom/internal/integration/servers"
	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/redisstore"
)

// slack is how much later than its context a call may end on a busy machine. Without a
// guard it is as long as rueidis takes to give up a connection: ten seconds.
const slack = 4 * time.Second

// A server that hangs holds nobody up: neither those that wait for an answer, nor those
// that wait for a connection, nor those for whom there is no room in a queue.
func TestCallsEndWithTheirContextWhenTheServerHangs(t *testing.T) {
	t.Parallel()
	server := servers.Redis(t)
	for name, option := range map[string]rueidis.ClientOption{
		"defaults": {}, "always pipelining": {AlwaysPipelining: true},
	} {
		for _, callers := range []int{1, 3000} {
			t.Run(fmt.Sprintf("%s/%d", name, callers), func(t *testing.T) {
				option.InitAddress = []string{server.Addr()}
				s := newStore(t, connect(t, option), redisstore.Options{})
				for range 3 {
					hang(t, server, s, callers)
				}
			})
		}
	}
}

// The connections are gone, and whoever makes a new one gets no answer to it.
func TestCallsEndWithTheirContextWhenNoConnectionCanBeMade(t *testing.T) {
	t.Parallel()
	for _, callers := range []int{1, 300} {
		t.Run(fmt.Sprint(callers), func(t *testing.T) {
			p := proxy.New(t, sharedRedis(t).Addr())
			client := toServer(t, p.Addr())
			s := newStore(t, client, redisstore.Options{})
			for range 3 {
				await(t, "the connections", func() bool { return s.Ping(within(t, time.Second)) == nil })
				p.Stall(true)
				p.Cut()
				callAndWait(t, s, callers)
				p.Stall(false)
			}
		})
	}
}

func hang(t *testing.T, server *servers.Server, s *redisstore.Store, callers int) {
	t.Helper()
	server.Pause()
	defer server.Resume()
	callAndWait(t, s, callers)
}

// callAndWait makes calls that get no answer, and demands that they return.
func callAndWait(t *testing.T, s *redisstore.Store, callers int) {
	t.Helper()
	var wg sync.WaitGroup
	for i := range callers {
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), 400*time.Millisecond)
			if i%5 == 4 { // the client leaves early
				time.AfterFunc(100*time.Millisecond, cancel)
			}
			defer cancel()
			var err error
			switch i % 3 {
			case 0:
				_, err = s.Load(ctx, "k")
			case 1:
				_, err = s.Save(ctx, "k", store.Change{})
			case 2:
				err = s.Delete(ctx, "k")
			}
			if err == nil || isAnswer(err) {
				t.Errorf("the error is %v, want an outage", err)
			}
		})
	}
	done := make(chan struct{})
	go func() { wg.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(400*time.Millisecond + slack):
		t.Errorf("calls have not returned %v after their context had ended", slack)
		<-done
	}
}

// isAnswer reports whether err is one of package store's, and so not an outage.
func isAnswer(err error) bool {
	for _, answer := range []error{store.ErrNotFound, store.ErrExists, store.ErrConflict, store.ErrMalformed} {
		if errors.Is(err, answer) {
			return true
		}
	}
	return false
}
