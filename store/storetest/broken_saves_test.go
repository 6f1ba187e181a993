package storetest_test

import (
	"context"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
)

func pause() { time.Sleep(time.Millisecond) }

var brokenSaves = []broken{
	{"saves in two steps", alter(func(a *altered) {
		a.save = func(ctx context.Context, key string, c store.Change) (uint64, error) {
			if c.Create || c.Owner == nil {
				return a.mapStore.Save(ctx, key, c)
			}
			first := c
			first.Set, first.Unset = store.Fields{}, nil
			if _, err := a.mapStore.Save(ctx, key, first); err != nil {
				return 0, err
			}
			pause()
			return a.mapStore.Save(ctx, key, store.Change{Set: c.Set, Unset: c.Unset})
		}
	}), []string{"Save-one-step"}},
	{"has an expiry of its own for a Create without", changing(func(_ store.Record, _ bool, c *store.Change) {
		if c.Create && c.ExpiresAt.IsZero() {
			c.ExpiresAt = time.Now().Add(time.Hour)
		}
	}), []string{"Save-malformed"}},
	{"takes any owner", editing(func(rec store.Record, live bool, c store.Change) (store.Record, error) {
		owner := c.Owner
		c.Owner = nil
		after, err := store.Apply(rec, live, c)
		if owner != nil {
			after.Owner = *owner
		}
		return after, err
	}), []string{"Save-malformed"}},
	{"calls a malformed Change a conflict", editing(func(rec store.Record, live bool, c store.Change) (store.Record, error) {
		if c.Owner != nil && len(*c.Owner) > 256 {
			return rec, store.ErrConflict
		}
		return store.Apply(rec, live, c)
	}), []string{"Save-malformed"}},

	{"creates when there is nothing to edit", changing(func(_ store.Record, live bool, c *store.Change) {
		if !live {
			c.Create = true
			if c.ExpiresAt.IsZero() {
				c.ExpiresAt = time.Now().Add(time.Hour)
			}
		}
	}), []string{"Save-1-missing", "Save-1-deleted", "Save-1-expired", "Delete-2-gone", "Delete-2-saves-under-way", "Save-7-of-an-ended-record"}},
	{"revives a deleted record from Base", changing(func(_ store.Record, live bool, c *store.Change) {
		if !live && c.Base != nil {
			c.Create, c.Set = true, c.Base.Fields.With(c.Set, c.Unset...)
		}
	}), []string{"Save-1-deleted"}},
	{"revives an expired record by a touch", editing(func(rec store.Record, live bool, c store.Change) (store.Record, error) {
		touch := rec.Version != 0 && !c.ExpiresAt.IsZero() && !c.Create
		return store.Apply(rec, live || touch, c)
	}), []string{"Save-1-expired", "Store-3-past-expiry"}},

	{"creates over live records", editing(func(rec store.Record, live bool, c store.Change) (store.Record, error) {
		return store.Apply(rec, live && !c.Create, c)
	}), []string{"Save-2-exists", "Save-2-crowd", "Save-9-answers"}},
	{"creates over what has expired as an edit", editing(func(rec store.Record, live bool, c store.Change) (store.Record, error) {
		if c.Create && !live && rec.Version != 0 {
			c.Create, live = false, true
		}
		return store.Apply(rec, live, c)
	}), []string{"Save-2-over-expired"}},
	{"checks first and writes later", alter(func(a *altered) {
		a.save = func(ctx context.Context, key string, c store.Change) (uint64, error) {
			if err := ctx.Err(); err != nil {
				return 0, err
			}
			return a.apply(key, c, pause)
		}
	}), []string{
		"Save-2-crowd", "Save-3-increments", "Save-4-crowd", "Save-6-crowd", "Save-7-crowd", "Delete-2-saves-under-way",
	}},

	{"sets first and unsets then", result(func(_ store.Record, c store.Change, after *store.Record) {
		after.Fields = after.Fields.With(store.Fields{}, c.Unset...)
	}), []string{"Save-4-unset-first"}},
	{"never unsets", changing(func(_ store.Record, _ bool, c *store.Change) { c.Unset = nil }), []string{"Save-4-unset-first", "Save-4-unnamed-stay", "Save-4-crowd", "Save-one-step"}},
	{"replaces the whole record", result(func(_ store.Record, c store.Change, after *store.Record) {
		if c.Set.Len() > 0 {
			after.Fields = c.Set
		}
	}), []string{"Save-4-unnamed-stay", "Save-4-crowd"}},
	{"merges values that are objects", result(func(before store.Record, c store.Change, after *store.Record) {
		for name, value := range c.Set.All() {
			if old, ok := before.Fields.Get(name); ok && strings.HasPrefix(value, "{") {
				after.Fields = after.Fields.With(fieldsOf(map[string]string{name: old}))
			}
		}
	}), []string{"Save-4-unnamed-stay"}},

	{"forgets the owner", result(func(_ store.Record, c store.Change, after *store.Record) {
		if c.Owner == nil {
			after.Owner = ""
		}
	}), []string{"Save-5-owner"}},
	{"takes an owner that is empty for none given", changing(func(_ store.Record, _ bool, c *store.Change) {
		if c.Owner != nil && *c.Owner == "" {
			c.Owner = nil
		}
	}), []string{"Save-5-owner"}},
	{"slides the expiry with each Save", result(func(_ store.Record, c store.Change, after *store.Record) {
		if c.ExpiresAt.IsZero() {
			after.ExpiresAt = time.Now().Add(time.Hour)
		}
	}), []string{"Save-5-expiry"}},
	{"only ever extends", result(func(before store.Record, c store.Change, after *store.Record) {
		if !c.Create && after.ExpiresAt.Before(before.ExpiresAt) && after.ExpiresAt.After(time.Now()) {
			after.ExpiresAt = before.ExpiresAt
		}
	}), []string{"Save-5-expiry"}},
	{"takes the beginning of 1970 for no expiry", result(func(_ store.Record, _ store.Change, after *store.Record) {
		if after.ExpiresAt.UnixMilli() == 0 {
			after.ExpiresAt = time.Now().Add(time.Hour)
		}
	}), []string{"Save-5-past"}},

	{"keeps Changes and applies them when asked", lazy, []string{"Save-8-callers-memory"}},
}

