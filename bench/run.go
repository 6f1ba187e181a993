package main

import (
	"fmt"
	"io"
	"runtime"
	"time"
)

// loaders is how many goroutines share the connections of a load. Two are enough for the
// processors, and they cost a machine hardly any waits.
const loaders = 2

// A requestRun takes figures of requests.
type requestRun struct {
	rounds int
	slice  time.Duration
	crowd  int
	cases  []*testCase
	peers  []*peer

	progress io.Writer

	processes map[string]*process
	loads     map[[2]string]*load // by case and peer
	sizes     map[[2]string]int   // requests of a slice, by case and peer
	results   results
}

func (b *requestRun) run() (results, error) {
	b.processes = map[string]*process{}
	b.loads = map[[2]string]*load{}
	b.sizes = map[[2]string]int{}
	b.results = results{}
	defer func() {
		for _, l := range b.loads {
			l.close()
		}
		for _, p := range b.processes {
			p.end()
		}
	}()
	for _, p := range b.peers {
		process, err := startProcess(p.name)
		if err != nil {
			return nil, err
		}
		b.processes[p.name] = process
		if _, err := process.ask(order{Do: "open", N: b.crowd}); err != nil {
			return nil, err
		}
	}
	if err := b.each(b.prepare); err != nil {
		return nil, err
	}
	for round := range b.rounds {
		fmt.Fprintf(b.progress, "round %d of %d\n", round+1, b.rounds)
		if err := b.each(b.take); err != nil {
			return nil, err
		}
	}
	return b.results, nil
}

// each calls f for each case and peer that go together.
func (b *requestRun) each(f func(*testCase, *peer) error) error {
	for _, c := range b.cases {
		for _, p := range b.peers {
			if p.cannot(c) != "" {
				continue
			}
			if err := f(c, p); err != nil {
				return err
			}
		}
	}
	return nil
}

// prepare takes the figures that are exact, and finds out how long a slice is.
func (b *requestRun) prepare(c *testCase, p *peer) error {
	process := b.processes[p.name]
	if c.loopback {
		return b.dial(c, p)
	}
	r, err := process.ask(order{Do: "count", Case: c.name})
	if err != nil {
		return err
	}
	b.results.of(c.name, p.name).counts = r.Counts
	r, err = process.ask(order{Do: "calibrate", Case: c.name, For: b.slice})
	b.sizes[[2]string{c.name, p.name}] = r.N
	return err
}

func (b *requestRun) dial(c *testCase, p *peer) error {
	r, err := b.processes[p.name].ask(order{Do: "serve", Case: c.name, N: connections})
	if err != nil {
		return err
	}
	b.loads[[2]string{c.name, p.name}], err = dial(r.Address, r.Cookies, loaders)
	return err
}

// take takes the figures of one round.
func (b *requestRun) take(c *testCase, p *peer) error {
	f := b.results.of(c.name, p.name)
	if c.loopback {
		l, process := b.loads[[2]string{c.name, p.name}], b.processes[p.name]
		if err := l.warm(process, b.slice/4); err != nil {
			return err
		}
		t, err := l.measure(process, 4*b.slice)
		f.serial = append(f.serial, t.each(t.cpu))
		return err
	}
	process, n := b.processes[p.name], b.sizes[[2]string{c.name, p.name}]
	one, err := process.ask(order{Do: "slice", Case: c.name, N: n, Goroutines: 1})
	if err != nil {
		return err
	}
	all, err := process.ask(order{Do: "slice", Case: c.name, N: n, Goroutines: runtime.GOMAXPROCS(0)})
	f.serial = append(f.serial, one.CPU)
	f.parallel = append(f.parallel, all.CPU)
	return err
}
