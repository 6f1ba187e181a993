package main

import (
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
)

// scsPeers are what the peers of a server are compared with.
var scsPeers = map[string]string{"redis": "scs-goredis", "postgres": "scs-pgx", "sqlite": "scs-sqlite"}

// print writes a table for each server and case, with the peers in the order given.
func (r storeResults) print(w io.Writer, cases []*testCase, peers []*storePeer) {
	for _, server := range storeServers {
		for _, c := range cases {
			base := r[c.name][scsPeers[server.name]]
			if base == nil {
				base = &storeFigures{}
			}
			rows := [][]string{{
				"", "trips", "bytes up", "down", "requests/s", "x scs", "(rounds)",
				"CPU us", "x scs", "(rounds)", server.name + " CPU us",
			}}
			for _, p := range peers {
				if f := r[c.name][p.name]; f != nil && p.server == server.name {
					rows = append(rows, f.row(p.name, base))
				}
			}
			if rows = withoutEmpty(rows); len(rows[0]) == 1 {
				continue
			}
			fmt.Fprintf(w, "\n%s: %s\n", server.name, c.title)
			t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
			for _, row := range rows {
				line(t, row)
			}
			t.Flush()
		}
	}
}

// row returns the cells of a peer. What was not measured is empty.
func (f *storeFigures) row(name string, base *storeFigures) []string {
	row := make([]string, 11)
	row[0] = name
	if f.trips != nil {
		row[1], row[2], row[3] = number(f.trips.Count), number(f.trips.Up), number(f.trips.Down)
	}
	if len(f.rate) > 0 {
		row[4], row[7] = fmt.Sprintf("%.0f", spreadOf(f.rate).median), micro(f.cpu)
		row[5], row[6] = times(f.rate, base.rate)
		row[8], row[9] = times(f.cpu, base.cpu)
	}
	if len(f.behind) > 0 {
		row[10] = micro(f.behind)
	}
	return row
}

// withoutEmpty leaves out the columns with nothing below the first row.
func withoutEmpty(rows [][]string) [][]string {
	out := make([][]string, len(rows))
	for column := range rows[0] {
		if !slices.ContainsFunc(rows[1:], func(row []string) bool { return row[column] != "" }) && column > 0 {
			continue
		}
		for i, row := range rows {
			out[i] = append(out[i], row[column])
		}
	}
	return out
}

// micro prints the median of some nanoseconds in microseconds.
func micro(ns []float64) string { return fmt.Sprintf("%.1f", spreadOf(ns).median/1000) }

// storeBars are those of stores outside the process.
func storeBars(r storeResults) []bar {
	var bars []bar
	add := func(what string, atMost bool, limit float64, got func() (float64, bool)) {
		b := bar{what: what, atMost: atMost, limit: limit}
		b.got, b.known = got()
		bars = append(bars, b)
	}
	tripsOf := func(c, peer string, of func(*trips) float64) func() (float64, bool) {
		return func() (float64, bool) {
			if f := r[c][peer]; f != nil && f.trips != nil {
				return of(f.trips), true
			}
			return 0, false
		}
	}
	count := func(t *trips) float64 { return t.Count }
	up := func(t *trips) float64 { return t.Up }
	for _, b := range []struct {
		peer, name string
		trips      float64
	}{
		{"cloakroom-redis", "untouched", 0},
		{"cloakroom-redis", "read", 1},
		{"cloakroom-redis", "write", 2},
		{"cloakroom-redis", "create", 1},
		{"cloakroom-redis", "signin", 2},
		{"cloakroom-stale", "read", 0},
		{"cloakroom-pgx", "untouched", 0},
		{"cloakroom-pgx", "read", 1},
		{"cloakroom-pgx", "write", 2},
		{"cloakroom-pgx", "create", 1},
		{"cloakroom-pgx", "signin", 2},
	} {
		add(fmt.Sprintf("%s: %s: round trips", b.peer, b.name), true, b.trips, tripsOf(b.name, b.peer, count))
	}

	own, ownKnown := tripsOf("write64k", "cloakroom-redis", up)()
	scs, scsKnown := tripsOf("write64k", "scs-goredis", up)()
	add("cloakroom-redis: write64k: bytes up", true, 2048, func() (float64, bool) { return own, ownKnown })
	add("cloakroom-redis: write64k: times fewer bytes up than scs-goredis", false, 10, func() (float64, bool) { return scs / own, ownKnown && scsKnown })

	compared := func(c, a, b string, of func(*storeFigures) []float64) func() (float64, bool) {
		return func() (float64, bool) {
			if r[c][a] == nil || r[c][b] == nil {
				return 0, false
			}
			s, known := ratio(of(r[c][a]), of(r[c][b]))
			return s.median, known
		}
	}
	cpu := func(f *storeFigures) []float64 { return f.cpu }
	rate := func(f *storeFigures) []float64 { return f.rate }
	for _, name := range []string{"read", "write"} {
		add("cloakroom-redis: "+name+": CPU, times that of scs-goredis", true, 0.5, compared(name, "cloakroom-redis", "scs-goredis", cpu))
	}
	for _, name := range []string{"read", "write"} {
		add("cloakroom-pgx: "+name+": requests in a second, times those of scs-pgx", false, 1, compared(name, "cloakroom-pgx", "scs-pgx", rate))
	}
	add("cloakroom-sqlite: writers: requests in a second, times those of scs-sqlite", false, 3.5, compared("writers", "cloakroom-sqlite", "scs-sqlite", rate))
	return bars
}
