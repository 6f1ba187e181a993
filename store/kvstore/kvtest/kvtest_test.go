package kvtest_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cloakroom-go/cloakroom/store/kvstore"
	"github.com/cloakroom-go/cloakroom/store/kvstore/kvtest"
)

func TestACorrectKVPasses(t *testing.T) {
	kvtest.Run(t, func(*testing.T) kvstore.KV { return newMapKV(nil) })
}

func TestAKVMayCompareRevisions(t *testing.T) {
	kvtest.Run(t, func(*testing.T) kvstore.KV {
		return newMapKV(func(m *mapKV) {
			m.same = func(now, old kvstore.Entry) bool {
				return old.Revision == now.Revision || old.Revision == 0 && old.Value == now.Value
			}
		})
	})
}

// A server may keep whole seconds, and need not tell them.
func TestAKVMayRoundTheEndDown(t *testing.T) {
	for _, rule := range kvtest.Rules() {
		synctest.Test(t, func(t *testing.T) {
			time.Sleep(700 * time.Millisecond)
			err := rule.Check(t.Context(), newMapKV(func(m *mapKV) {
				m.live = func(e kvstore.Entry) bool {
					return e.ExpiresAt.IsZero() || time.Now().Unix() < e.ExpiresAt.Unix()-1
				}
				m.get = func(ctx context.Context, key string) (kvstore.Entry, error) {
					e, err := m.doGet(ctx, key)
					e.ExpiresAt = time.Time{}
					return e, err
				}
			}))
			if err != nil {
				t.Error(err)
			}
		})
	}
}

func TestRulesMayShareAKVAndRunAtOnce(t *testing.T) {
	shared := newMapKV(nil)
	t.Run("rules", func(t *testing.T) {
		for _, rule := range kvtest.Rules() {
			t.Run(rule.Name, func(t *testing.T) {
				t.Parallel()
				if err := rule.Check(t.Context(), shared); err != nil {
					t.Error(err)
				}
			})
		}
	})
	for key, e := range shared.entries {
		t.Errorf("an entry was left at %q: %.40q", key, e.Value)
	}
}

// An outage is no proof that a rule is broken, nor that it is kept.
func TestAnOutageIsNotABrokenRule(t *testing.T) {
	down := errors.New("connection refused")
	for _, rule := range kvtest.Rules() {
		if rule.Name != "CompareAndSwap-2-increments" && rule.Name != "KV-3-own-changes" {
			continue
		}
		err := rule.Check(t.Context(), newMapKV(func(m *mapKV) {
			m.swap = func(context.Context, string, *kvstore.Entry, kvstore.Entry) error { return down }
		}))
		if !errors.Is(err, down) || !strings.HasPrefix(err.Error(), "kvtest: not checked: "+rule.Text) {
			t.Errorf("%s: %v", rule.Name, err)
		}
	}
}

func TestAPanicOfTheKVIsNotHeld(t *testing.T) {
	defer func() {
		if r := recover(); r != "a mistake of the KV" {
			t.Errorf("recovered %v", r)
		}
	}()
	for _, rule := range kvtest.Rules() {
		if rule.Name == "Get-1-missing" {
			_ = rule.Check(t.Context(), newMapKV(func(m *mapKV) {
				m.get = func(context.Context, string) (kvstore.Entry, error) { panic("a mistake of the KV") }
			}))
		}
	}
}
