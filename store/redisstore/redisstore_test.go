package redisstore

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestWrongOptionsAreRefused(t *testing.T) {
	client := newFake(t, func([]string) string { return "+OK\r\n" })
	for says, o := range map[string]*Options{
		"WaitReplicas is -1":  {WaitReplicas: -1},
		"WaitTimeout is -1ns": {WaitTimeout: -1},
		"StaleReads is -1ns":  {StaleReads: -1},
	} {
		if _, err := New(client, o); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%+v: %v, want an error that says %s", o, err, says)
		}
	}
	if _, err := New(nil, nil); err == nil || !strings.Contains(err.Error(), "rueidis.NewClient") {
		t.Errorf("without a client: %v", err)
	}
	if _, err := NewKV(nil, nil); err == nil || !strings.Contains(err.Error(), "rueidis.NewClient") {
		t.Errorf("without a client: %v", err)
	}
	o := &Options{}
	s, err := New(client, o)
	if err != nil {
		t.Fatal(err)
	}
	o.Prefix = "altered"
	if got := s.at("k"); got != "cloakroom:s:k" {
		t.Errorf("a session is at %s", got)
	}
}

func TestTheSlotsOfAMasterAreReadFromItsOwnLine(t *testing.T) {
	const others = "07c3 127.0.0.1:30004@31004,host slave e7d1 0 1426238317239 4 connected\n" +
		"67ed 127.0.0.1:30002@31002 master - 0 1426238316232 2 connected 5461-10922\n"
	for text, want := range map[string][]uint16{
		"e7d1 127.0.0.1:30001@31001 myself,master - 0 0 1 connected 0-2 7 16383\n": {0, 1, 2, 7, 16383},
		"e7d1 127.0.0.1:30001@31001 myself,master - 0 0 1 connected\n":             nil,
		"e7d1 127.0.0.1:30001@31001 myself,slave 67ed 0 0 1 connected\n":           nil,
	} {
		got, err := ownSlots(others + text)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%q: %v, %v, want %v", text, got, err, want)
		}
	}
	for _, moving := range []string{"[93-<-292f]", "[93->-292f]"} {
		_, err := ownSlots(others + "e7d1 127.0.0.1:30001@31001 myself,master - 0 0 1 connected 0-5 " + moving + "\n")
		if !errors.Is(err, errMoving) {
			t.Errorf("with %s: %v", moving, err)
		}
	}
	for _, strange := range []string{"", others, others + "e7d1 a myself,master - 0 0 1 connected x-5\n", others + "e7d1 a myself,master - 0 0 1 connected 0-16384\n"} {
		if slots, err := ownSlots(strange); err == nil {
			t.Errorf("%q: %v", strange, slots)
		}
	}
}

// The window of List is bounded, and holds what came last.
func TestRecentForgetsOldKeysOnly(t *testing.T) {
	var r recent
	keys := make([]string, 10*recentKeys)
	for i := range keys {
		keys[i] = strings.Repeat("k", i%7) + time.Duration(i).String()
		if !r.add(keys[i]) {
			t.Fatalf("key %d was not there", i)
		}
		for _, back := range []int{0, 1, recentKeys / 2, recentKeys - 1} {
			if i >= back && r.add(keys[i-back]) {
				t.Fatalf("after key %d, the one %d before it is forgotten", i, back)
			}
		}
		if n := len(r.young) + len(r.old); n > 2*recentKeys {
			t.Fatalf("%d keys are held", n)
		}
	}
}

// What this process wrote is remembered as long as a copy of it can be out of date, and
// not much longer.
func TestWrittenForgetsWhatNoCopyCanContradict(t *testing.T) {
	w := &written{window: time.Hour}
	w.note("k", 7)
	w.note("k", 5)
	w.note("other", 3)
	if w.least("k") != 7 || w.least("other") != 3 || w.least("none") != 0 {
		t.Errorf("k %d, other %d", w.least("k"), w.least("other"))
	}
	w.noteSave("refused", 0, errors.New("boom"))
	if w.least("refused") != unknown {
		t.Errorf("after an error: %d", w.least("refused"))
	}
	w.turned = w.turned.Add(-time.Hour) // an hour goes by
	if w.least("k") != 7 {
		t.Error("forgotten after one window")
	}
	w.note("k", 6)
	if w.least("k") != 7 {
		t.Errorf("a smaller version took the place of a larger one: %d", w.least("k"))
	}
	w.turned = w.turned.Add(-2 * time.Hour)
	if w.least("k") != 0 || len(w.young)+len(w.old) != 0 {
		t.Errorf("after three windows %d keys are held", len(w.young)+len(w.old))
	}
}