// lazy keeps the last Change of a record and applies it with the next call.
var lazy = alter(func(a *altered) {
	pending := map[string]store.Change{}
	settle := func(ctx context.Context, key string) {
		if c, ok := pending[key]; ok {
			delete(pending, key)
			_, _ = a.mapStore.Save(ctx, key, c)
		}
	}
	a.load = func(ctx context.Context, key string) (store.Record, error) {
		settle(ctx, key)
		return a.mapStore.Load(ctx, key)
	}
	a.save = func(ctx context.Context, key string, c store.Change) (uint64, error) {
		settle(ctx, key)
		rec, live := a.peek(key)
		rec, err := store.Apply(rec, live, c)
		if err == nil {
			pending[key] = c
		}
		return rec.Version, err
	}
})

var brokenConditions = []broken{
	{"ignores conditions", conditioned(func(store.Record, store.Condition) bool { return true }), []string{
		"Save-3-differing", "Save-3-to-the-byte", "Save-3-odd-names", "Save-3-create", "Save-3-increments", "Save-9-answers",
	}},
	{"knows no absent fields", conditioned(func(rec store.Record, cond store.Condition) bool {
		value, _ := rec.Fields.Get(cond.Name)
		return value == cond.Value
	}), []string{"Save-3-holding", "Save-3-differing"}},
	{"looks at the Value of an absent field", conditioned(func(rec store.Record, cond store.Condition) bool {
		value, ok := rec.Fields.Get(cond.Name)
		return ok != cond.Absent && value == cond.Value
	}), []string{"Save-3-holding"}},
	{"takes a field that exists for absent when it is empty", conditioned(func(rec store.Record, cond store.Condition) bool {
		value, _ := rec.Fields.Get(cond.Name)
		return cond.Holds(rec.Fields) || cond.Absent && value == `""`
	}), []string{"Save-3-differing"}},
	{"looks at the first condition only", changing(func(_ store.Record, _ bool, c *store.Change) { c.If = c.If[:min(len(c.If), 1)] }), []string{"Save-3-differing", "Save-9-answers"}},
	{"is content when one condition holds", editing(func(rec store.Record, live bool, c store.Change) (store.Record, error) {
		for _, cond := range c.If {
			if cond.Holds(rec.Fields) {
				c.If = nil
				break
			}
		}
		return store.Apply(rec, live, c)
	}), []string{"Save-3-differing"}},
	{"ignores conditions on reserved names", conditioned(func(rec store.Record, cond store.Condition) bool {
		return strings.HasPrefix(cond.Name, "$") || cond.Holds(rec.Fields)
	}), []string{"Save-3-differing", "Save-3-odd-names"}},
	{"ignores conditions when there is nothing else", changing(func(_ store.Record, _ bool, c *store.Change) {
		if c.Set.Len() == 0 && len(c.Unset) == 0 && c.Owner == nil && c.ExpiresAt.IsZero() {
			c.If = nil
		}
	}), []string{"Save-3-differing"}},
	{"looks at conditions after the Change", editing(func(rec store.Record, live bool, c store.Change) (store.Record, error) {
		after, err := store.Apply(rec, live, store.Change{Create: c.Create, Set: c.Set, Unset: c.Unset, Owner: c.Owner, ExpiresAt: c.ExpiresAt})
		for _, cond := range c.If {
			if err == nil && !cond.Holds(after.Fields) {
				return rec, store.ErrConflict
			}
		}
		return after, err
	}), []string{"Save-3-holding", "Save-3-differing", "Save-3-increments"}},
	{"compares what values mean", conditioned(func(rec store.Record, cond store.Condition) bool {
		var a, b any
		value, ok := rec.Fields.Get(cond.Name)
		if cond.Absent || !ok || json.Unmarshal([]byte(value), &a) != nil || json.Unmarshal([]byte(cond.Value), &b) != nil {
			return cond.Holds(rec.Fields)
		}
		return reflect.DeepEqual(a, b)
	}), []string{"Save-3-differing", "Save-3-to-the-byte"}},
	{"takes names in conditions for paths", conditioned(func(rec store.Record, cond store.Condition) bool {
		cond.Name, _, _ = strings.Cut(cond.Name, ".")
		return cond.Name != "" && cond.Holds(rec.Fields)
	}), []string{"Save-3-odd-names"}},
	{"has a conflict where nothing is", editing(func(rec store.Record, live bool, c store.Change) (store.Record, error) {
		for _, cond := range c.If {
			if !live && !c.Create && !cond.Holds(rec.Fields) {
				return rec, store.ErrConflict
			}
		}
		return store.Apply(rec, live, c)
	}), []string{"Save-3-missing-record"}},
	{"ignores conditions of a Create", changing(func(_ store.Record, _ bool, c *store.Change) {
		if c.Create {
			c.If = nil
		}
	}), []string{"Save-3-create"}},
	{"holds a Create to what has expired", editing(func(rec store.Record, live bool, c store.Change) (store.Record, error) {
		for _, cond := range c.If {
			if c.Create && !live && !cond.Holds(rec.Fields) {
				return rec, store.ErrConflict
			}
		}
		return store.Apply(rec, live, c)
	}), []string{"Save-3-create"}},
	{"has a conflict when anybody has written", alter(func(a *altered) {
		a.save = func(ctx context.Context, key string, c store.Change) (uint64, error) {
			before, _ := a.peek(key)
			pause()
			if now, _ := a.peek(key); now.Version != before.Version {
				return 0, store.ErrConflict
			}
			return a.mapStore.Save(ctx, key, c)
		}
	}), []string{"Save-3-writers-of-other-fields", "Save-4-crowd", "Save-6-crowd"}},
	{"has a conflict when a condition meets any later version", editing(func(rec store.Record, live bool, c store.Change) (store.Record, error) {
		if live && len(c.If) > 0 && c.Base != nil && c.Base.Version != rec.Version {
			return rec, store.ErrConflict
		}
		return store.Apply(rec, live, c)
	}), []string{"Save-7-stale"}},
	{"lands half of what conflicts", alter(func(a *altered) {
		a.save = func(ctx context.Context, key string, c store.Change) (uint64, error) {
			version, err := a.mapStore.Save(ctx, key, c)
			if rec, live := a.peek(key); errors.Is(err, store.ErrConflict) && live && c.Owner != nil {
				rec.Owner = *c.Owner
				a.put(key, rec)
			}
			return version, err
		}
	}), []string{"Save-9-answers", "Save-3-differing", "ListOwner-2-moved-and-ended"}},
	{"counts what conflicts as a version", alter(func(a *altered) {
		a.save = func(ctx context.Context, key string, c store.Change) (uint64, error) {
			version, err := a.mapStore.Save(ctx, key, c)
			if rec, live := a.peek(key); errors.Is(err, store.ErrConflict) && live {
				rec.Version++
				a.put(key, rec)
			}
			return version, err
		}
	}), []string{"Save-9-answers", "Save-3-differing"}},
	{"leaves an empty record where nothing was found", alter(func(a *altered) {
		a.save = func(ctx context.Context, key string, c store.Change) (uint64, error) {
			version, err := a.mapStore.Save(ctx, key, c)
			if errors.Is(err, store.ErrNotFound) && len(c.Unset) > 0 {
				a.put(key, store.Record{Version: 1, ExpiresAt: time.Now().Add(time.Hour)})
			}
			return version, err
		}
	}), []string{"Save-9-answers", "Save-1-missing"}},
}

