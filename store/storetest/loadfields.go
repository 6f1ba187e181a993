package storetest

import (
	"context"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
)

var loadFieldsChecks = []check{
	{"LoadFields 1", "head", needs(func(t *trial, l store.FieldLoader) {
		key := t.create("u", "a", "1", "b", "2")
		whole := t.load(key)
		for _, names := range [][]string{{"a"}, {"missing"}, {}} {
			rec, err := l.LoadFields(t.ctx, key, names...)
			if err != nil {
				t.require(failed(err, "LoadFields(%q)", names))
			}
			want := whole
			want.Fields = whole.Fields.Pick(names...)
			if d := differ(rec, want); d != "" {
				t.broken("LoadFields(%q): %s", names, d)
			}
		}
	})},
	{"LoadFields 1", "one-step", needs(func(t *trial, l store.FieldLoader) {
		key := t.create("0", "n", "0", "other", `"x"`)
		begin := later()
		t.save(key, store.Change{ExpiresAt: begin})
		t.require(beside(100, func(n int) error {
			owner := number(n)
			c := store.Change{Set: fields("n", owner), Owner: &owner, ExpiresAt: begin.Add(time.Duration(n) * time.Second)}
			if _, err := t.store.Save(t.ctx, key, c); err != nil {
				return failed(err, "Save to a live record")
			}
			return nil
		}, func() error {
			rec, err := l.LoadFields(t.ctx, key, "n")
			if err != nil {
				return failed(err, "LoadFields of a live record")
			}
			value, _ := rec.Fields.Get("n")
			after := number(int(rec.ExpiresAt.Sub(begin) / time.Second))
			if rec.Owner != value || after != value {
				return seen("LoadFields: field, owner and expiry that are set together to one number are %s, %s and %s", value, rec.Owner, after)
			}
			return nil
		}))
	})},
	{"LoadFields 2", "names", needs(func(t *trial, l store.FieldLoader) {
		names := oddNames()
		key := t.create("", "unnamed", "1")
		t.save(key, store.Change{Set: numbered(names)})
		all := t.load(key).Fields
		for _, want := range [][]string{
			{"missing"}, {names[0], "missing", names[0]}, {names[1], names[1], names[1]}, {}, {"unnamed", "unname", "unnamed "}, names,
		} {
			rec, err := l.LoadFields(t.ctx, key, want...)
			if err != nil {
				t.broken("LoadFields(%.200q): the error was %q", want, err)
			}
			if d := differ(rec, store.Record{Fields: all.Pick(want...)}); d != "" {
				t.broken("LoadFields(%.200q): %s", want, d)
			}
		}
		for i, name := range names {
			rec, err := l.LoadFields(t.ctx, key, name)
			if err != nil {
				t.broken("LoadFields(%q): the error was %q", name, err)
			}
			if d := differ(rec, store.Record{Fields: fields(name, number(i))}); d != "" {
				t.broken("LoadFields(%q): %s", name, d)
			}
		}
	})},
	{"LoadFields 3", "errors", needs(func(t *trial, l store.FieldLoader) {
		key := t.key()
		_, err := l.LoadFields(t.ctx, key, "a")
		t.answer(err, store.ErrNotFound, "LoadFields of a key that never had a record")
		t.createAt(key, "", "a", "1")
		t.ended(func(ctx context.Context, how string) error {
			_, err := l.LoadFields(ctx, key, "a")
			return answer(err, ctx.Err(), "LoadFields with a context that was %s", how)
		})
		t.delete(key)
		_, err = l.LoadFields(t.ctx, key)
		t.answer(err, store.ErrNotFound, "LoadFields of no names of a deleted record")
		t.createAt(key, "", "a", "1")
		t.expire(key)
		_, err = l.LoadFields(t.ctx, key, "a")
		t.answer(err, store.ErrNotFound, "LoadFields of an expired record")
	})},
}
