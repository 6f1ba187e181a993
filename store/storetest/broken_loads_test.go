package storetest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"iter"
	"maps"
	"strings"
	"time"
	"unsafe"

	"github.com/cloakroom-go/cloakroom/store"
)

type seq = iter.Seq2[string, error]

var brokenLoads = []broken{
	{"has no error for a missing record", alter(func(a *altered) {
		a.load = func(ctx context.Context, key string) (store.Record, error) {
			rec, err := a.mapStore.Load(ctx, key)
			if errors.Is(err, store.ErrNotFound) {
				err = nil
			}
			return rec, err
		}
		a.loadFields = func(ctx context.Context, key string, names ...string) (store.Record, error) {
			rec, err := a.load(ctx, key)
			rec.Fields = rec.Fields.Pick(names...)
			return rec, err
		}
	}), []string{"Load-1-missing", "Delete-2-gone", "LoadFields-3-errors"}},
	{"has an error of its own for a missing record", alter(func(a *altered) {
		a.load = func(ctx context.Context, key string) (store.Record, error) {
			rec, err := a.mapStore.Load(ctx, key)
			if errors.Is(err, store.ErrNotFound) {
				err = errors.New("no rows")
			}
			return rec, err
		}
	}), []string{"Load-1-missing"}},
	{"writes over records that were returned", alter(func(a *altered) {
		a.edit = func(rec store.Record, live bool, c store.Change) (store.Record, error) {
			after, err := store.Apply(rec, live, c)
			if err != nil || !live {
				return after, err
			}
			for name, value := range c.Set.All() {
				if old, _ := rec.Fields.Get(name); len(old) == len(value) {
					copy(unsafe.Slice(unsafe.StringData(old), len(old)), value)
				}
			}
			return after, nil
		}
	}), []string{"Load-4-snapshot"}},
	{"reads through a cache", alter(func(a *altered) {
		type entry struct {
			rec store.Record
			at  time.Time
		}
		lock, cache := make(mutex, 1), map[string]entry{}
		a.load = func(ctx context.Context, key string) (store.Record, error) {
			lock.Lock()
			defer lock.Unlock()
			if e, ok := cache[key]; ok && time.Since(e.at) < time.Second {
				return e.rec, nil
			}
			rec, err := a.mapStore.Load(ctx, key)
			if err == nil {
				cache[key] = entry{rec, time.Now()}
			}
			return rec, err
		}
	}), []string{"Load-5-own-saves", "Load-5-saves-of-others", "Delete-2-gone"}},

	{"loads fields without their owner", alter(func(a *altered) {
		a.loadFields = func(ctx context.Context, key string, names ...string) (store.Record, error) {
			rec, err := a.mapStore.LoadFields(ctx, key, names...)
			rec.Owner = ""
			return rec, err
		}
	}), []string{"LoadFields-1-head"}},
	{"loads fields and head one after the other", alter(func(a *altered) {
		a.loadFields = func(ctx context.Context, key string, names ...string) (store.Record, error) {
			rec, err := a.mapStore.LoadFields(ctx, key, names...)
			if err != nil {
				return rec, err
			}
			time.Sleep(time.Millisecond)
			head, err := a.mapStore.Load(ctx, key)
			head.Fields = rec.Fields
			return head, err
		}
	}), []string{"LoadFields-1-one-step"}},
	{"loads null for a missing field", alter(func(a *altered) {
		a.loadFields = func(ctx context.Context, key string, names ...string) (store.Record, error) {
			rec, err := a.mapStore.LoadFields(ctx, key, names...)
			for _, name := range names {
				if _, ok := rec.Fields.Get(name); !ok && err == nil {
					rec.Fields = rec.Fields.With(fieldsOf(map[string]string{name: "null"}))
				}
			}
			return rec, err
		}
	}), []string{"LoadFields-2-names"}},
	{"refuses a name given twice", alter(func(a *altered) {
		a.loadFields = func(ctx context.Context, key string, names ...string) (store.Record, error) {
			seen := map[string]bool{}
			for _, name := range names {
				if seen[name] {
					return store.Record{}, errors.New("duplicate column")
				}
				seen[name] = true
			}
			return a.mapStore.LoadFields(ctx, key, names...)
		}
	}), []string{"LoadFields-2-names"}},
	{"takes the names to load for patterns", alter(func(a *altered) {
		a.loadFields = func(ctx context.Context, key string, names ...string) (store.Record, error) {
			rec, err := a.mapStore.Load(ctx, key)
			kept := map[string]string{}
			for name, value := range rec.Fields.All() {
				for _, pattern := range names {
					if prefix, ok := strings.CutSuffix(pattern, "*"); name == pattern || ok && strings.HasPrefix(name, prefix) {
						kept[name] = value
					}
				}
			}
			rec.Fields = fieldsOf(kept)
			return rec, err
		}
	}), []string{"LoadFields-2-names"}},
	{"is down for a Ping", alter(func(a *altered) {
		a.ping = func(context.Context) error { return errors.New("not reachable") }
	}), []string{"Ping-answers"}},
}

