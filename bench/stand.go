package main

import (
	"fmt"
	"net/http"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"syscall"
	"time"
)

// crowd is how many other sessions of 1 KB the process of each peer holds.
const crowd = 20_000

// A stand is a peer in this process, ready for the cases.
type stand struct {
	peer    *peer
	home    server // its store holds the crowd
	ballast [][]byte
	clients map[*testCase][]client // of home, one for each goroutine
}

func newStand(p *peer, crowd int) *stand {
	s := &stand{peer: p, home: p.start(nil), clients: map[*testCase][]client{}}
	if !p.stores {
		for range crowd {
			s.ballast = append(s.ballast, make([]byte, 1000))
		}
		return s
	}
	c := s.home.client(task{kind: seed, data: small}, "")
	for range crowd {
		c.send()
	}
	return s
}

// enter returns a client for c; with a cookie of its own, if c has one.
func (s *stand) enter(srv server, c *testCase) (client, error) {
	t := task{kind: c.kind, data: c.data, next: in(c.data.others)}
	if !c.cookie {
		return srv.client(t, ""), nil
	}
	cookie, err := signUp(srv, c.data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.peer.name, err)
	}
	return srv.client(t, cookie), nil
}

// signUp makes a session that holds data and returns the Cookie header for it.
func signUp(srv server, data *payload) (string, error) {
	c := srv.client(task{kind: seed, data: data}, "")
	c.send()
	a := c.last()
	cookie, _, _ := strings.Cut(a.cookie, ";")
	if a.status != http.StatusOK || cookie == "" {
		return "", fmt.Errorf("no session was made: status %d, cookie %q", a.status, a.cookie)
	}
	return cookie, nil
}

// ready returns clients for c, one for each goroutine, and a function to call in the end.
func (s *stand) ready(c *testCase, goroutines int) ([]client, func(), error) {
	srv, clients, leave := s.home, s.clients[c], func() {}
	if c.makes {
		srv, clients = s.peer.start(nil), nil
		leave = srv.close
	}
	for len(clients) < goroutines {
		fresh, err := s.enter(srv, c)
		if err != nil {
			leave()
			return nil, nil, err
		}
		clients = append(clients, fresh)
	}
	if !c.makes {
		s.clients[c] = clients
	}
	return clients[:goroutines], leave, nil
}

// slice sends n requests from some goroutines and returns the CPU time of one, in
// nanoseconds.
func (s *stand) slice(c *testCase, n, goroutines int) (float64, error) {
	clients, leave, err := s.ready(c, goroutines)
	if err != nil {
		return 0, err
	}
	defer leave()
	n = max(n/goroutines, 1)
	warm := n/20 + 1
	if c.makes {
		warm = n/2 + 1 // past the first growth of the store
	}
	for _, client := range clients {
		repeat(client, warm)
	}
	runtime.GC()
	start := cpuTime()
	if len(clients) == 1 {
		repeat(clients[0], n)
	} else {
		var wg sync.WaitGroup
		for _, client := range clients {
			wg.Go(func() { repeat(client, n) })
		}
		wg.Wait()
	}
	used := cpuTime() - start
	for _, client := range clients {
		if err := s.check(c, client.last()); err != nil {
			return 0, err
		}
	}
	return float64(used) / float64(n*goroutines), nil
}

func repeat(c client, n int) {
	for range n {
		c.send()
	}
}

// check says what is wrong with an answer, if anything.
func (s *stand) check(c *testCase, a answer) error {
	return check(s.peer.name, c, a, s.peer.name != bare.name)
}

// check says what is wrong with the answer of a peer, if anything. A peer that keeps
// sessions has to send a cookie with a new one.
func check(peer string, c *testCase, a answer, keeps bool) error {
	makes := c.makes && c.kind == write || c.kind == signIn
	if a.status != http.StatusOK || a.body != string(ok) || keeps && makes && a.cookie == "" {
		return fmt.Errorf("%s: %s: the answer was %+v", peer, c.name, a)
	}
	return nil
}

// calibrate returns how many requests take about d of CPU time. Of requests that make
// sessions it is the same for all peers, so that their stores grow alike.
func (s *stand) calibrate(c *testCase, d time.Duration) (int, error) {
	if c.makes && c.kind == write {
		return max(int(d/(5*time.Microsecond)), 1), nil
	}
	for n := 16; ; n *= 4 {
		one, err := s.slice(c, n, 1)
		if err != nil {
			return 0, err
		}
		if one*float64(n) >= float64(d)/8 {
			return max(int(float64(d)/one), 1), nil
		}
	}
}

// counts is what one request takes, exactly.
type counts struct{ Allocs, Bytes, Loads, Saves float64 }

func (s *stand) count(c *testCase) (counts, error) {
	const n = 200
	var out counts

	client, err := s.enter(s.home, c)
	if err != nil {
		return out, err
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	var before, after runtime.MemStats
	repeat(client, n/2)
	runtime.ReadMemStats(&before)
	repeat(client, n)
	runtime.ReadMemStats(&after)
	if err := s.check(c, client.last()); err != nil {
		return out, err
	}
	out.Allocs = float64(after.Mallocs-before.Mallocs) / n
	out.Bytes = float64(after.TotalAlloc-before.TotalAlloc) / n

	if s.peer.counts {
		out.Loads, out.Saves, err = s.storeCalls(c)
	}
	return out, err
}

// storeCalls returns how often a request loads from the store and writes to it.
func (s *stand) storeCalls(c *testCase) (loads, writes float64, err error) {
	const n = 100
	var calls calls
	srv := s.peer.start(&calls)
	defer srv.close()
	client, err := s.enter(srv, c)
	if err != nil {
		return 0, 0, err
	}
	loadsBefore, savesBefore := calls.loads.Load(), calls.saves.Load()+calls.deletes.Load()
	repeat(client, n)
	loads = float64(calls.loads.Load()-loadsBefore) / n
	writes = float64(calls.saves.Load()+calls.deletes.Load()-savesBefore) / n
	return loads, writes, s.check(c, client.last())
}

// cpuTime returns the user and system time of this process.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
