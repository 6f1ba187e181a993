package main

import (
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
)

// Children of tests are this program too.
func TestMain(m *testing.M) {
	if role := os.Getenv(roleVariable); role != "" {
		exit(play(role))
		return
	}
	os.Exit(m.Run())
}

// forAll calls f for each peer that keeps sessions and each case it can do, with a server
// that holds a few sessions.
func forAll(t *testing.T, f func(t *testing.T, s *stand, c *testCase)) {
	for _, p := range peers {
		if p == bare {
			continue
		}
		s := newStand(p, 10)
		for _, c := range cases {
			if p.cannot(c) == "" {
				t.Run(p.name+"/"+c.name, func(t *testing.T) { f(t, s, c) })
			}
		}
	}
}

// sendAll sends n requests and returns the answers.
func sendAll(t *testing.T, s *stand, c *testCase, n int) (sent client, answers []answer) {
	t.Helper()
	sent, err := s.enter(s.home, c)
	if err != nil {
		t.Fatal(err)
	}
	for range n {
		sent.send()
		a := sent.last()
		if err := s.check(c, a); err != nil {
			t.Fatal(err)
		}
		answers = append(answers, a)
	}
	return sent, answers
}

// stored returns the value that a session holds under a name, as a new request sees it.
func stored(s *stand, data *payload, name, cookie string) string {
	one := *data
	one.probe = name
	c := s.home.client(task{kind: show, data: &one}, cookie)
	c.send()
	return c.last().body
}

func requestCookie(setCookie string) string {
	cookie, _, _ := strings.Cut(setCookie, ";")
	return cookie
}

func TestSessionsHoldWhatTheCasesSay(t *testing.T) {
	forAll(t, func(t *testing.T, s *stand, c *testCase) {
		cookie, err := signUp(s.home, c.data)
		if err != nil {
			t.Fatal(err)
		}
		bytes := 0
		for i, name := range c.data.names {
			value := stored(s, c.data, name, cookie)
			if value != c.data.values[i] {
				t.Fatalf("%s is %.20q, want %.20q", name, value, c.data.values[i])
			}
			bytes += len(value)
		}
		if want := map[*payload]int{small: 960, large: 64_000}[c.data]; bytes != want {
			t.Errorf("%d bytes, want %d", bytes, want)
		}
	})
}

func TestReadingWithoutTheValueIsAnError(t *testing.T) {
	lost := &testCase{name: "lost", kind: read, data: small}
	for _, p := range peers {
		if p == bare {
			continue
		}
		if _, err := newStand(p, 1).slice(lost, 1, 1); err == nil || !strings.Contains(err.Error(), "409") {
			t.Errorf("%s: %v, want an error with status %d", p.name, err, http.StatusConflict)
		}
	}
}

func TestWritesAreStoredAndNeverTheSameTwice(t *testing.T) {
	forAll(t, func(t *testing.T, s *stand, c *testCase) {
		if c.kind != write || !c.cookie {
			return
		}
		cookie, err := signUp(s.home, c.data)
		if err != nil {
			t.Fatal(err)
		}
		var set string
		next := in(c.data.others)
		writer := s.home.client(task{kind: write, data: c.data, next: func() string { set = next(); return set }}, cookie)
		seen := []string{c.data.values[len(c.data.values)/2]}
		for range 3 {
			writer.send()
			a := writer.last()
			if err := s.check(c, a); err != nil {
				t.Fatal(err)
			}
			with := cookie
			if s.peer == gorillaPeer {
				with = requestCookie(a.cookie) // the session is in there
			}
			got := stored(s, c.data, c.data.probe, with)
			if got != set || slices.Contains(seen, got) {
				t.Errorf("the store has %.20q behind a write of %.20q", got, set)
			}
			seen = append(seen, got)
		}
	})
}

func TestNewSessionsAreStoredEachUnderItsOwnCookie(t *testing.T) {
	forAll(t, func(t *testing.T, s *stand, c *testCase) {
		if c.kind != write || c.cookie {
			return
		}
		_, answers := sendAll(t, s, c, 3)
		var cookies []string
		for i, a := range answers {
			cookie := requestCookie(a.cookie)
			if slices.Contains(cookies, cookie) {
				t.Errorf("two sessions have the cookie %q", cookie)
			}
			cookies = append(cookies, cookie)
			if got, want := stored(s, c.data, c.data.probe, cookie), c.data.others[i+1]; got != want {
				t.Errorf("session %d holds %.20q, want %.20q", i, got, want)
			}
		}
	})
}

// Only fiber makes a session of every visit.
func TestUntouchedSessionsAreNotSent(t *testing.T) {
	forAll(t, func(t *testing.T, s *stand, c *testCase) {
		if c.kind != leave || s.peer == fiberPeer {
			return
		}
		_, answers := sendAll(t, s, c, 2)
		for _, a := range answers {
			if a.cookie != "" {
				t.Errorf("a cookie: %q", a.cookie)
			}
		}
	})
}

func TestStoreCallsOfEachCase(t *testing.T) {
	calls := map[string]map[string][2]float64{
		"cloakroom": {
			"none": {0, 0}, "untouched": {0, 0}, "read": {1, 0}, "write": {1, 1},
			"create": {0, 1}, "read64k": {1, 0}, "write64k": {1, 1},
		},
		"scs": {
			"none": {0, 0}, "untouched": {1, 0}, "read": {1, 0}, "write": {1, 1},
			"create": {0, 1}, "read64k": {1, 0}, "write64k": {1, 1},
		},
		"fiber": {
			"none": {0, 1}, "untouched": {1, 1}, "read": {1, 1}, "write": {1, 1},
			"create": {0, 1}, "read64k": {1, 1}, "write64k": {1, 1},
		},
		"icza": { // live values: nothing is written back
			"none": {0, 0}, "untouched": {0, 0}, "read": {1, 0}, "write": {1, 0},
			"create": {0, 1}, "read64k": {1, 0}, "write64k": {1, 0},
		},
	}
	forAll(t, func(t *testing.T, s *stand, c *testCase) {
		want, counted := calls[s.peer.name][c.name]
		if counted != s.peer.counts {
			t.Fatal("the table and the peer do not agree whether calls are counted")
		}
		if !counted {
			return
		}
		loads, saves, err := s.storeCalls(c)
		if err != nil || loads != want[0] || saves != want[1] {
			t.Errorf("%v loads and %v saves, %v; want %v", loads, saves, err, want)
		}
	})
}

func TestCountsAreThoseOfOneRequest(t *testing.T) {
	c, err := find(cases, "none")
	if err != nil {
		t.Fatal(err)
	}
	got, err := newStand(limit, 10).count(c)
	if err != nil || got.Allocs != 1 || got.Bytes < 100 || got.Bytes > 1000 {
		t.Errorf("%+v, %v: the floor hands its session over in one allocation", got, err)
	}
	if got, err = newStand(bare, 10).count(c); err != nil || got != (counts{}) {
		t.Errorf("%+v, %v: the bare handler takes nothing", got, err)
	}
}
