package main

import (
	"fmt"
	"io"
	"os"
	"slices"
	"testing"
	"time"
)

// storeFigures is what one peer took for one case.
type storeFigures struct {
	trips  *trips    // nil when there is no server to speak with
	cpu    []float64 // of a request in nanoseconds, by round
	behind []float64 // that of the store's server
	rate   []float64 // requests in a second
}

// storeResults holds the figures of cases that were run, by peer.
type storeResults map[string]map[string]*storeFigures

func (r storeResults) of(testCase, peer string) *storeFigures {
	if r[testCase] == nil {
		r[testCase] = map[string]*storeFigures{}
	}
	f := r[testCase][peer]
	if f == nil {
		f = &storeFigures{}
		r[testCase][peer] = f
	}
	return f
}

// A storeRun takes figures of stores outside the process.
type storeRun struct {
	rounds int
	slice  time.Duration
	crowd  int
	cases  []*testCase
	peers  []*storePeer

	progress io.Writer

	farm      *farm
	places    map[string]place // by server
	processes map[string]*process
	loads     map[[2]string]*load // by case and peer
	results   storeResults
}

// storeCrowd is how many other sessions each peer has in its store.
const storeCrowd = 1000

func (b *storeRun) run() (storeResults, error) {
	b.farm = &farm{}
	b.places = map[string]place{}
	b.processes = map[string]*process{}
	b.loads = map[[2]string]*load{}
	b.results = storeResults{}
	defer func() {
		for _, l := range b.loads {
			l.close()
		}
		for _, p := range b.processes {
			p.end()
		}
		b.farm.close()
	}()
	if err := b.start(); err != nil {
		return nil, err
	}
	if err := b.each(b.prepare); err != nil {
		return nil, err
	}
	for round := range b.rounds {
		fmt.Fprintf(b.progress, "round %d of %d%s\n", round+1, b.rounds, loadAverage())
		if err := b.each(b.take); err != nil {
			return nil, err
		}
	}
	return b.results, nil
}

// start starts the servers and the peers. Peers whose server is not to be had are left out.
func (b *storeRun) start() error {
	for _, server := range storeServers {
		if !slices.ContainsFunc(b.peers, func(p *storePeer) bool { return p.server == server.name }) {
			continue
		}
		missing, err := b.farm.add(func(t testing.TB) { b.places[server.name] = server.start(t) })
		if err != nil {
			return err
		}
		if missing != "" {
			fmt.Fprintf(b.progress, "%s is not measured: %s\n", server.name, missing)
			b.peers = slices.DeleteFunc(slices.Clone(b.peers), func(p *storePeer) bool { return p.server == server.name })
		}
	}
	for _, p := range b.peers {
		process, err := startProcess(storeRole + p.name)
		if err != nil {
			return err
		}
		b.processes[p.name] = process
		if _, err := process.ask(order{Do: "open", N: b.crowd, Place: b.places[p.server]}); err != nil {
			return err
		}
	}
	return nil
}

// each calls f for each case and peer that go together, those of a server together.
func (b *storeRun) each(f func(*testCase, *storePeer) error) error {
	for _, server := range storeServers {
		for _, c := range b.cases {
			for _, p := range b.peers {
				if p.server != server.name || !p.does(c) {
					continue
				}
				if err := f(c, p); err != nil {
					return fmt.Errorf("%s: %w", c.name, err)
				}
			}
		}
	}
	return nil
}

// prepare takes the figures that are exact, and connects.
func (b *storeRun) prepare(c *testCase, p *storePeer) error {
	process, at := b.processes[p.name], b.places[p.server]
	f := b.results.of(c.name, p.name)
	if at.Addr != "" {
		r, err := process.ask(order{Do: "trips", Case: c.name, Place: at})
		if err != nil {
			return err
		}
		f.trips = &r.Trips
	}
	if !c.loopback {
		return nil
	}
	r, err := process.ask(order{Do: "serve", Case: c.name, N: connections})
	if err != nil {
		return err
	}
	// A goroutine for each connection: a client waits for its own answer and no other.
	l, err := dial(r.Address, r.Cookies, connections)
	if err != nil {
		return err
	}
	if p.server == "redis" {
		l.behind = func() (time.Duration, error) { return redisCPU(at.Addr) }
	}
	b.loads[[2]string{c.name, p.name}] = l
	return nil
}

// take takes the figures of one round.
func (b *storeRun) take(c *testCase, p *storePeer) error {
	f := b.results.of(c.name, p.name)
	switch l := b.loads[[2]string{c.name, p.name}]; {
	case l != nil:
		got, err := l.measure(b.processes[p.name], b.slice)
		f.cpu, f.rate = append(f.cpu, got.cpu), append(f.rate, got.rate)
		if l.behind != nil {
			f.behind = append(f.behind, got.behind)
		}
		return err
	case c.writers > 0:
		r, err := b.processes[p.name].ask(order{Do: "write", Case: c.name, For: 4 * b.slice})
		f.cpu, f.rate = append(f.cpu, r.CPU), append(f.rate, r.Rate)
		return err
	}
	return nil // it has exact figures only
}

// loadAverage says how busy the machine is, where it can be found out.
func loadAverage() string {
	text, err := os.ReadFile("/proc/loadavg")
	var one string
	if err == nil {
		_, err = fmt.Sscan(string(text), &one)
	}
	if err != nil {
		return ""
	}
	return ", load " + one
}
