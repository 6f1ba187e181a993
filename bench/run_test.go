package main

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"time"
)

func TestARunHasFiguresForAllThatWasChosen(t *testing.T) {
	chosen, err := choose(peers, "bare,cloakroom,fiber,gorilla")
	if err != nil {
		t.Fatal(err)
	}
	work, err := choose(allCases(), "none,create,read64k,http-write")
	if err != nil {
		t.Fatal(err)
	}
	run := requestRun{rounds: 1, slice: 100 * time.Microsecond, crowd: 50, cases: work, peers: chosen, progress: io.Discard}
	got, err := run.run()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range work {
		for _, p := range chosen {
			f := got[c.name][p.name]
			if p.cannot(c) != "" {
				if f != nil {
					t.Errorf("%s: %s: figures for what it cannot do", p.name, c.name)
				}
				continue
			}
			if f == nil || len(f.serial) != run.rounds || (len(f.parallel) != run.rounds) != c.loopback {
				t.Errorf("%s: %s: %+v", p.name, c.name, f)
			}
		}
	}
	var out strings.Builder
	got.print(&out, work, chosen)
	for _, want := range []string{"too big", "no net/http", "x cloakroom", "x bare", "new session"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the table has no %q:\n%s", want, out.String())
		}
	}
	known := 0
	for _, b := range requestBars(got) {
		if b.known {
			known++
		}
	}
	// Three exact ones for each case in process, and one over loopback; scs did not run.
	if known != 10 {
		t.Errorf("%d bars could be judged, want 10", known)
	}
}

func TestAnswersOverLoopbackAreChecked(t *testing.T) {
	read, err := find(httpCases, "http-read")
	if err != nil {
		t.Fatal(err)
	}
	address, cookies, err := serve(newStand(limit, 1).home.(web), read, 3)
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		cookies []string
		good    bool
	}{
		{cookies, true},
		{[]string{"session=unknown"}, false},
	} {
		l, err := dial(address, tc.cookies, loaders)
		if err != nil {
			t.Fatal(err)
		}
		n, _, err := l.run(time.Millisecond)
		if tc.good && (err != nil || n == 0) || !tc.good && err == nil {
			t.Errorf("%d requests with %d cookies: %v", n, len(tc.cookies), err)
		}
		l.close()
	}
}

func TestABarSaysByHowMuchItIsMissed(t *testing.T) {
	var out strings.Builder
	if judge(&out, []bar{{what: "speed", limit: 20, got: 15, known: true}}) || !strings.Contains(out.String(), "MISSED by 25.0 %") {
		t.Error(out.String())
	}
	out.Reset()
	good := []bar{
		{what: "speed", limit: 20, got: 20, known: true},
		{what: "weight", atMost: true, limit: 3, got: 3, known: true},
		{what: "colour", limit: 1},
	}
	if !judge(&out, good) || !strings.Contains(out.String(), "not measured  colour") {
		t.Error(out.String())
	}
	if judge(io.Discard, []bar{{atMost: true, limit: 3, got: 4, known: true}}) {
		t.Error("4 passed for at most 3")
	}
}

func TestRatiosAreTakenWithinARound(t *testing.T) {
	got, ok := ratio([]float64{2, 40, 9}, []float64{1, 10, 3})
	if !ok || got != (spread{median: 3, low: 2, high: 4}) {
		t.Errorf("%+v, %v", got, ok)
	}
	if _, ok := ratio([]float64{1}, nil); ok {
		t.Error("a ratio to nothing")
	}
}

func TestChoosingSomethingUnknownIsAnError(t *testing.T) {
	if _, err := choose(peers, "cloakroom,nobody"); err == nil || !strings.Contains(err.Error(), "nobody") {
		t.Error(err)
	}
	got, err := choose(cases, "write,read")
	if err != nil || names(got) != "read,write" {
		t.Errorf("%s, %v", names(got), err)
	}
}

func TestAChildReportsErrors(t *testing.T) {
	var out bytes.Buffer
	err := obey(strings.NewReader(`{"Do":"dance"}`), &out, (&child{peer: bare}).do)
	if err != nil || !strings.Contains(out.String(), `no such order`) {
		t.Errorf("%v, %s", err, out.String())
	}
}

func TestMemoryFiguresOfEachHoard(t *testing.T) {
	few := plan{
		Sessions: 5000, Life: 50 * time.Millisecond, Cleanup: 60 * time.Millisecond,
		Pause: time.Millisecond, Watch: 500 * time.Millisecond,
	}
	got, err := (&memoryRun{rounds: 1, plan: few, progress: io.Discard}).run()
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range hoarders {
		f := got.figures[h.name]
		if f.bytes < 200 || f.bytes > 2000 || len(f.collect) != 1 || f.collect[0] <= 0 || f.stalls[0] <= 0 {
			t.Errorf("%s: %+v", h.name, f)
		}
	}
	if bars := got.bars(); len(bars) != 3 {
		t.Errorf("%d bars", len(bars))
	}
}
