package main

import (
	"fmt"
	"io"
	"math"
)

// A bar is a figure that cloakroom is held to.
type bar struct {
	what   string
	atMost bool // or at least
	limit  float64
	got    float64
	known  bool // false: what it needs was not measured
}

func (b *bar) met() bool {
	if b.atMost {
		return b.got <= b.limit
	}
	return b.got >= b.limit
}

// judge prints how each bar fares and reports whether none is missed.
func judge(w io.Writer, bars []bar) bool {
	good := true
	fmt.Fprintln(w)
	for _, b := range bars {
		side := "at least"
		if b.atMost {
			side = "at most"
		}
		verdict := "met"
		switch {
		case !b.known:
			fmt.Fprintf(w, "not measured  %s: %s %.4g\n", b.what, side, b.limit)
			continue
		case !b.met():
			good = false
			verdict = fmt.Sprintf("MISSED by %.1f %%", 100*math.Abs(b.got/b.limit-1))
		}
		fmt.Fprintf(w, "%-13s %s: %.4g, %s %.4g\n", verdict, b.what, b.got, side, b.limit)
	}
	return good
}

// requestBars are those of requests, in process and over loopback.
func requestBars(r results) []bar {
	const ours, scs, fiber = "cloakroom", "scs", "fiber"
	var bars []bar

	for _, b := range []struct {
		name   string
		allocs float64
		scs    float64 // times less CPU than scs
		fiber  float64
	}{
		{"none", 1, 0, 0},
		{"untouched", 1, 40, 0},
		{"read", 3, 22, 20},
		{"write", 9, 14, 20},
		{"create", 20, 1.8, 0},
		{"read64k", 3, 100, 0},
		{"write64k", 9, 12, 0},
	} {
		own, none := r[b.name][ours], r[b.name][bare.name]
		allocs := bar{what: b.name + ": allocations over the bare handler", atMost: true, limit: b.allocs}
		if own != nil && none != nil {
			// A store that grows adds fractions.
			allocs.got, allocs.known = math.Round(own.counts.Allocs-none.counts.Allocs), true
		}
		loads := bar{what: b.name + ": loads", atMost: true, limit: 1}
		saves := bar{what: b.name + ": saves", atMost: true, limit: 1}
		if own != nil {
			loads.got, loads.known = own.counts.Loads, true
			saves.got, saves.known = own.counts.Saves, true
		}
		bars = append(bars, allocs, loads, saves)
		for _, than := range []struct {
			peer  string
			times float64
		}{{scs, b.scs}, {fiber, b.fiber}} {
			if than.times > 0 {
				bars = append(bars, cpuBar(r, b.name, than.peer, ours, false, than.times))
			}
		}
	}
	for _, c := range httpCases {
		bars = append(bars, cpuBar(r, c.name, ours, bare.name, true, 1.15))
	}
	return bars
}

// cpuBar is about how many times the CPU of peer b peer a takes.
func cpuBar(r results, testCase, a, b string, atMost bool, limit float64) bar {
	out := bar{what: fmt.Sprintf("%s: CPU of %s, times that of %s", testCase, a, b), atMost: atMost, limit: limit}
	if fa, fb := r[testCase][a], r[testCase][b]; fa != nil && fb != nil {
		var s spread
		s, out.known = ratio(fa.serial, fb.serial)
		out.got = s.median
	}
	return out
}
