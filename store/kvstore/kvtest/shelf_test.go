package kvtest_test

import (
	"context"
	"errors"
	"path"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
	"unsafe"

	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/kvstore"
	"github.com/cloakroom-go/cloakroom/store/kvstore/kvtest"
)

// A broken KV has one thing wrong with it; breaks names the rules whose checks must see that.
// It may well break more.
type broken struct {
	name   string
	change func(m *mapKV)
	breaks []string
}

var shelf = []broken{
	{"folds the case of keys", keyed(strings.ToLower), []string{"KV-6-every-byte-counts", "KV-6-long"}},
	{"takes keys for paths", keyed(path.Clean), []string{"KV-6-every-byte-counts"}},
	{"keeps 250 bytes of a key", keyed(func(key string) string { return key[:min(len(key), 250)] }), []string{"KV-6-long"}},

	{"returns what has expired", func(m *mapKV) {
		m.get = func(_ context.Context, key string) (kvstore.Entry, error) {
			m.lock.Lock()
			defer m.lock.Unlock()
			if e, ok := m.entries[key]; ok {
				return e, nil
			}
			return kvstore.Entry{}, store.ErrNotFound
		}
	}, []string{"KV-2-by-itself", "Get-1-missing", "CompareAndSwap-2-missing", "CompareAndSwap-4-past"}},
	{"swaps what has expired", func(m *mapKV) {
		m.swap = func(ctx context.Context, key string, old *kvstore.Entry, next kvstore.Entry) error {
			if e, ok := m.entries[key]; ok && old != nil && !m.live(e) && e.Value == old.Value {
				old = nil
			}
			return m.doSwap(ctx, key, old, next)
		}
	}, []string{"KV-2-by-itself", "Get-1-missing", "CompareAndSwap-2-missing"}},
	{"takes what has expired for something", func(m *mapKV) {
		m.swap = func(ctx context.Context, key string, old *kvstore.Entry, next kvstore.Entry) error {
			if _, ok := m.entries[key]; ok && old == nil {
				return store.ErrConflict
			}
			return m.doSwap(ctx, key, old, next)
		}
	}, []string{"CompareAndSwap-1-over-expired", "KV-2-by-itself"}},
	{"leaves out a swap to the same bytes", func(m *mapKV) {
		m.swap = func(ctx context.Context, key string, old *kvstore.Entry, next kvstore.Entry) error {
			if e, live := m.peek(key); live && old != nil && e.Value == old.Value && e.Value == next.Value {
				return nil
			}
			return m.doSwap(ctx, key, old, next)
		}
	}, []string{"KV-2-extended", "Get-1-missing"}},
	{"keeps the first end", func(m *mapKV) {
		m.swap = func(ctx context.Context, key string, old *kvstore.Entry, next kvstore.Entry) error {
			if e, live := m.peek(key); live && next.ExpiresAt.IsZero() {
				next.ExpiresAt = e.ExpiresAt
			}
			return m.doSwap(ctx, key, old, next)
		}
	}, []string{"KV-2-extended"}},
	{"removes by timers that it forgets to stop", func(m *mapKV) {
		m.swap = func(ctx context.Context, key string, old *kvstore.Entry, next kvstore.Entry) error {
			if err := m.doSwap(ctx, key, old, next); err != nil || next.ExpiresAt.IsZero() {
				return err
			}
			time.AfterFunc(time.Until(next.ExpiresAt), func() { _ = m.doRemove(context.Background(), key) })
			return nil
		}
	}, []string{"KV-2-extended"}},
	{"has no entry without end", func(m *mapKV) {
		m.live = func(e kvstore.Entry) bool { return time.Now().Before(e.ExpiresAt) }
	}, []string{"KV-2-without-end"}},
	{"returns an end where there is none", func(m *mapKV) {
		m.keep = func(next kvstore.Entry) kvstore.Entry {
			if next.ExpiresAt.IsZero() {
				next.ExpiresAt = time.Now().Add(100 * 365 * 24 * time.Hour)
			}
			return next
		}
	}, []string{"KV-2-without-end"}},

	{"does not look at contexts", func(m *mapKV) {
		m.get = func(_ context.Context, key string) (kvstore.Entry, error) { return m.doGet(context.Background(), key) }
		m.swap = func(_ context.Context, key string, old *kvstore.Entry, next kvstore.Entry) error {
			return m.doSwap(context.Background(), key, old, next)
		}
	}, []string{"KV-4-ended"}},
	{"looks at contexts too late", func(m *mapKV) {
		m.swap = func(ctx context.Context, key string, old *kvstore.Entry, next kvstore.Entry) error {
			return errors.Join(m.doSwap(context.Background(), key, old, next), ctx.Err())
		}
	}, []string{"KV-4-ended"}},
	{"deletes with an ended context", func(m *mapKV) {
		m.remove = func(ctx context.Context, key string) error {
			return errors.Join(m.doRemove(context.Background(), key), ctx.Err())
		}
	}, []string{"KV-4-ended"}},
	{"words an ended context in its own way", func(m *mapKV) {
		m.get = func(ctx context.Context, key string) (kvstore.Entry, error) {
			time.Sleep(500 * time.Microsecond)
			if e, err := m.doGet(ctx, key); ctx.Err() == nil {
				return e, err
			}
			return kvstore.Entry{}, errors.New("operation was canceled")
		}
	}, []string{"KV-4-ended", "KV-4-cut-short"}},
	{"waits for whatever it has begun", func(m *mapKV) {
		m.swap = func(ctx context.Context, key string, old *kvstore.Entry, next kvstore.Entry) error {
			err := m.doSwap(ctx, key, old, next)
			time.Sleep(time.Minute)
			return err
		}
	}, []string{"KV-4-cut-short"}},
	{"says that it swapped when it was cut short", func(m *mapKV) {
		m.swap = func(ctx context.Context, key string, old *kvstore.Entry, next kvstore.Entry) error {
			time.Sleep(500 * time.Microsecond)
			if ctx.Err() != nil {
				return nil
			}
			return m.doSwap(ctx, key, old, next)
		}
	}, []string{"KV-4-cut-short"}},
	{"swaps half when it is cut short", func(m *mapKV) {
		m.swap = func(ctx context.Context, key string, old *kvstore.Entry, next kvstore.Entry) error {
			if len(next.Value) < 1024 {
				return m.doSwap(ctx, key, old, next)
			}
			half := next
			half.Value = half.Value[:len(half.Value)/2]
			err := m.doSwap(ctx, key, old, half)
			time.Sleep(500 * time.Microsecond)
			if err != nil || ctx.Err() != nil {
				return errors.Join(err, ctx.Err())
			}
			return m.doSwap(ctx, key, &half, next)
		}
	}, []string{"KV-4-cut-short"}},

	{"fails when it is busy", func(m *mapKV) {
		var busy atomic.Int32
		m.swap = func(ctx context.Context, key string, old *kvstore.Entry, next kvstore.Entry) error {
			defer busy.Add(-1)
			if busy.Add(1) > 2 {
				return errors.New("database is locked")
			}
			time.Sleep(time.Microsecond)
			return m.doSwap(ctx, key, old, next)
		}
	}, []string{"KV-1-all-calls-at-once"}},
	{"puts values in two steps", func(m *mapKV) {
		m.swap = func(ctx context.Context, key string, old *kvstore.Entry, next kvstore.Entry) error {
			half := next
			half.Value = half.Value[:len(half.Value)/2]
			if err := m.doSwap(ctx, key, old, half); err != nil {
				return err
			}
			time.Sleep(time.Microsecond)
			return m.doSwap(ctx, key, &half, next)
		}
	}, []string{"KV-1-all-calls-at-once"}},
	{"swaps in the background", func(m *mapKV) {
		m.swap = func(ctx context.Context, key string, old *kvstore.Entry, next kvstore.Entry) error {
			go func() {
				time.Sleep(200 * time.Microsecond)
				_ = m.doSwap(ctx, key, old, next)
			}()
			return nil
		}
	}, []string{"KV-3-own-changes"}},
	{"reads from a replica", func(m *mapKV) {
		m.get = func(ctx context.Context, key string) (kvstore.Entry, error) {
			e, err := m.doGet(ctx, key)
			time.Sleep(100 * time.Microsecond)
			if n := len(e.Value); n == 2 && e.Value[1] > '0' {
				e.Value = e.Value[:1] + "0"
			}
			return e, err
		}
	}, []string{"KV-3-changes-of-others"}},

	{"has an answer of its own for nothing", func(m *mapKV) {
		m.get = func(ctx context.Context, key string) (kvstore.Entry, error) {
			e, err := m.doGet(ctx, key)
			if errors.Is(err, store.ErrNotFound) {
				err = nil
			}
			return e, err
		}
	}, []string{"Get-1-missing", "Delete-2-gone"}},
	{"trims values", kept(strings.TrimSpace), []string{"Get-2-values"}},
	{"ends values at a NUL", kept(func(value string) string { value, _, _ = strings.Cut(value, "\x00"); return value }), []string{"Get-2-values"}},
	{"keeps valid UTF-8", kept(func(value string) string { return strings.ToValidUTF8(value, "?") }), []string{"Get-2-values"}},
	{"keeps 64 KB less one of a value", kept(func(value string) string { return value[:min(len(value), 64<<10-1)] }), []string{"Get-2-values"}},
	{"takes an empty value for nothing", func(m *mapKV) {
		m.live = func(e kvstore.Entry) bool {
			return e.Value != "" && (e.ExpiresAt.IsZero() || time.Now().Before(e.ExpiresAt))
		}
	}, []string{"Get-2-values", "CompareAndSwap-1-exists"}},
	{"returns values that lie in its own memory", func(m *mapKV) {
		page := make([]byte, 128<<10)
		m.get = func(ctx context.Context, key string) (kvstore.Entry, error) {
			e, err := m.doGet(ctx, key)
			n := copy(page, e.Value)
			e.Value = unsafe.String(&page[0], n)
			return e, err
		}
	}, []string{"Get-2-snapshot"}},
	{"rounds the end up to minutes", func(m *mapKV) {
		m.keep = func(next kvstore.Entry) kvstore.Entry {
			next.ExpiresAt = next.ExpiresAt.Truncate(time.Minute).Add(time.Minute)
			return next
		}
	}, []string{"Get-3-expiry"}},
	{"returns another end", func(m *mapKV) {
		m.get = func(ctx context.Context, key string) (kvstore.Entry, error) {
			e, err := m.doGet(ctx, key)
			e.ExpiresAt = e.ExpiresAt.Add(-time.Minute)
			return e, err
		}
	}, []string{"Get-3-expiry"}},

	{"puts where something is", func(m *mapKV) {
		m.swap = func(ctx context.Context, key string, old *kvstore.Entry, next kvstore.Entry) error {
			if e, live := m.peek(key); live && old == nil {
				old = &e
			}
			return m.doSwap(ctx, key, old, next)
		}
	}, []string{"CompareAndSwap-1-exists", "CompareAndSwap-1-crowd", "CompareAndSwap-3-conflicts-change-nothing"}},
	{"looks before it locks", func(m *mapKV) {
		m.swap = func(ctx context.Context, key string, old *kvstore.Entry, next kvstore.Entry) error {
			if e, live := m.peek(key); live != (old != nil) || live && e.Value != old.Value {
				return store.ErrConflict
			}
			time.Sleep(time.Microsecond)
			m.lock.Lock()
			defer m.lock.Unlock()
			m.entries[key] = next
			return nil
		}
	}, []string{"CompareAndSwap-1-crowd", "CompareAndSwap-2-increments", "Delete-2-swaps-under-way"}},
	{"compares revisions only", func(m *mapKV) {
		m.same = func(now, old kvstore.Entry) bool { return now.Revision == old.Revision }
	}, []string{"CompareAndSwap-2-same-value"}},
	{"compares owners too", func(m *mapKV) {
		m.same = func(now, old kvstore.Entry) bool { return now.Value == old.Value && now.Owner == old.Owner }
	}, []string{"CompareAndSwap-2-same-value"}},
	{"takes the revision from next", func(m *mapKV) {
		m.same = func(now, old kvstore.Entry) bool { return now.Value == old.Value && old.Revision <= m.changes }
		m.swap = func(ctx context.Context, key string, old *kvstore.Entry, next kvstore.Entry) error {
			if old != nil && next.Revision != 0 {
				old = &kvstore.Entry{Value: old.Value, Revision: next.Revision}
			}
			return m.doSwap(ctx, key, old, next)
		}
	}, []string{"CompareAndSwap-2-same-value"}},
	{"compares with LIKE", func(m *mapKV) {
		m.same = func(now, old kvstore.Entry) bool {
			prefix, pattern := strings.CutSuffix(old.Value, "%")
			return now.Value == old.Value || pattern && strings.HasPrefix(now.Value, prefix)
		}
	}, []string{"CompareAndSwap-2-other-value"}},
	{"compares nothing", func(m *mapKV) {
		m.same = func(kvstore.Entry, kvstore.Entry) bool { return true }
	}, []string{"CompareAndSwap-2-other-value", "CompareAndSwap-2-increments", "CompareAndSwap-3-conflicts-change-nothing", "CompareAndSwap-4-past"}},
	{"puts what was there", func(m *mapKV) {
		m.swap = func(ctx context.Context, key string, old *kvstore.Entry, next kvstore.Entry) error {
			if _, live := m.peek(key); !live {
				old = nil
			}
			return m.doSwap(ctx, key, old, next)
		}
	}, []string{"CompareAndSwap-2-missing", "Get-1-missing", "Delete-2-gone", "Delete-2-swaps-under-way"}},
	{"says not found where there is nothing to compare", func(m *mapKV) {
		m.swap = func(ctx context.Context, key string, old *kvstore.Entry, next kvstore.Entry) error {
			if _, live := m.peek(key); !live && old != nil {
				return store.ErrNotFound
			}
			return m.doSwap(ctx, key, old, next)
		}
	}, []string{"CompareAndSwap-2-missing", "Delete-2-gone"}},
	{"moves the end before it compares", func(m *mapKV) {
		m.swap = func(ctx context.Context, key string, old *kvstore.Entry, next kvstore.Entry) error {
			if e, live := m.peek(key); live {
				m.lock.Lock()
				e.ExpiresAt = next.ExpiresAt
				m.entries[key] = e
				m.lock.Unlock()
			}
			return m.doSwap(ctx, key, old, next)
		}
	}, []string{"CompareAndSwap-3-conflicts-change-nothing"}},
	{"removes for an end that has come, whatever is there", func(m *mapKV) {
		m.swap = func(ctx context.Context, key string, old *kvstore.Entry, next kvstore.Entry) error {
			if !m.live(next) {
				return m.doRemove(ctx, key)
			}
			return m.doSwap(ctx, key, old, next)
		}
	}, []string{"CompareAndSwap-3-conflicts-change-nothing", "CompareAndSwap-4-past"}},
	{"refuses an end that has come", func(m *mapKV) {
		m.swap = func(ctx context.Context, key string, old *kvstore.Entry, next kvstore.Entry) error {
			if !m.live(next) {
				return errors.New("invalid expire time")
			}
			return m.doSwap(ctx, key, old, next)
		}
	}, []string{"CompareAndSwap-4-past:not checked"}},

	{"misses what it should delete", func(m *mapKV) {
		m.remove = func(ctx context.Context, key string) error {
			if _, live := m.peek(key); !live {
				return store.ErrNotFound
			}
			return m.doRemove(ctx, key)
		}
	}, []string{"Delete-1-missing"}},
	{"deletes all", func(m *mapKV) {
		m.remove = func(context.Context, string) error {
			m.lock.Lock()
			defer m.lock.Unlock()
			clear(m.entries)
			return nil
		}
	}, []string{"Delete-2-gone"}},
	{"deletes in the background", func(m *mapKV) {
		m.remove = func(ctx context.Context, key string) error {
			time.AfterFunc(100*time.Microsecond, func() { _ = m.doRemove(context.Background(), key) })
			return nil
		}
	}, []string{"KV-3-own-changes", "Delete-2-gone", "Delete-2-swaps-under-way"}},
}

