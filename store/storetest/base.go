package storetest

import (
	"time"

	"github.com/cloakroom-go/cloakroom/store"
)

var baseChecks = []check{
	{"Save 7", "right", func(t *trial) {
		key := t.create("u", "a", "1")
		for n := range 5 {
			base := t.load(key)
			want := base
			want.Fields = base.Fields.With(fields("n", number(n)))
			want.Version = t.save(key, store.Change{Base: &base, Set: fields("n", number(n))})
			t.holds(key, want, "after a Save with the record as it is for a Base")
			_, err := t.store.Save(t.ctx, key, store.Change{Base: &want, If: []store.Condition{{Name: "a", Value: "2"}}})
			t.answer(err, store.ErrConflict, "Save with the record as it is for a Base and a condition that does not hold")
		}
	}},
	{"Save 7", "stale", func(t *trial) {
		key := t.create("u", "a", "1", "b", "1", "gone", "1")
		stale := t.load(key)
		owner, end := "v", later().Add(time.Hour)
		t.save(key, store.Change{Set: fields("b", "2", "new", "2"), Unset: []string{"gone"}, Owner: &owner, ExpiresAt: end})
		t.baseIsAHint(key, stale, "stale")
	}},
	{"Save 7", "foreign", func(t *trial) {
		foreign := t.load(t.create("other", "a", "8", "b", "8", "foreign", "8"))
		key := t.create("u", "a", "1", "b", "2", "new", "2")
		t.baseIsAHint(key, foreign, "another record's")
		for name, alter := range map[string]func(rec *store.Record){
			"empty":                  func(rec *store.Record) { *rec = store.Record{} },
			"from version 1":         func(rec *store.Record) { rec.Version = 1 },
			"from a version to come": func(rec *store.Record) { rec.Version = t.load(key).Version + 1<<40 },
			"expired":                func(rec *store.Record) { rec.ExpiresAt = past() },
		} {
			base := foreign
			alter(&base)
			t.baseIsAHint(key, base, name)
		}
	}},
	{"Save 7", "of-an-ended-record", func(t *trial) {
		for how, end := range map[string]func(string){"deleted": t.delete, "expired": t.expire} {
			key := t.create("other", "a", "8", "b", "8", "foreign", "8")
			base := t.load(key)
			time.Sleep(blink)
			end(key)
			_, err := t.store.Save(t.ctx, key, store.Change{Base: &base, Set: fields("a", "1")})
			t.answer(err, store.ErrNotFound, "Save with a Base that was loaded before the record was %s", how)
			_, err = t.store.Load(t.ctx, key)
			t.answer(err, store.ErrNotFound, "Load of a record that was %s, after a Save with a Base from before", how)
			t.createAt(key, "u", "a", "1", "b", "2", "new", "2")
			t.baseIsAHint(key, base, "that of a record that was "+how)
		}
	}},
	{"Save 7", "expired-by-itself", func(t *trial) {
		// Its version is that of Base to the end, and still it is gone.
		key, end := t.key(), time.Now().Add(200*time.Millisecond).Truncate(time.Millisecond)
		base := store.Record{Fields: fields("a", "1"), ExpiresAt: end}
		var err error
		base.Version, err = t.store.Save(t.ctx, key, store.Change{Create: true, Set: base.Fields, ExpiresAt: end})
		if err != nil {
			t.require(failed(err, "Create of a record that expires in a moment"))
		}
		t.awaitEnd(key, end)
		_, err = t.store.Save(t.ctx, key, store.Change{Base: &base, Set: fields("a", "2"), ExpiresAt: later()})
		t.answer(err, store.ErrNotFound, "Save with the last version for a Base, after the record had expired by itself")
		t.gone(key, "after that Save")
	}},
	{"Save 7", "create", func(t *trial) {
		base := t.load(t.create("other", "a", "8", "foreign", "8"))
		key := t.key()
		for _, when := range []string{"at a free key", "over an expired record"} {
			c := store.Change{Create: true, Base: &base, Set: fields("b", "1"), ExpiresAt: later()}
			version, err := t.store.Save(t.ctx, key, c)
			if err != nil {
				t.require(failed(err, "Create %s, with a Base", when))
			}
			t.holds(key, store.Record{Version: version, Fields: c.Set, ExpiresAt: c.ExpiresAt}, "after a Create %s, with a Base", when)
			base = t.load(key)
			t.expire(key)
		}
	}},
	{"Save 7", "crowd", func(t *trial) {
		key := t.create("u", "a", "1")
		base := t.load(key)
		pairs := []string{"a", "1"}
		for i := range crowd {
			pairs = append(pairs, "f"+number(i), number(i))
		}
		t.require(together(crowd, func(i int) error {
			_, err := t.store.Save(t.ctx, key, store.Change{Base: &base, Set: fields("f"+number(i), number(i))})
			if err != nil {
				return failed(err, "Save with a Base that %d callers have, and no condition", crowd)
			}
			return nil
		}))
		t.holds(key, store.Record{Owner: "u", Fields: fields(pairs...)}, "after %d writers with the same Base each set a field of their own", crowd)
	}},
}

// baseIsAHint demands that Saves with a wrong Base do what they do without. The record
// at key has the fields a, b and new, b and new are "2", and base has another b.
func (t *trial) baseIsAHint(key string, base store.Record, what string) {
	want := t.load(key)
	if base.Version == want.Version { // two records may have one version by chance
		t.save(key, store.Change{})
		want = t.load(key)
	}
	change := func(c store.Change) {
		c.Base = &base
		version, err := t.store.Save(t.ctx, key, c)
		if err != nil {
			t.require(failed(err, "Save with a Base that is %s", what))
		}
		if version <= want.Version {
			t.broken("Save with a Base that is %s returned version %d after %d", what, version, want.Version)
		}
		want.Version, want.Fields = version, want.Fields.With(c.Set, c.Unset...)
		if c.Owner != nil {
			want.Owner = *c.Owner
		}
		if !c.ExpiresAt.IsZero() {
			want.ExpiresAt = c.ExpiresAt
		}
		t.holds(key, want, "after a Save with a Base that is %s", what)
	}
	owner := "w"
	stays := []store.Condition{{Name: "b", Value: "2"}, {Name: "new", Value: "2"}, {Name: "foreign", Absent: true}}
	change(store.Change{})
	change(store.Change{Set: fields("c", "3")})
	change(store.Change{Unset: []string{"c"}})
	change(store.Change{If: stays, Set: fields("c", "4")})
	change(store.Change{If: stays, Owner: &owner, ExpiresAt: later().Add(time.Minute)})

	cond := store.Condition{Name: "b", Absent: true}
	if value, ok := base.Fields.Get("b"); ok {
		cond = store.Condition{Name: "b", Value: value}
	}
	_, err := t.store.Save(t.ctx, key, store.Change{Base: &base, If: []store.Condition{cond}, Set: fields("b", "9")})
	t.answer(err, store.ErrConflict, "Save with a Base that is %s, and a condition that holds for the Base only", what)
	t.holds(key, want, "after a Save with a Base that is %s, and a condition that holds for the Base only", what)
}