var brokenVersions = []broken{
	{"has version 0", result(func(_ store.Record, _ store.Change, after *store.Record) { after.Version = 0 }), []string{"Save-6-grows"}},
	{"has one version", result(func(_ store.Record, _ store.Change, after *store.Record) { after.Version = 1 }), []string{"Save-6-grows", "Save-6-crowd", "Save-6-after-delete"}},
	{"raises the version when fields change only", result(func(before store.Record, c store.Change, after *store.Record) {
		if !c.Create && after.Fields == before.Fields {
			after.Version = before.Version
		}
	}), []string{"Save-6-grows", "Save-3-holding"}},
	{"returns the version before", alter(func(a *altered) {
		a.save = func(ctx context.Context, key string, c store.Change) (uint64, error) {
			version, err := a.mapStore.Save(ctx, key, c)
			return version - 1, err
		}
	}), []string{"Save-6-grows", "Load-5-own-saves"}},
	{"begins at version 1", result(func(_ store.Record, c store.Change, after *store.Record) {
		if c.Create {
			after.Version = 1
		}
	}), []string{"Save-6-after-delete", "Save-6-after-expiry", "Save-6-after-sweep"}},
	{"goes on from an expired record, else at version 1", result(func(before store.Record, c store.Change, after *store.Record) {
		if c.Create {
			after.Version = before.Version + 1
		}
	}), []string{"Save-6-after-sweep", "Save-6-after-delete"}},
}

