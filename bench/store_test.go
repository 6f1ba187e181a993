package main

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// Each peer whose server is to be had on this machine, which is every one with CI=true.
func TestStores(t *testing.T) {
	for _, server := range storeServers {
		t.Run(server.name, func(t *testing.T) {
			at := server.start(t)
			for _, p := range storePeers() {
				if p.server != server.name {
					continue
				}
				t.Run(p.name, func(t *testing.T) {
					t.Run("SessionsAreOutsideTheProcess", func(t *testing.T) { testSessionsAreOutside(t, p, at) })
					t.Run("ASignInEndsTheTokenThatCameWithIt", func(t *testing.T) { testSignInEndsTheToken(t, p, at) })
					t.Run("Trips", func(t *testing.T) { testTrips(t, p, at) })
				})
			}
		})
	}
}

func startStore(t *testing.T, p *storePeer, at place) web {
	t.Helper()
	s, err := p.start(at)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.close)
	return web{s}
}

// ask sends one request and returns the answer.
func ask(t *testing.T, p *storePeer, s web, work task, cookie string) answer {
	t.Helper()
	c := s.client(work, cookie)
	c.send()
	a := c.last()
	if a.status != 200 {
		t.Fatalf("%s: %+v", p.name, a)
	}
	return a
}

// What one request wrote, another program reads: it is in the store and not in the process.
func testSessionsAreOutside(t *testing.T, p *storePeer, at place) {
	if p.alone {
		return
	}
	one, other := startStore(t, p, at), startStore(t, p, at)
	for _, data := range []*payload{small, large} {
		cookie, err := signUp(one, data)
		if err != nil {
			t.Fatal(err)
		}
		ask(t, p, other, task{kind: read, data: data}, cookie)
		if p.raw || p.only != "" { // what has no names, and what may answer from the past
			continue
		}
		next := in(data.others)
		ask(t, p, one, task{kind: write, data: data, next: next}, cookie)
		for name, want := range map[string]string{data.probe: data.others[1], data.names[0]: data.values[0]} {
			shown := *data
			shown.probe = name
			if a := ask(t, p, other, task{kind: show, data: &shown}, cookie); a.body != want {
				t.Errorf("%s is %.20q, want %.20q", name, a.body, want)
			}
		}
	}
}

func testSignInEndsTheToken(t *testing.T, p *storePeer, at place) {
	if p.raw || p.only != "" {
		return
	}
	s := startStore(t, p, at)
	before, err := signUp(s, small)
	if err != nil {
		t.Fatal(err)
	}
	after := requestCookie(ask(t, p, s, task{kind: signIn, data: small}, before).cookie)
	if a := ask(t, p, s, task{kind: show, data: small}, after); a.body != small.values[len(small.values)/2] {
		t.Errorf("the session holds %.20q", a.body)
	}
	if a := ask(t, p, s, task{kind: show, data: small}, before); a.body != "" {
		t.Errorf("with the token from before: %.20q", a.body)
	}
}

func testTrips(t *testing.T, p *storePeer, at place) {
	want := map[string]map[string]float64{
		"cloakroom": {"untouched": 0, "read": 1, "write": 2, "create": 1, "signin": 2, "read64k": 1, "write64k": 2},
		"scs":       {"untouched": 1, "read": 1, "write": 2, "create": 1, "signin": 3, "read64k": 1, "write64k": 2},
		"raw":       {"untouched": 0, "read": 1, "write": 2, "create": 1, "read64k": 1, "write64k": 2},
	}
	if at.Addr == "" {
		return
	}
	child := &storeChild{peer: p}
	if err := child.open(at, 1); err != nil {
		t.Fatal(err)
	}
	defer child.home.close()
	family, _, _ := strings.Cut(p.name, "-")
	for _, c := range storeCases {
		if !p.does(c) {
			continue
		}
		got, err := child.trips(c, at)
		n := want[family][c.name]
		switch {
		case p.only != "":
			n = 0
		case p.server == "memcached" && n == 2:
			n = 3 // gets before cas
		}
		if err != nil || got.Count != n || (got.Up == 0) != (n == 0) || (got.Down == 0) != (n == 0) {
			t.Errorf("%s: %+v, %v; want %v trips", c.name, got, err, n)
		}
		if c.data == large && got.Down < 64_000 {
			t.Errorf("%s: %v bytes came down", c.name, got.Down)
		}
	}
}

