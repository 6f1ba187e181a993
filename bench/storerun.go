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
	prepare := func(c *testCase, peers []*storePeer) error {
		for _, p := range peers {
			if err := b.prepare(c, p); err != nil {
				return err
			}
		}
		return nil
	}
	if err := b.each(prepare); err != nil {
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

// each calls f for each case and the peers that do it.
func (b *storeRun) each(f func(*testCase, []*storePeer) error) error {
	for _, c := range b.cases {
		able := slices.DeleteFunc(slices.Clone(b.peers), func(p *storePeer) bool { return !p.does(c) })
		if err := f(c, able); err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
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

// turns is how often the peers of a case take turns in a round: what else the machine does
// then comes to all of them.
const turns = 8

// take takes the figures of one round.
func (b *storeRun) take(c *testCase, peers []*storePeer) error {
	if !c.loopback && c.writers == 0 {
		return nil // it has exact figures only
	}
	for _, p := range peers {
		if err := b.warm(c, p); err != nil {
			return err
		}
	}
	tallies := map[*storePeer]*tally{}
	for range turns {
		for _, p := range peers {
			if tallies[p] == nil {
				tallies[p] = &tally{}
			}
			t, err := b.turn(c, p, 4*b.slice/turns)
			if err != nil {
				return err
			}
			tallies[p].add(t)
		}
		slices.Reverse(peers)
	}
	for p, t := range tallies {
		f := b.results.of(c.name, p.name)
		f.cpu, f.rate = append(f.cpu, t.each(t.cpu)), append(f.rate, t.rate())
		if t.behind > 0 {
			f.behind = append(f.behind, t.each(t.behind))
		}
	}
	return nil
}

func (b *storeRun) warm(c *testCase, p *storePeer) error {
	if l := b.loads[[2]string{c.name, p.name}]; l != nil {
		return l.warm(b.processes[p.name], b.slice/4)
	}
	if _, err := b.turn(c, p, b.slice/4); err != nil {
		return err
	}
	_, err := b.processes[p.name].ask(order{Do: "collect"})
	return err
}

func (b *storeRun) turn(c *testCase, p *storePeer, d time.Duration) (tally, error) {
	process := b.processes[p.name]
	if l := b.loads[[2]string{c.name, p.name}]; l != nil {
		return l.measure(process, d)
	}
	r, err := process.ask(order{Do: "write", Case: c.name, For: d})
	return tally{requests: r.N, took: r.Took, cpu: r.CPU}, err
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