var brokenBases = []broken{
	{"takes Base for the record", editing(func(rec store.Record, live bool, c store.Change) (store.Record, error) {
		if c.Base != nil && live && !c.Create {
			version := rec.Version
			rec = *c.Base
			rec.Version = version
		}
		return store.Apply(rec, live, c)
	}), []string{"Save-7-stale", "Save-7-foreign", "Save-7-of-an-ended-record", "Save-7-crowd", "Save-4-crowd"}},
	{"judges conditions by Base", editing(func(rec store.Record, live bool, c store.Change) (store.Record, error) {
		if c.Base != nil {
			for _, cond := range c.If {
				if !cond.Holds(c.Base.Fields) {
					return rec, store.ErrConflict
				}
			}
			c.If = nil
		}
		return store.Apply(rec, live, c)
	}), []string{"Save-7-stale", "Save-7-foreign"}},
	{"skips conditions when Base is the record", changing(func(rec store.Record, _ bool, c *store.Change) {
		if c.Base != nil && c.Base.Version == rec.Version {
			c.If = nil
		}
	}), []string{"Save-7-right"}},
	{"has a conflict when Base is not the record", editing(func(rec store.Record, live bool, c store.Change) (store.Record, error) {
		if live && c.Base != nil && c.Base.Version != rec.Version {
			return rec, store.ErrConflict
		}
		return store.Apply(rec, live, c)
	}), []string{"Save-7-stale", "Save-7-foreign", "Save-7-crowd"}},
	{"judges life by Base", editing(func(rec store.Record, live bool, c store.Change) (store.Record, error) {
		if c.Base != nil && !c.Base.ExpiresAt.IsZero() {
			live = live && time.Now().Before(c.Base.ExpiresAt)
		}
		return store.Apply(rec, live, c)
	}), []string{"Save-7-foreign"}},
	{"takes a Base of the same version for life", editing(func(rec store.Record, live bool, c store.Change) (store.Record, error) {
		live = live || c.Base != nil && !c.Create && rec.Version != 0 && c.Base.Version == rec.Version
		return store.Apply(rec, live, c)
	}), []string{"Save-7-expired-by-itself"}},
	{"creates from Base", result(func(_ store.Record, c store.Change, after *store.Record) {
		if c.Create && c.Base != nil {
			after.Fields = c.Base.Fields.With(c.Set)
		}
	}), []string{"Save-7-create"}},
	{"raises the version of Base", result(func(_ store.Record, c store.Change, after *store.Record) {
		if c.Base != nil && !c.Create {
			after.Version = c.Base.Version + 1
		}
	}), []string{"Save-7-stale", "Save-7-foreign"}},
}