var brokenContent = []broken{
	{"compacts values", fieldwise(func(name, value string) (string, string) {
		var b bytes.Buffer
		_ = json.Compact(&b, []byte(value))
		return name, b.String()
	}), []string{"Load-3-values", "Save-3-to-the-byte"}},
	{"reads values and writes them anew", fieldwise(func(name, value string) (string, string) {
		var v any
		if err := json.Unmarshal([]byte(value), &v); err != nil {
			return name, value
		}
		doc, _ := json.Marshal(v)
		return name, string(doc)
	}), []string{"Load-3-values", "Save-3-to-the-byte"}},
	{"replaces half surrogate pairs", fieldwise(func(name, value string) (string, string) {
		return name, strings.ReplaceAll(value, `\ud800`, `\ufffd`)
	}), []string{"Load-3-values", "Save-3-to-the-byte"}},
	{"drops NUL escapes", fieldwise(func(name, value string) (string, string) {
		return name, strings.ReplaceAll(value, `\u0000`, "")
	}), []string{"Load-3-values", "Save-3-to-the-byte"}},
	{"refuses values with NUL escapes", refusing(func(_ string, c store.Change) error {
		for _, value := range c.Set.All() {
			if strings.Contains(value, `\u0000`) {
				return errors.New("unsupported Unicode escape sequence")
			}
		}
		return nil
	}), []string{"Load-3-values"}},
	{"folds the case of names", fieldwise(func(name, value string) (string, string) { return strings.ToLower(name), value }), []string{"Load-3-names"}},
	{"replaces dots in names", fieldwise(func(name, value string) (string, string) { return strings.ReplaceAll(name, ".", "_"), value }), []string{"Load-3-names"}},
	{"drops reserved names", result(func(_ store.Record, _ store.Change, after *store.Record) {
		var reserved []string
		for name := range after.Fields.All() {
			if strings.HasPrefix(name, "$") {
				reserved = append(reserved, name)
			}
		}
		after.Fields = after.Fields.With(store.Fields{}, reserved...)
	}), []string{"Load-3-names", "Save-3-holding", "Save-4-unnamed-stay"}},
	{"keeps 255 bytes of a name", fieldwise(func(name, value string) (string, string) {
		return strings.ToValidUTF8(name[:min(len(name), 255)], ""), value
	}), []string{"Load-3-names"}},
	{"refuses a NUL in a name", refusing(func(_ string, c store.Change) error {
		for name := range c.Set.All() {
			if strings.Contains(name, "\x00") {
				return errors.New("invalid byte sequence")
			}
		}
		return nil
	}), []string{"Load-3-names", "Save-3-odd-names"}},
	{"takes a record without fields for none", alter(func(a *altered) {
		a.load = func(ctx context.Context, key string) (store.Record, error) {
			rec, err := a.mapStore.Load(ctx, key)
			if err == nil && rec.Fields.Len() == 0 {
				return store.Record{}, store.ErrNotFound
			}
			return rec, err
		}
	}), []string{"Load-3-empty"}},
	{"drops empty strings", result(func(_ store.Record, _ store.Change, after *store.Record) {
		kept := maps.Collect(after.Fields.All())
		maps.DeleteFunc(kept, func(_, value string) bool { return value == `""` })
		after.Fields = fieldsOf(kept)
	}), []string{"Load-3-values"}},
	{"has values of at most 64 KB", refusing(func(_ string, c store.Change) error {
		for _, value := range c.Set.All() {
			if len(value) > 64<<10 {
				return errors.New("data too long")
			}
		}
		return nil
	}), []string{"Load-3-large"}},
	{"has at most 1000 fields", result(func(_ store.Record, _ store.Change, after *store.Record) {
		for n := 0; after.Fields.Len() > 1000; n++ {
			for name := range after.Fields.All() {
				after.Fields = after.Fields.With(store.Fields{}, name)
				break
			}
		}
	}), []string{"Load-3-large"}},
	{"trims owners", result(func(_ store.Record, _ store.Change, after *store.Record) {
		after.Owner = strings.TrimSpace(after.Owner)
	}), []string{"Load-3-owners", "ListOwner-live-records"}},
	{"folds the case of owners", result(func(_ store.Record, _ store.Change, after *store.Record) {
		after.Owner = strings.ToLower(after.Owner)
	}), []string{"Load-3-owners"}},
	{"keeps seconds", result(func(_ store.Record, _ store.Change, after *store.Record) {
		after.ExpiresAt = after.ExpiresAt.Truncate(time.Second)
	}), []string{"Load-3-expiry"}},
	{"rounds up to milliseconds", result(func(_ store.Record, _ store.Change, after *store.Record) {
		after.ExpiresAt = after.ExpiresAt.Add(time.Millisecond - time.Nanosecond)
	}), []string{"Load-3-expiry"}},
	{"keeps 32 bits of seconds", result(func(_ store.Record, _ store.Change, after *store.Record) {
		if after.ExpiresAt.Unix() > 1<<31-1 {
			after.ExpiresAt = time.Unix(1<<31-1, 0)
		}
	}), []string{"Load-3-expiry"}},
	{"keeps the wall clock of a time zone", result(func(_ store.Record, _ store.Change, after *store.Record) {
		end := after.ExpiresAt
		after.ExpiresAt = time.Date(end.Year(), end.Month(), end.Day(), end.Hour(), end.Minute(), end.Second(), end.Nanosecond(), time.UTC)
	}), []string{"Load-3-expiry"}},
}
