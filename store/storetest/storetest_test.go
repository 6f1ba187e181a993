package storetest_test

import (
	"context"
	"errors"
	"iter"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/storetest"
)

func TestACorrectStorePasses(t *testing.T) {
	storetest.Run(t, func(*testing.T) store.Store { return newMapStore() })
}

func TestRulesMayShareAStoreAndRunAtOnce(t *testing.T) {
	shared := newMapStore()
	t.Run("rules", func(t *testing.T) {
		for _, rule := range storetest.Rules() {
			t.Run(rule.Name, func(t *testing.T) {
				t.Parallel()
				if err := rule.Check(t.Context(), shared); err != nil {
					t.Error(err)
				}
			})
		}
	})
	for key, rec := range shared.recs {
		if _, live := shared.live(key); live {
			t.Errorf("a record was left at %q: %+v", key, rec)
		}
	}
}

func TestRulesRunInABubble(t *testing.T) {
	for rule, err := range checkAll(t, func() store.Store { return newMapStore() }) {
		if err != nil {
			t.Errorf("%s: %v", rule.Name, err)
		}
	}
}

// checkAll checks every rule in a bubble of its own.
func checkAll(t *testing.T, open func() store.Store) iter.Seq2[storetest.Rule, error] {
	return func(yield func(storetest.Rule, error) bool) {
		for _, rule := range storetest.Rules() {
			var err error
			synctest.Test(t, func(t *testing.T) { err = rule.Check(t.Context(), open()) })
			if !yield(rule, err) {
				return
			}
		}
	}
}

// bare is a store without the optional interfaces.
type bare struct{ store.Store }

func TestRulesOfAbsentInterfacesAreSkippedByName(t *testing.T) {
	absent := map[string]int{}
	for rule, err := range checkAll(t, func() store.Store { return bare{newMapStore()} }) {
		if errors.Is(err, errors.ErrUnsupported) {
			_, rest, _ := strings.Cut(err.Error(), "has no ")
			name, _, _ := strings.Cut(rest, ",")
			absent[name]++
		} else if err != nil {
			t.Errorf("%s: %v", rule.Name, err)
		}
	}
	for _, name := range []string{"store.FieldLoader", "store.Lister", "store.OwnerLister", "store.Sweeper", "store.Pinger"} {
		if absent[name] == 0 {
			t.Errorf("no rule was skipped for want of %s: %v", name, absent)
		}
		delete(absent, name)
	}
	if len(absent) != 0 {
		t.Errorf("skipped for want of something else: %v", absent)
	}
}

// transparent is a wrapper that store.As sees through.
type transparent struct{ store.Store }

func (w transparent) Unwrap() store.Store { return w.Store }

func TestOptionalInterfacesAreFoundThroughWrappers(t *testing.T) {
	for rule, err := range checkAll(t, func() store.Store { return transparent{newMapStore()} }) {
		if err != nil {
			t.Errorf("%s: %v", rule.Name, err)
		}
	}
}

// An outage is no proof that a rule is broken, nor that it is kept.
func TestAnOutageIsNotABrokenRule(t *testing.T) {
	down := errors.New("connection refused")
	open := alter(func(a *altered) {
		a.save = func(context.Context, string, store.Change) (uint64, error) { return 0, down }
		a.load = func(context.Context, string) (store.Record, error) { return store.Record{}, down }
	})
	for _, rule := range storetest.Rules() {
		if rule.Name != "Save-4-crowd" && rule.Name != "Load-5-own-saves" {
			continue
		}
		err := rule.Check(t.Context(), open())
		if !errors.Is(err, down) || !strings.HasPrefix(err.Error(), "storetest: not checked: "+rule.Text) {
			t.Errorf("%s: %v", rule.Name, err)
		}
	}
}

func TestAPanicOfTheStoreIsNotHeld(t *testing.T) {
	open := alter(func(a *altered) {
		a.load = func(context.Context, string) (store.Record, error) { panic("a mistake of the store") }
	})
	defer func() {
		if r := recover(); r != "a mistake of the store" {
			t.Errorf("recovered %v", r)
		}
	}()
	for _, rule := range storetest.Rules() {
		if rule.Name == "Load-1-missing" {
			_ = rule.Check(t.Context(), open())
		}
	}
}
