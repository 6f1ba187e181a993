package storetest

import (
	"errors"
	"strconv"
	"sync"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
)

var conditionChecks = []check{
	{"Save 3", "holding", func(t *trial) {
		for _, e := range []struct {
			name  string
			conds []store.Condition
		}{
			{"a field that matches", []store.Condition{{Name: "a", Value: "1"}}},
			{"a reserved name that matches", []store.Condition{{Name: "$epoch", Value: "7"}}},
			{"an empty string that matches", []store.Condition{{Name: "empty", Value: `""`}}},
			{"an absent field", []store.Condition{{Name: "b", Absent: true}}},
			{"an absent reserved name", []store.Condition{{Name: "$secret", Absent: true}}},
			{"an absent field, with a Value to ignore", []store.Condition{{Name: "b", Absent: true, Value: "1"}}},
			{"several fields", []store.Condition{{Name: "a", Value: "1"}, {Name: "b", Absent: true}, {Name: "$epoch", Value: "7"}, {Name: "a", Value: "1"}}},
		} {
			key := t.create("u", "a", "1", "$epoch", "7", "empty", `""`)
			want := t.load(key)
			for _, c := range []store.Change{
				{If: e.conds}, // nothing but the condition
				{If: e.conds, Set: fields("c", "3")},
				{If: e.conds, Set: fields("a", "2", "b", "2", "$epoch", "8", "$secret", "1", "empty", "1")}, // held before, not after
			} {
				version, err := t.store.Save(t.ctx, key, c)
				if err != nil {
					t.require(failed(err, "Save if %s, setting %s", e.name, listed(c.Set)))
				}
				if version <= want.Version {
					t.broken("Save if %s, setting %s, returned version %d after %d", e.name, listed(c.Set), version, want.Version)
				}
				want.Version, want.Fields = version, want.Fields.With(c.Set)
				t.holds(key, want, "after a Save if %s, setting %s", e.name, listed(c.Set))
			}
		}
		key := t.create("", "a", "1")
		t.save(key, store.Change{If: []store.Condition{{Name: "a", Value: "1"}}, Unset: []string{"a"}})
		t.holds(key, store.Record{}, "after a Save that removes the field of its condition")
	}},
	{"Save 3", "differing", func(t *trial) {
		key := t.create("u", "a", "1", "$epoch", "7", "empty", `""`)
		want := t.load(key)
		owner := "v"
		for _, e := range []struct {
			name  string
			conds []store.Condition
		}{
			{"another value", []store.Condition{{Name: "a", Value: "2"}}},
			{"no value", []store.Condition{{Name: "a", Value: ""}}},
			{"a longer value", []store.Condition{{Name: "$epoch", Value: "70"}}},
			{"the same number in other bytes", []store.Condition{{Name: "a", Value: "1.0"}}},
			{"another value of a reserved name", []store.Condition{{Name: "$epoch", Value: "8"}}},
			{"a missing field", []store.Condition{{Name: "b", Value: "1"}}},
			{"a missing field with no value", []store.Condition{{Name: "b", Value: ""}}},
			{"a missing field with null", []store.Condition{{Name: "b", Value: "null"}}},
			{"a name in another case", []store.Condition{{Name: "A", Value: "1"}}},
			{"a field that is not absent", []store.Condition{{Name: "a", Absent: true}}},
			{"a field that is not absent, with its value", []store.Condition{{Name: "a", Absent: true, Value: "1"}}},
			{"an empty string that is not absent", []store.Condition{{Name: "empty", Absent: true}}},
			{"a reserved name that is not absent", []store.Condition{{Name: "$epoch", Absent: true}}},
			{"several, of which the first does not hold", []store.Condition{{Name: "a", Value: "2"}, {Name: "$epoch", Value: "7"}}},
			{"several, of which the last does not hold", []store.Condition{{Name: "$epoch", Value: "7"}, {Name: "b", Absent: true}, {Name: "a", Value: "2"}}},
			{"two values of one field", []store.Condition{{Name: "a", Value: "1"}, {Name: "a", Value: "2"}}},
		} {
			for _, c := range []store.Change{
				{}, // nothing but the condition
				{ExpiresAt: later().Add(time.Second)},
				// Would hold after the Change.
				{Set: fields("a", "2", "b", "1", "$epoch", "8", "empty", `""`), Owner: &owner},
				{Unset: []string{"a", "$epoch", "empty"}},
			} {
				c.If = e.conds
				_, err := t.store.Save(t.ctx, key, c)
				t.answer(err, store.ErrConflict, "Save if %s, setting %s and removing %q", e.name, listed(c.Set), c.Unset)
				t.holds(key, want, "after a Save if %s that failed", e.name)
			}
		}
	}},
	{"Save 3", "to-the-byte", func(t *trial) {
		key := t.create("")
		for _, set := range append(oddValues(), []string{text(1<<20 - 2), text(1<<20 - 3)}) {
			for i, value := range set {
				t.save(key, store.Change{Set: fields("v", value)})
				other := set[(i+1)%len(set)]
				_, err := t.store.Save(t.ctx, key, store.Change{If: []store.Condition{{Name: "v", Value: other}}})
				t.answer(err, store.ErrConflict, "Save if the field is %s, and it is %s", short(other), short(value))
				if _, err := t.store.Save(t.ctx, key, store.Change{If: []store.Condition{{Name: "v", Value: value}}}); err != nil {
					t.broken("Save if the field is %s, and it is: the error was %q", short(value), err)
				}
			}
		}
	}},
	{"Save 3", "odd-names", func(t *trial) {
		names := oddNames()
		key := t.create("")
		for _, name := range names {
			if _, err := t.store.Save(t.ctx, key, store.Change{If: []store.Condition{{Name: name, Absent: true}}, Set: fields(name, `"x"`)}); err != nil {
				t.broken("Save if the field %q is absent, and it is: the error was %q", name, err)
			}
			_, err := t.store.Save(t.ctx, key, store.Change{If: []store.Condition{{Name: name, Absent: true}}})
			t.answer(err, store.ErrConflict, "Save if the field %q is absent, and it is not", name)
			if _, err := t.store.Save(t.ctx, key, store.Change{If: []store.Condition{{Name: name, Value: `"x"`}}, Set: fields(name, `"y"`)}); err != nil {
				t.broken("Save if the field %q matches, and it does: the error was %q", name, err)
			}
			_, err = t.store.Save(t.ctx, key, store.Change{If: []store.Condition{{Name: name, Value: `"x"`}}})
			t.answer(err, store.ErrConflict, "Save if the field %q matches, and it does not", name)
		}
	}},
	{"Save 3", "missing-record", func(t *trial) {
		deleted, expired := t.create("", "a", "1"), t.create("", "a", "1")
		t.delete(deleted)
		t.expire(expired)
		for key, what := range map[string]string{t.key(): "a missing", deleted: "a deleted", expired: "an expired"} {
			for _, cond := range []store.Condition{{Name: "a", Value: "1"}, {Name: "a", Value: "2"}, {Name: "a", Absent: true}, {Name: "b", Absent: true}} {
				_, err := t.store.Save(t.ctx, key, store.Change{If: []store.Condition{cond}, Set: fields("a", "3")})
				t.answer(err, store.ErrNotFound, "Save to %s record with a condition", what)
			}
		}
	}},
	{"Save 3", "create", func(t *trial) {
		create := func(cond store.Condition) store.Change {
			c := creation("", "a", "2")
			c.If = []store.Condition{cond}
			return c
		}
		absent := store.Condition{Name: "a", Absent: true}
		key := t.key()
		_, err := t.store.Save(t.ctx, key, create(store.Condition{Name: "a", Value: "2"}))
		t.answer(err, store.ErrConflict, "Create if a field matches, at a free key")
		if _, err := t.store.Save(t.ctx, key, create(absent)); err != nil {
			t.require(failed(err, "Create if a field is absent, at a free key"))
		}
		_, err = t.store.Save(t.ctx, key, create(absent))
		t.answer(err, store.ErrExists, "Create over a live record with a condition that does not hold")
		t.expire(key)
		_, err = t.store.Save(t.ctx, key, create(store.Condition{Name: "a", Value: "2"}))
		t.answer(err, store.ErrConflict, "Create if a field matches, where the record that had it has expired")
		if _, err := t.store.Save(t.ctx, key, create(absent)); err != nil {
			t.require(failed(err, "Create if a field is absent, where the record that had it has expired"))
		}
		t.holds(key, store.Record{Fields: fields("a", "2")}, "after a Create with a condition")
	}},
	{"Save 3", "increments", func(t *trial) {
		key := t.create("", "other", "0")
		var all sync.WaitGroup
		all.Add(crowd)
		t.require(together(crowd, func(int) error {
			// All of them load before any of them saves, so at first only one can win.
			return t.increment(key, crowd, func() {
				all.Done()
				all.Wait()
			})
		}))
		t.holds(key, store.Record{Fields: fields("n", number(crowd), "other", "0")}, "after %d increments, each if the field is what was loaded", crowd)
	}},
	{"Save 3", "writers-of-other-fields", func(t *trial) {
		key := t.create("")
		// One counts alone, so none of its conditions may fail.
		t.require(together(8, func(i int) error {
			for n := range 30 {
				if i == 0 {
					if err := t.increment(key, 1, func() {}); err != nil {
						return err
					}
				} else if _, err := t.store.Save(t.ctx, key, store.Change{Set: fields("f"+number(i), number(n))}); err != nil {
					return failed(err, "Save without a condition, with writers of other fields")
				}
			}
			return nil
		}))
		if n, _ := t.load(key).Fields.Get("n"); n != "30" {
			t.broken("after 30 increments beside writers of other fields the counter is %s", n)
		}
	}},
}

// increment adds one to the field n while at most so many callers do the same once.
// Each conflict means that one of them was faster, so there are fewer than callers. It
// calls loaded after its first Load.
func (t *trial) increment(key string, callers int, loaded func()) error {
	for try := range callers {
		rec, err := t.store.Load(t.ctx, key)
		if try == 0 {
			loaded()
		}
		if err != nil {
			return failed(err, "Load of a live record")
		}
		value, ok := rec.Fields.Get("n")
		n, _ := strconv.Atoi(value)
		_, err = t.store.Save(t.ctx, key, store.Change{
			If:   []store.Condition{{Name: "n", Value: value, Absent: !ok}},
			Base: &rec,
			Set:  fields("n", number(n+1)),
		})
		if err == nil {
			return nil
		}
		if !errors.Is(err, store.ErrConflict) {
			return failed(err, "Save if a field is what was loaded")
		}
	}
	return seen("%d times ErrConflict for a condition on a field that was altered at most %d times meanwhile", callers, callers-1)
}

// listed names fields in words.
func listed(f store.Fields) string {
	if f.Len() == 0 {
		return "nothing"
	}
	doc, _ := f.MarshalJSON() // never fails
	return string(doc)
}
