package main

import (
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom/internal/integration/proxy"
)

// storeRole is before the name of a storePeer in the role of its process.
const storeRole = "store:"

// A storeChild measures one storePeer for the parent.
type storeChild struct {
	peer    *storePeer
	home    web
	ballast [][]byte
	writers map[*testCase][]client
}

func (s *storeChild) do(o order) (r report, err error) {
	var work *testCase
	if o.Case != "" {
		if work, err = find(storeCases, o.Case); err != nil {
			return r, err
		}
	}
	switch o.Do {
	case "open":
		err = s.open(o.Place, o.N)
	case "trips":
		r.Trips, err = s.trips(work, o.Place)
	case "serve":
		r.Address, r.Cookies, err = serve(s.home, work, o.N)
	case "write":
		r, err = s.write(work, o.For)
	case "collect":
		runtime.GC()
	case "cpu":
		r.CPU = float64(cpuTime())
	default:
		err = fmt.Errorf("no such order: %q", o.Do)
	}
	return r, err
}

// open makes crowd sessions, and a heap as large as that of the peers with a store in
// memory, which is that of a server in use: a collector that had nothing to look at would
// run all the time.
func (s *storeChild) open(at place, crowd int) error {
	server, err := s.peer.start(at)
	if err != nil {
		return err
	}
	s.home = web{server}
	s.writers = map[*testCase][]client{}
	for range ballastCount {
		s.ballast = append(s.ballast, make([]byte, 1000))
	}
	for range crowd {
		if _, err := signUp(s.home, small); err != nil {
			return err
		}
	}
	return nil
}

// ballastCount is how many pieces of 1 KB a heap has that holds no sessions.
const ballastCount = crowd

// trips is what one request sends to the store's server and back.
type trips struct{ Count, Up, Down float64 }

// trips counts with a proxy before the server. Clients send things of their own from time
// to time, so what counts is the median of some requests.
func (s *storeChild) trips(c *testCase, at place) (out trips, err error) {
	const warm, n = 5, 25
	var farm farm
	defer farm.close()
	var between *proxy.Proxy
	if _, err := farm.add(func(t testing.TB) { between = proxy.New(t, at.Addr) }); err != nil {
		return out, err
	}
	server, err := s.peer.start(place{between.Addr(), strings.ReplaceAll(at.URL, at.Addr, between.Addr())})
	if err != nil {
		return out, err
	}
	defer server.close()
	t := task{kind: c.kind, data: c.data, next: in(c.data.others)}
	var seen [3][]float64
	var sent client
	for i := range warm + n {
		// A sign-in ends the token that came with it.
		if sent == nil || c.kind == signIn {
			cookie := ""
			if c.cookie {
				if cookie, err = signUp(s.home, c.data); err != nil {
					return out, err
				}
			}
			sent = web{server}.client(t, cookie)
		}
		before := between.Counts()
		sent.send()
		after := between.Counts()
		if err := check(s.peer.name, c, sent.last(), true); err != nil {
			return out, err
		}
		if i >= warm {
			seen[0] = append(seen[0], float64(after.RoundTrips-before.RoundTrips))
			seen[1] = append(seen[1], float64(after.Up-before.Up))
			seen[2] = append(seen[2], float64(after.Down-before.Down))
		}
	}
	return trips{spreadOf(seen[0]).median, spreadOf(seen[1]).median, spreadOf(seen[2]).median}, nil
}

// write has some goroutines, each with a session of its own, do the work of c for d.
func (s *storeChild) write(c *testCase, d time.Duration) (r report, err error) {
	for len(s.writers[c]) < c.writers {
		cookie, err := signUp(s.home, c.data)
		if err != nil {
			return r, err
		}
		t := task{kind: c.kind, data: c.data, next: in(c.data.others)}
		s.writers[c] = append(s.writers[c], s.home.client(t, cookie))
	}
	before, start := cpuTime(), time.Now()
	r.N = sendFor(s.writers[c], d)
	r.Took, r.CPU = time.Since(start), float64(cpuTime()-before)
	for _, w := range s.writers[c] {
		if err := check(s.peer.name, c, w.last(), true); err != nil {
			return r, err
		}
	}
	return r, nil
}

// sendFor has each client send requests, all at the same time and one at least, until d is
// over. It returns how many there were.
func sendFor(clients []client, d time.Duration) int {
	var wg sync.WaitGroup
	sent := make([]int, len(clients))
	until := time.Now().Add(d)
	for i, c := range clients {
		wg.Go(func() {
			for first := true; first || time.Now().Before(until); first = false {
				c.send()
				sent[i]++
			}
		})
	}
	wg.Wait()
	total := 0
	for _, n := range sent {
		total += n
	}
	return total
}