// keyed keeps entries at altered keys.
func keyed(f func(string) string) func(*mapKV) {
	return func(m *mapKV) {
		m.get = func(ctx context.Context, key string) (kvstore.Entry, error) { return m.doGet(ctx, f(key)) }
		m.swap = func(ctx context.Context, key string, old *kvstore.Entry, next kvstore.Entry) error {
			return m.doSwap(ctx, f(key), old, next)
		}
		m.remove = func(ctx context.Context, key string) error { return m.doRemove(ctx, f(key)) }
	}
}

// kept alters values before it keeps and compares them.
func kept(f func(string) string) func(*mapKV) {
	return func(m *mapKV) {
		m.keep = func(next kvstore.Entry) kvstore.Entry {
			next.Value = f(next.Value)
			return next
		}
		m.same = func(now, old kvstore.Entry) bool { return now.Value == f(old.Value) }
	}
}

func TestABrokenKVFailsWithTheWordsOfItsRule(t *testing.T) {
	rules := map[string]kvtest.Rule{}
	for _, rule := range kvtest.Rules() {
		rules[rule.Name] = rule
	}
	for _, b := range shelf {
		for _, name := range b.breaks {
			t.Run(b.name+"/"+name, func(t *testing.T) {
				name, how, special := strings.Cut(name, ":")
				if !special {
					how = "broken rule"
				}
				rule, ok := rules[name]
				if !ok {
					t.Fatalf("there is no rule %q", name)
				}
				synctest.Test(t, func(t *testing.T) {
					err := rule.Check(t.Context(), newMapKV(b.change))
					time.Sleep(2 * time.Hour) // what the KV left under way comes to its end
					if err == nil {
						t.Fatal("the examiner saw nothing")
					}
					if want := "kvtest: " + how + ": " + rule.Text + "\n"; !strings.HasPrefix(err.Error(), want) {
						t.Errorf("the words are\n%v\nwant\n%s...", err, want)
					}
					t.Log(err)
				})
			})
		}
	}
}

// A check that no KV fails would say nothing when a KV passes it.
func TestEveryRuleFindsABrokenKV(t *testing.T) {
	var breaks []string
	for _, b := range shelf {
		breaks = append(breaks, b.breaks...)
	}
	for _, rule := range kvtest.Rules() {
		if !slices.Contains(breaks, rule.Name) {
			t.Errorf("no KV on the shelf breaks %s", rule.Name)
		}
	}
}
