package memcache_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom/internal/integration/proxy"
	"github.com/cloakroom-go/cloakroom/internal/integration/servers"
	"github.com/cloakroom-go/cloakroom/store"
)

func isAnswer(err error) bool {
	return errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrExists) || errors.Is(err, store.ErrConflict) || errors.Is(err, store.ErrMalformed)
}

// What was written though its answer was lost is told as an outage and written once.
func TestALostAnswerIsAnOutageAndIsNotRepeated(t *testing.T) {
	addr := shared(t).Addr()
	p := proxy.New(t, addr)
	s := open(t, p.Addr(), time.Minute)
	create(t, s, "k")
	writes := func() int { return statistic(t, addr, "stats", "cmd_set") }

	before := writes()
	lost := p.CutAfterRequest(1, "cas ")
	_, err := s.Save(t.Context(), "k", store.Change{Set: fieldsOf(t, "n", "1")})
	<-lost
	if err == nil || isAnswer(err) {
		t.Errorf("Save: %v", err)
	}
	if rec, err := s.Load(t.Context(), "k"); err != nil || rec.Fields != fieldsOf(t, "n", "1") {
		t.Errorf("it had landed: %+v, %v", rec, err)
	}
	lost = p.CutAfterRequest(1, "add ")
	_, err = s.Save(t.Context(), "new", creation(t))
	<-lost
	if err == nil || isAnswer(err) {
		t.Errorf("Create: %v", err)
	}
	if _, err := s.Load(t.Context(), "new"); err != nil {
		t.Errorf("it had landed: %v", err)
	}
	if n := writes() - before; n != 2 {
		t.Errorf("memcached was sent %d writes, want 2", n)
	}

	lost = p.CutAfterRequest(1, "delete ")
	if err := s.Delete(t.Context(), "k"); err != nil {
		t.Errorf("a Delete, which may be repeated: %v", err)
	}
	<-lost
	if _, err := s.Load(t.Context(), "k"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("Load after Delete: %v", err)
	}
}

func TestReadsOutliveConnectionsThatWereCut(t *testing.T) {
	p := proxy.New(t, shared(t).Addr())
	s := open(t, p.Addr(), time.Minute)
	create(t, s, "k")
	for range 3 {
		var wg sync.WaitGroup
		for range 16 { // so that several connections are kept
			wg.Go(func() {
				if _, err := s.Load(t.Context(), "k"); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		p.Cut()
		if _, err := s.Load(t.Context(), "k"); err != nil {
			t.Errorf("after all connections were cut: %v", err)
		}
	}
}

// Calls end with their contexts while the network is half open, and what they leave behind
// ends with the timeout of the client.
func TestCallsLeaveAStalledServerAndNothingIsLeftBehind(t *testing.T) {
	p := proxy.New(t, shared(t).Addr())
	s := open(t, p.Addr(), time.Second)
	create(t, s, "k")
	p.Stall(true)
	var wg sync.WaitGroup
	for i := range 40 {
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			defer cancel()
			var err error
			switch i % 4 {
			case 0:
				_, err = s.Load(ctx, "k")
			case 1:
				_, err = s.Save(ctx, "k", store.Change{Set: fieldsOf(t, "n", "1")})
			case 2:
				_, err = s.Save(ctx, fmt.Sprint("new", i), creation(t))
			case 3:
				err = s.Delete(ctx, "other")
			}
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%v", err)
			}
		})
	}
	for end := time.Now().Add(time.Minute); inStore() == 0; { // what is waited for below can be seen
		if time.Now().After(end) {
			t.Fatal("the stalled calls have no goroutines")
		}
	}
	wg.Wait()
	for end := time.Now().Add(time.Minute); inStore() > 0; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d goroutines of the store are left", inStore())
		}
	}
	p.Stall(false)
	if _, err := s.Load(t.Context(), "k"); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

// inStore counts the goroutines that run code of the store.
func inStore() (n int) {
	stacks := make([]byte, 1<<20)
	stacks = stacks[:runtime.Stack(stacks, true)]
	for _, stack := range bytes.Split(stacks, []byte("\n\n")) {
		if bytes.Contains(stack, []byte("/memcachestore.")) {
			n++
		}
	}
	return n
}

func TestAServerThatIsKilledIsAnOutageAndComesBackEmpty(t *testing.T) {
	server := servers.Memcached(t)
	s := open(t, server.Addr(), 5*time.Second)
	create(t, s, "k")
	var wg sync.WaitGroup
	ctx, cancel := context.WithCancel(t.Context())
	for w := range 8 { // so that connections are in use and kept
		wg.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				_, err := s.Save(ctx, fmt.Sprint("w", w, ".", i), creation(t))
				if isAnswer(err) {
					t.Errorf("Create: %v", err)
				}
				if err := s.Ping(ctx); err != nil {
					time.Sleep(time.Millisecond) // the server is away: not so fast
				}
			}
		})
	}
	server.Kill()
	for what, err := range map[string]error{
		"Load": func() error { _, err := s.Load(t.Context(), "k"); return err }(), "Delete": s.Delete(t.Context(), "k"), "Ping": s.Ping(t.Context()),
	} {
		if err == nil || isAnswer(err) {
			t.Errorf("%s without a server: %v", what, err)
		}
	}
	server.Start()
	if _, err := s.Load(t.Context(), "k"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("Load after the restart: %v", err)
	}
	cancel()
	wg.Wait()
	create(t, s, "k")
}

func TestAServerThatHangsIsLeftWhenContextsEnd(t *testing.T) {
	server := servers.Memcached(t)
	s := open(t, server.Addr(), 500*time.Millisecond)
	create(t, s, "k")
	server.Pause()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := s.Load(ctx, "k"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
	if _, err := s.Load(t.Context(), "k"); err == nil || isAnswer(err) { // the client has a limit too
		t.Errorf("%v", err)
	}
	server.Resume()
	if _, err := s.Load(t.Context(), "k"); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}