func TestARunOfStoresHasFiguresForAllThatWasChosen(t *testing.T) {
	chosen, err := choose(storeCases, "read,signin,writers")
	if err != nil {
		t.Fatal(err)
	}
	var progress strings.Builder
	run := storeRun{rounds: 1, slice: time.Millisecond, crowd: 2, cases: chosen, peers: storePeers(), progress: &progress}
	got, err := run.run()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range run.peers {
		for _, c := range chosen {
			f := got[c.name][p.name]
			if !p.does(c) {
				if f != nil {
					t.Errorf("%s: %s: figures for what it does not do", p.name, c.name)
				}
				continue
			}
			rounds := 1
			if c.kind == signIn {
				rounds = 0
			}
			if f == nil || len(f.rate) != rounds || len(f.cpu) != rounds || (f.trips == nil) != slices.Contains([]string{"sqlite", "files", "process"}, p.server) {
				t.Errorf("%s: %s: %+v", p.name, c.name, f)
			}
		}
	}
	var out strings.Builder
	got.print(&out, chosen, run.peers)
	for _, p := range run.peers {
		if !strings.Contains(out.String(), "  "+p.name+" ") {
			t.Errorf("%s is not in the tables:\n%s", p.name, out.String())
		}
	}
}

func TestBarsOfStoresJudgeWhatWasMeasured(t *testing.T) {
	verdicts := func(r storeResults) string {
		var out strings.Builder
		judge(&out, storeBars(r))
		return out.String()
	}
	none := verdicts(storeResults{})
	if strings.Contains(none, "met ") || strings.Contains(none, "MISSED") {
		t.Errorf("judged without figures:\n%s", none)
	}
	r := storeResults{}
	figures := func(c, peer string, f storeFigures) { *r.of(c, peer) = f }
	figures("read", "cloakroom-redis", storeFigures{trips: &trips{1, 50, 900}, cpu: []float64{4, 60}, rate: []float64{5, 5}})
	figures("read", "scs-goredis", storeFigures{trips: &trips{1, 75, 1279}, cpu: []float64{10, 100}, rate: []float64{5, 5}})
	figures("write64k", "cloakroom-redis", storeFigures{trips: &trips{2, 2000, 900}})
	figures("write64k", "scs-goredis", storeFigures{trips: &trips{2, 60_000, 65_000}})
	figures("write", "cloakroom-pgx", storeFigures{trips: &trips{3, 50, 900}, rate: []float64{5, 6}})
	figures("write", "scs-pgx", storeFigures{rate: []float64{10, 10}})
	got := verdicts(r)
	for _, want := range []string{
		"met           cloakroom-redis: read: round trips: 1, at most 1",
		"met           cloakroom-redis: read: CPU, times that of scs-goredis: 0.5, at most 0.5",
		"met           cloakroom-redis: write64k: bytes up: 2000, at most 2048",
		"met           cloakroom-redis: write64k: times fewer bytes up than scs-goredis: 30, at least 10",
		"MISSED by 50.0 % cloakroom-pgx: write: round trips: 3, at most 2",
		"MISSED by 45.0 % cloakroom-pgx: write: requests in a second, times those of scs-pgx: 0.55, at least 1",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("there is no %q in\n%s", want, got)
		}
	}
}

func TestAFarmReportsWhatItCouldNotStart(t *testing.T) {
	var order []int
	f := &farm{}
	missing, err := f.add(func(t testing.TB) {
		t.Cleanup(func() { order = append(order, 1) })
		t.Cleanup(func() { order = append(order, 2) })
		if _, err := os.Stat(t.TempDir()); err != nil {
			t.Error(err)
		}
		t.Skipf("no %s", "redis")
		t.Fatal("went on")
	})
	if missing != "no redis" || err != nil {
		t.Errorf("%q, %v", missing, err)
	}
	if missing, err = f.add(func(t testing.TB) { t.Fatal(errors.New("port in use")) }); missing != "" || err == nil || err.Error() != "port in use" {
		t.Errorf("%q, %v", missing, err)
	}
	f.close()
	if len(order) != 2 || order[0] != 2 {
		t.Errorf("cleaned up in the order %v", order)
	}
}

func TestTheCPUOfARedisGrows(t *testing.T) {
	at := storeServers[0].start(t)
	s := startStore(t, redisPeers[0], at)
	before, err := redisCPU(at.Addr)
	if err != nil {
		t.Fatal(err)
	}
	for range 300 {
		if _, err := signUp(s, small); err != nil {
			t.Fatal(err)
		}
	}
	if after, err := redisCPU(at.Addr); err != nil || after <= before || after > before+time.Minute {
		t.Errorf("%v, then %v, %v", before, after, err)
	}
	if _, err := redisCPU("127.0.0.1:1"); err == nil {
		t.Error("no error where there is no Redis")
	}
}
