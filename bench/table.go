package main

import (
	"fmt"
	"io"
	"math"
	"strings"
	"text/tabwriter"
)

// print writes a table for each case, with the peers in the order given.
func (r results) print(w io.Writer, cases []*testCase, peers []*peer) {
	for _, c := range cases {
		base := reference(c, peers)
		fmt.Fprintf(w, "\n%s\n", c.title)
		t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
		head := []string{"", "CPU ns", "x " + base, "(rounds)"}
		if !c.loopback {
			head = append(head, "parallel", "(rounds)", "allocs", "bytes", "loads", "saves")
		}
		line(t, head)
		for _, p := range peers {
			row := make([]string, len(head))
			row[0] = p.name
			if row[1] = p.cannot(c); row[1] == "" {
				r[c.name][p.name].fill(row, r[c.name][base], p.counts)
			}
			line(t, row)
		}
		t.Flush()
	}
}

func line(w io.Writer, cells []string) { fmt.Fprintln(w, strings.Join(cells, "\t")+"\t") }

// fill writes the figures into the cells of a row.
func (f *figures) fill(row []string, base *figures, counted bool) {
	row[1] = fmt.Sprintf("%.0f", spreadOf(f.serial).median)
	row[2], row[3] = times(f.serial, base.serial)
	if len(row) == 4 {
		return
	}
	row[4], row[5] = times(f.parallel, base.parallel)
	row[6], row[7] = number(f.counts.Allocs), fmt.Sprintf("%.0f", f.counts.Bytes)
	row[8], row[9] = "-", "-"
	if counted {
		row[8], row[9] = number(f.counts.Loads), number(f.counts.Saves)
	}
}

// reference is the peer that the others are compared with.
func reference(c *testCase, peers []*peer) string {
	want := cloakroomPeer.name
	if c.loopback {
		want = bare.name
	}
	for _, p := range peers {
		if p.name == want {
			return want
		}
	}
	return peers[0].name
}

// times returns how many times b a is, and how that varies. Without figures it is empty.
func times(a, b []float64) (median, span string) {
	s, ok := ratio(a, b)
	if !ok {
		return "", ""
	}
	return factor(s.median), fmt.Sprintf("(%s-%s)", factor(s.low), factor(s.high))
}

// factor prints a ratio with three digits or so.
func factor(v float64) string {
	switch {
	case v >= 100:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.2f", v)
}

// number prints a count that is whole as a rule.
func number(v float64) string {
	if math.Abs(v-math.Round(v)) < 0.05 {
		return fmt.Sprintf("%.0f", v)
	}
	return fmt.Sprintf("%.1f", v)
}
