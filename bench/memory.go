package main

import (
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"
)

// memoryFigures is what a million sessions take.
type memoryFigures struct {
	bytes   float64   // of a session
	collect []float64 // CPU of a collection in nanoseconds, by round
	stalls  []float64 // the longest of each round, in milliseconds
}

type memoryResults struct {
	plan    plan
	figures map[string]*memoryFigures
}

// A memoryRun takes figures of many sessions.
type memoryRun struct {
	rounds int
	plan   plan

	progress io.Writer
}

func (b *memoryRun) run() (*memoryResults, error) {
	out := map[string]*memoryFigures{}
	processes := map[string]*process{}
	defer func() {
		for _, p := range processes {
			p.end()
		}
	}()
	for _, h := range hoarders {
		fmt.Fprintf(b.progress, "%s: making %d sessions\n", h.name, b.plan.Sessions)
		p, err := startProcess(hoardRole + h.name)
		if err != nil {
			return nil, err
		}
		processes[h.name] = p
		r, err := p.ask(order{Do: "fill", Plan: b.plan})
		if err != nil {
			return nil, err
		}
		out[h.name] = &memoryFigures{bytes: r.Bytes}
	}
	// Collections come first, because the sessions that expire are left in one of the hoards.
	for range b.rounds {
		for _, h := range hoarders {
			r, err := processes[h.name].ask(order{Do: "collect"})
			if err != nil {
				return nil, err
			}
			out[h.name].collect = append(out[h.name].collect, r.CPU)
		}
	}
	for round := range b.rounds {
		fmt.Fprintf(b.progress, "watching, round %d of %d\n", round+1, b.rounds)
		for _, h := range hoarders {
			r, err := processes[h.name].ask(order{Do: "watch"})
			if err != nil {
				return nil, err
			}
			out[h.name].stalls = append(out[h.name].stalls, float64(r.Stall)/float64(time.Millisecond))
		}
	}
	return &memoryResults{b.plan, out}, nil
}

func (r *memoryResults) print(w io.Writer) {
	scs := r.figures["scs"]
	fmt.Fprintf(w, "\n%d sessions of 200 bytes in memory\n", r.plan.Sessions)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	line(t, []string{"", "bytes each", "x scs", "CPU of a GC cycle, ms", "x scs", "(rounds)", "longest stall, ms", "(rounds)"})
	for _, h := range hoarders {
		f := r.figures[h.name]
		collect, collects := times(f.collect, scs.collect)
		stall := spreadOf(f.stalls)
		line(t, []string{
			h.name, fmt.Sprintf("%.0f", f.bytes), factor(f.bytes / scs.bytes),
			fmt.Sprintf("%.1f", spreadOf(f.collect).median/1e6), collect, collects,
			factor(stall.median), fmt.Sprintf("(%s-%s)", factor(stall.low), factor(stall.high)),
		})
	}
	t.Flush()
}

// bars are those of a million sessions. A stall that sweeping causes is in every round,
// so the shortest of the rounds counts, against the longest that came without sweeping.
func (r *memoryResults) bars() []bar {
	own, scs, noise := r.figures["cloakroom"], r.figures["scs"], r.figures["no sweep"]
	collect, _ := ratio(own.collect, scs.collect)
	return []bar{
		{what: "memory: bytes of a session, times those of scs", atMost: true, limit: 1.25, got: own.bytes / scs.bytes, known: true},
		{what: "memory: CPU of a collection, times that of scs", atMost: true, limit: 1, got: collect.median, known: true},
		{
			what:   "memory: longest stall of a load in the best round, ms, against the worst without sweeping",
			atMost: true, limit: slices.Max(noise.stalls), got: slices.Min(own.stalls), known: true,
		},
	}
}
