package seeds

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/store"
)

// altRows are the cases that alt-session's README asks for: it has no tests.
func altRows() []row {
	return []row{
		{"ALT-1", everyKindOfJSONComesBack},
		{"ALT-2", manyValuesAtOnceAndMissingOnes},
		{"ALT-3", oneValueIsRemoved},
		{"ALT-4", severalValuesAreRemoved},
		{"ALT-5", directDestroyEndsTheSession},
		{"ALT-6", anyUseKeepsTheSession},
		{"ALT-7", parallelWritersOfDifferentKeysKeepBoth},
		{"ALT-8", badTokensShareNothing},
		{"ALT-9", severalValuesAreSetTogether},
		{"ALT-10", aValueThatCannotBeReadIsHandedOutAsItIs},
	}
}

func everyKindOfJSONComesBack(t *testing.T) {
	b := newSite(t).browser()
	for _, v := range []any{"myValue", "", 42.0, -1.5, 1e300, true, false, []any{1.0, "x", nil}, []any{}, map[string]any{"a": map[string]any{}}} {
		b.put("k", v)
		b.holds("k", v)
	}
	b.put("k", nil) // null is a value, and not the same as none
	b.direct(func(ctx context.Context, d *cloakroom.Direct) {
		got := any("before")
		found, err := d.Get(ctx, "k", &got)
		noError(t, err)
		want(t, "null is found", found, true)
		want(t, "null", got, nil)
		found, err = d.Get(ctx, "none", &got)
		noError(t, err)
		want(t, "nothing is found", found, false)
	})
}

func manyValuesAtOnceAndMissingOnes(t *testing.T) {
	s := newSite(t)
	b := s.browser()
	b.put("a", 1)
	b.put("b", nil)
	b.put("large", "not asked for")
	s.store.calls()
	b.direct(func(ctx context.Context, d *cloakroom.Direct) {
		values, err := d.GetMany(ctx, "a", "b", "c")
		noError(t, err)
		want(t, "a", string(values["a"]), "1")
		want(t, "b", string(values["b"]), "null")
		_, ok := values["c"]
		want(t, "c is there", ok, false)
	})
	asked := s.store.asked()
	want(t, "what was asked for is moved", slices.Contains(asked, "a"), true)
	want(t, "what was not asked for is moved", slices.Contains(asked, "large"), false)
	loads, saves, _ := s.store.calls()
	want(t, "loads", loads, 1)
	want(t, "saves", saves, 0)
}

func oneValueIsRemoved(t *testing.T) {
	b := newSite(t).browser()
	b.put("a", "x")
	b.put("b", "y")
	b.drop("a")
	b.drop("never there")
	b.holds("a", nil)
	b.holds("b", "y")
}

func severalValuesAreRemoved(t *testing.T) {
	s := newSite(t)
	b := s.browser()
	for _, field := range []string{"a", "b", "c"} {
		b.put(field, field)
	}
	s.store.calls()
	b.direct(func(ctx context.Context, d *cloakroom.Direct) { noError(t, d.Delete(ctx, "a", "b")) })
	_, saves, _ := s.store.calls()
	want(t, "saves", saves, 1)
	b.holds("a", nil)
	b.holds("b", nil)
	b.holds("c", "c")
}

func directDestroyEndsTheSession(t *testing.T) {
	s := newSite(t)
	b := s.browser()
	token := b.put("a", "x").token()
	a := b.direct(func(ctx context.Context, d *cloakroom.Direct) { noError(t, d.Destroy(ctx)) })
	want(t, "Max-Age", a.cookie.MaxAge, -1)
	want(t, "the token in the jar", b.token(), "")
	if _, err := s.record(token); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("the record: %v", err)
	}
}

