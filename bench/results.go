package main

import "slices"

// figures is what one peer took for one case.
type figures struct {
	serial   []float64 // CPU of a request in nanoseconds, by round
	parallel []float64
	counts   counts
}

// results holds the figures of cases that were run, by peer.
type results map[string]map[string]*figures

func (r results) of(testCase, peer string) *figures {
	if r[testCase] == nil {
		r[testCase] = map[string]*figures{}
	}
	f := r[testCase][peer]
	if f == nil {
		f = &figures{}
		r[testCase][peer] = f
	}
	return f
}

// A spread is a median with the lowest and the highest.
type spread struct{ median, low, high float64 }

func spreadOf(values []float64) spread {
	s := slices.Sorted(slices.Values(values))
	n := len(s)
	return spread{(s[(n-1)/2] + s[n/2]) / 2, s[0], s[n-1]}
}

// ratio compares rounds with rounds. It is false when there is nothing to compare.
func ratio(a, b []float64) (spread, bool) {
	if len(a) == 0 || len(a) != len(b) {
		return spread{}, false
	}
	ratios := make([]float64, len(a))
	for i := range a {
		ratios[i] = a[i] / b[i]
	}
	return spreadOf(ratios), true
}