var brokenDeletes = []broken{
	{"has an error for deleting nothing", alter(func(a *altered) {
		a.remove = func(ctx context.Context, key string) error {
			if _, live := a.peek(key); !live {
				return store.ErrNotFound
			}
			return a.mapStore.Delete(ctx, key)
		}
	}), []string{"Delete-1-missing"}},
	{"has an outage for deleting nothing", alter(func(a *altered) {
		a.remove = func(ctx context.Context, key string) error {
			if _, live := a.peek(key); !live {
				return errors.New("no rows affected")
			}
			return a.mapStore.Delete(ctx, key)
		}
	}), []string{"Delete-1-missing"}},
	{"deletes in a moment", alter(func(a *altered) {
		a.remove = func(ctx context.Context, key string) error {
			go func() {
				pause()
				_ = a.mapStore.Delete(context.WithoutCancel(ctx), key)
			}()
			return nil
		}
	}), []string{"Delete-2-gone", "Delete-2-saves-under-way", "Load-1-missing"}},
	{"hides deleted records from Load only", alter(func(a *altered) {
		lock, hidden := make(mutex, 1), map[string]bool{}
		a.remove = func(_ context.Context, key string) error {
			lock.Lock()
			defer lock.Unlock()
			hidden[key] = true
			return nil
		}
		a.load = func(ctx context.Context, key string) (store.Record, error) {
			lock.Lock()
			defer lock.Unlock()
			if hidden[key] {
				return store.Record{}, store.ErrNotFound
			}
			return a.mapStore.Load(ctx, key)
		}
	}), []string{"Delete-2-gone", "Save-1-deleted", "Delete-2-saves-under-way"}},
}