// anyUseKeepsTheSession: each kind of use moves the end, as exactly as TouchInterval has it.
func anyUseKeepsTheSession(t *testing.T) {
	s := newSite(t, cloakroom.Config{IdleTimeout: 300 * time.Second, TouchInterval: time.Second})
	b := s.browser()
	b.put("a", "x")
	for range 3 {
		for _, use := range []func(){
			func() { b.holds("a", "x") },
			func() { b.with(nothing) },
			func() { b.put("b", "y") },
			func() {
				b.direct(func(ctx context.Context, d *cloakroom.Direct) { noError(t, d.Extend(ctx, 0)) })
			},
		} {
			s.clock.Advance(299 * time.Second)
			use()
		}
	}
	b.holds("a", "x")
	b.get("/", withPage) // does not look, so it is no use of the session
	s.clock.Advance(300 * time.Second)
	b.holds("a", nil)
}

func parallelWritersOfDifferentKeysKeepBoth(t *testing.T) {
	s := newSite(t)
	b := s.browser()
	b.set("ada")
	const n = 10
	finish := make([]func() answer, n)
	for i := range n {
		finish[i] = b.park(func(session *cloakroom.Session) { session.SetRaw(fmt.Sprint("k", i), fmt.Sprint(i)) })
	}
	b.put("direct", "too") // while all of them hold the session as it was
	for i := range n {
		want(t, "status", finish[i]().status, http.StatusOK)
	}
	b.with(func(session *cloakroom.Session) {
		for i := range n {
			raw, _ := session.Raw(fmt.Sprint("k", i))
			want(t, fmt.Sprint("k", i), raw, fmt.Sprint(i))
		}
		want(t, "number of values", len(session.Names()), n+2)
	})
}

func badTokensShareNothing(t *testing.T) {
	s := newSite(t)
	for _, bad := range []string{"false", "undefined", "null", "", "s:x.y", "[object Object]"} {
		first, second := s.client("__Host-session="+bad), s.client("__Host-session="+bad)
		a := first.set("mine")
		second.signedOut()
		b := second.set("yours")
		want(t, "the value of the first", s.stored(a.token(), "name"), `"mine"`)
		want(t, "the value of the second", s.stored(b.token(), "name"), `"yours"`)
		if idOf(a.token()) == idOf(b.token()) {
			t.Errorf("the bad token %q is shared", bad)
		}
	}
}

func severalValuesAreSetTogether(t *testing.T) {
	s := newSite(t)
	b := s.browser()
	b.put("a", "before")
	s.store.calls()
	b.direct(func(ctx context.Context, d *cloakroom.Direct) {
		noError(t, d.SetMany(ctx, map[string]any{"a": 1, "b": 2, "c": 3}))
	})
	_, saves, _ := s.store.calls()
	want(t, "saves", saves, 1)
	b.direct(func(ctx context.Context, d *cloakroom.Direct) {
		if err := d.SetMany(ctx, map[string]any{"a": 9, "b": func() {}}); err == nil {
			t.Error("a function was set")
		}
	})
	for field, v := range map[string]float64{"a": 1, "b": 2, "c": 3} {
		b.holds(field, v)
	}
}

func aValueThatCannotBeReadIsHandedOutAsItIs(t *testing.T) {
	s := newSite(t)
	b := s.browser()
	b.put("count", "seven")
	b.direct(func(ctx context.Context, d *cloakroom.Direct) {
		values, err := d.GetMany(ctx, "count")
		noError(t, err)
		want(t, "as it is", string(values["count"]), `"seven"`)
		n := 7
		if _, err := d.Get(ctx, "count", &n); err == nil {
			t.Errorf("read as a number: %d", n)
		}
		if _, err := d.Add(ctx, "count", 1); err == nil {
			t.Error("added to a string")
		}
	})
	a := b.with(func(session *cloakroom.Session) {
		count.Update(session, func(int) int { t.Error("computed from nothing"); return 0 })
		raw, _ := session.Raw("count")
		want(t, "raw", raw, `"seven"`)
		if session.Err() == nil {
			t.Error("nobody is told")
		}
	})
	want(t, "status", a.status, http.StatusInternalServerError) // the count would be lost
	b.holds("count", "seven")
}
