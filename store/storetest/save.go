package storetest

import (
	"errors"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
)

var saveChecks = []check{
	{"Save", "one-step", oneStep},
	{"Save", "malformed", malformed},

	{"Save 1", "missing", func(t *trial) { t.gone(t.key(), "of a key that never had a record") }},
	{"Save 1", "deleted", func(t *trial) {
		key := t.create("u", "a", "1", "b", "2")
		rec := t.load(key)
		t.delete(key)
		t.gone(key, "after Delete")
		for _, cond := range []store.Condition{{Name: "a", Value: "1"}, {Name: "c", Absent: true}} {
			_, err := t.store.Save(t.ctx, key, store.Change{If: []store.Condition{cond}, Base: &rec, ExpiresAt: later()})
			t.answer(err, store.ErrNotFound, "Save after Delete, with a Base and a condition that held before")
		}
		t.gone(key, "after Delete and Saves with conditions")
	}},
	{"Save 1", "expired", func(t *trial) {
		key := t.create("u", "a", "1", "b", "2")
		rec := t.load(key)
		t.expire(key)
		t.gone(key, "after its expiry")
		_, err := t.store.Save(t.ctx, key, store.Change{Base: &rec, ExpiresAt: later()})
		t.answer(err, store.ErrNotFound, "Save of a later expiry after the record has expired, with a Base from before")
		t.gone(key, "after its expiry and a Save of a later one")
	}},

	{"Save 2", "exists", func(t *trial) {
		key := t.create("u", "a", "1")
		want := t.load(key)
		for _, c := range []store.Change{creation("v", "a", "2", "b", "3"), {Create: true, ExpiresAt: later()}, {Create: true, Base: &want, ExpiresAt: later()}} {
			_, err := t.store.Save(t.ctx, key, c)
			t.answer(err, store.ErrExists, "Create over a live record")
			t.holds(key, want, "after a Create over a live record")
		}
	}},
	{"Save 2", "over-expired", func(t *trial) {
		for _, e := range []struct {
			name string
			c    store.Change
			want store.Record
		}{
			{"fields", store.Change{Create: true, Set: fields("c", "3"), ExpiresAt: later()}, store.Record{Fields: fields("c", "3")}},
			{"nothing", store.Change{Create: true, ExpiresAt: later()}, store.Record{}},
			{"a removal", store.Change{Create: true, Unset: []string{"b"}, ExpiresAt: later()}, store.Record{}},
		} {
			key := t.create("u", "a", "1", "b", "2")
			t.expire(key)
			if _, err := t.store.Save(t.ctx, key, e.c); err != nil {
				t.require(failed(err, "Create of %s where a record has expired", e.name))
			}
			e.want.ExpiresAt = e.c.ExpiresAt
			t.holds(key, e.want, "created with %s where a record had expired", e.name)
		}
	}},
	{"Save 2", "crowd", func(t *trial) {
		for range 4 {
			key := t.key()
			var winners, winner atomic.Int64
			t.require(together(crowd, func(i int) error {
				_, err := t.store.Save(t.ctx, key, creation("u"+number(i), "n", number(i)))
				if err == nil {
					winners.Add(1)
					winner.Store(int64(i))
					return nil
				}
				return answer(err, store.ErrExists, "Create of a record that another caller creates")
			}))
			if n := winners.Load(); n != 1 {
				t.broken("of %d Creates of one key at once, %d succeeded", crowd, n)
			}
			n := number(int(winner.Load()))
			t.holds(key, store.Record{Owner: "u" + n, Fields: fields("n", n)}, "after %d Creates at once, of which %s won", crowd, n)
		}
	}},

	{"Save 4", "unset-first", func(t *trial) {
		key := t.create("", "a", "1", "b", "2", "c", "3")
		t.save(key, store.Change{Unset: []string{"a", "b", "b", "missing", "new"}, Set: fields("a", "9", "new", "8")})
		t.holds(key, store.Record{Fields: fields("a", "9", "c", "3", "new", "8")}, "after a Save that both unsets and sets a field")
		fresh := t.key()
		t.save(fresh, store.Change{Create: true, Unset: []string{"a"}, Set: fields("a", "1"), ExpiresAt: later()})
		t.holds(fresh, store.Record{Fields: fields("a", "1")}, "after a Create that both unsets and sets a field")
	}},
	{"Save 4", "unnamed-stay", func(t *trial) {
		key := t.create("u", "a", "1", "b", "2", "a.b", "3", "$r", "4")
		for _, step := range []struct {
			c    store.Change
			want store.Fields
		}{
			{store.Change{Set: fields("b", "5")}, fields("a", "1", "b", "5", "a.b", "3", "$r", "4")},
			{store.Change{Set: fields("a", `{"b":0}`)}, fields("a", `{"b":0}`, "b", "5", "a.b", "3", "$r", "4")},
			{store.Change{Unset: []string{"a.b", "A", "missing"}}, fields("a", `{"b":0}`, "b", "5", "$r", "4")},
			{store.Change{}, fields("a", `{"b":0}`, "b", "5", "$r", "4")},
			{store.Change{Unset: []string{"a", "b"}, Set: fields("c", "6")}, fields("c", "6", "$r", "4")},
		} {
			t.save(key, step.c)
			t.holds(key, store.Record{Owner: "u", Fields: step.want}, "after a Save that sets %s and unsets %q", listed(step.c.Set), step.c.Unset)
		}
	}},
	{"Save 4", "crowd", func(t *trial) {
		key := t.create("u", "kept", "1", "owned", "0")
		pairs := []string{"kept", "1"}
		for i := range crowd {
			t.save(key, store.Change{Set: fields("old"+number(i), "0")})
			pairs = append(pairs, "new"+number(i), number(i))
		}
		base := t.load(key)
		t.require(together(crowd, func(i int) error {
			c := store.Change{Set: fields("new"+number(i), number(i)), Unset: []string{"old" + number(i)}}
			switch i % 4 {
			case 1:
				c.Base = &base
			case 2:
				rec, err := t.store.Load(t.ctx, key)
				if err != nil {
					return failed(err, "Load of a live record")
				}
				c.Base = &rec
			}
			_, err := t.store.Save(t.ctx, key, c)
			if i == 0 && err == nil {
				_, err = t.store.Save(t.ctx, key, store.Change{Unset: []string{"owned"}})
			}
			if err != nil {
				return failed(err, "Save without a condition, with %d writers of other fields", crowd-1)
			}
			return nil
		}))
		t.holds(key, store.Record{Owner: "u", Fields: fields(pairs...)}, "after %d writers each set one field of their own and removed another", crowd)
	}},

	{"Save 5", "owner", func(t *trial) {
		key := t.create("", "a", "1")
		t.holds(key, store.Record{Fields: fields("a", "1")}, "created for nobody")
		one, two, nobody := "one", "two", ""
		for _, owner := range []*string{&one, nil, &two, &two, nil, &nobody, nil, &one} {
			want := t.load(key)
			if owner != nil {
				want.Owner = *owner
			}
			want.Version = t.save(key, store.Change{Owner: owner})
			t.holds(key, want, "after a Save with the owner %s", pointed(owner))
		}
	}},
	{"Save 5", "expiry", func(t *trial) {
		key := t.create("u", "a", "1")
		end := later()
		for _, step := range []struct{ move, want time.Time }{
			{end, end},
			{time.Time{}, end},
			{end.Add(time.Hour), end.Add(time.Hour)},
			{time.Time{}, end.Add(time.Hour)},
			{end.Add(-time.Minute), end.Add(-time.Minute)},
			{time.Time{}, end.Add(-time.Minute)},
		} {
			t.save(key, store.Change{ExpiresAt: step.move})
			t.holds(key, store.Record{Owner: "u", Fields: fields("a", "1"), ExpiresAt: step.want}, "after a Save with ExpiresAt %v", step.move.UTC())
		}
		t.save(key, store.Change{Set: fields("a", "2")})
		t.holds(key, store.Record{Owner: "u", Fields: fields("a", "2"), ExpiresAt: end.Add(-time.Minute)}, "after a Save of a field only")
	}},
	{"Save 5", "past", func(t *trial) {
		for _, end := range []time.Time{past(), time.Now().Add(-time.Minute), time.Unix(1, 0), time.UnixMilli(0)} {
			key := t.create("u", "a", "1", "b", "2")
			t.save(key, store.Change{Set: fields("a", "2"), ExpiresAt: end})
			t.gone(key, "after a Save with ExpiresAt "+end.UTC().String())
		}
	}},

	{"Save 8", "callers-memory", callersMemory},
	{"Save 9", "answers", answersChangeNothing},
}

// oneStep demands that a reader never sees half a Change.
func oneStep(t *trial) {
	key := t.create("0", "a", "0", "b", "0", "even", "1")
	begin := later()
	t.save(key, store.Change{ExpiresAt: begin})
	t.require(beside(100, func(n int) error {
		owner, turns := number(n), []string{"even", "odd"}
		c := store.Change{
			Set:       fields("a", owner, "b", owner, turns[n%2], "1"),
			Unset:     []string{turns[1-n%2]},
			Owner:     &owner,
			ExpiresAt: begin.Add(time.Duration(n) * time.Second),
		}
		if _, err := t.store.Save(t.ctx, key, c); err != nil {
			return failed(err, "Save to a live record")
		}
		return nil
	}, func() error {
		rec, err := t.store.Load(t.ctx, key)
		if err != nil {
			return failed(err, "Load of a live record")
		}
		a, _ := rec.Fields.Get("a")
		b, _ := rec.Fields.Get("b")
		after := number(int(rec.ExpiresAt.Sub(begin) / time.Second))
		if a != b || a != rec.Owner || a != after || rec.Fields.Len() != 3 {
			return seen("Load saw a part of a Save: two fields, owner and expiry that are set together to one number are %s, %s, %s and %s, and of two fields that take turns there are %d",
				a, b, rec.Owner, after, rec.Fields.Len()-2)
		}
		return nil
	}))
}

// malformed demands what Apply says of a Change that is none.
func malformed(t *trial) {
	refused := func(err error, what string) {
		if err == nil {
			t.broken("%s succeeded", what)
		}
		for _, wrong := range []error{store.ErrNotFound, store.ErrExists, store.ErrConflict, store.ErrMalformed} {
			if errors.Is(err, wrong) {
				t.broken("%s: the error was %q, want one that describes the mistake", what, err)
			}
		}
	}
	key, free := t.create("u", "a", "1"), t.key()
	want := t.load(key)
	_, err := t.store.Save(t.ctx, free, store.Change{Create: true, Set: fields("a", "1")})
	refused(err, "a Create without ExpiresAt")
	for what, owner := range map[string]string{
		"an owner of 257 bytes": strings.Repeat("x", 257), "an owner that is not UTF-8": "a\xff", "an owner with a NUL": "a\x00b",
	} {
		_, err := t.store.Save(t.ctx, key, store.Change{Owner: &owner, Set: fields("a", "2")})
		refused(err, "a Save with "+what)
		_, err = t.store.Save(t.ctx, free, creation(owner, "a", "2"))
		refused(err, "a Create with "+what)
	}
	t.holds(key, want, "after Changes that were refused")
	t.gone(free, "after Creates that were refused")
}

func callersMemory(t *trial) {
	for _, create := range []bool{false, true} {
		key := t.key()
		conds := []store.Condition{{Name: "x", Absent: true}}
		if !create {
			t.createAt(key, "u", "a", "1", "b", "2", "c", "3")
			conds[0] = store.Condition{Name: "a", Value: "1"}
		}
		unset, owner := []string{"b", "missing"}, "v"
		base, _ := t.store.Load(t.ctx, key)
		version := t.save(key, store.Change{
			Create: create, If: conds, Base: &base, Unset: unset, Set: fields("c", "4"), Owner: &owner, ExpiresAt: later(),
		})
		conds[0] = store.Condition{Name: "a", Value: `"altered"`}
		unset[0], unset[1] = "a", "c"
		owner = "altered"
		base = store.Record{Version: version, Owner: "altered", ExpiresAt: past(), Fields: fields("altered", "1")}

		want := store.Record{Version: version, Owner: "v", Fields: fields("c", "4")}
		if !create {
			want.Fields = want.Fields.With(fields("a", "1"))
		}
		t.holds(key, want, "after the caller altered the memory of its Change")
		want.Version = t.save(key, store.Change{Set: fields("d", "5")})
		want.Fields = want.Fields.With(fields("d", "5"))
		t.holds(key, want, "after the caller altered the memory of its Change, and one more Save")
	}
}

// answersChangeNothing fails Saves in every way but an outage, with a Change that
// alters everything it can.
func answersChangeNothing(t *trial) {
	owner := "v"
	whole := store.Change{Set: fields("a", "2", "n", "1"), Unset: []string{"b"}, Owner: &owner, ExpiresAt: later().Add(time.Minute)}
	failing := [][]store.Condition{
		{{Name: "a", Value: "0"}},
		{{Name: "a", Value: "1"}, {Name: "b", Value: "2"}, {Name: "c", Absent: true}, {Name: "a", Absent: true}},
		{{Name: "b", Value: "0"}, {Name: "a", Value: "1"}},
	}
	key := t.create("u", "a", "1", "b", "2")
	want := t.load(key)
	for _, conds := range failing {
		c := whole
		c.If = conds
		_, err := t.store.Save(t.ctx, key, c)
		t.answer(err, store.ErrConflict, "Save with a condition that does not hold")
		t.holds(key, want, "after a Save that failed with ErrConflict")
	}
	c := whole
	c.Create = true
	_, err := t.store.Save(t.ctx, key, c)
	t.answer(err, store.ErrExists, "Create over a live record")
	t.holds(key, want, "after a Create that failed with ErrExists")

	free := t.key()
	_, err = t.store.Save(t.ctx, free, whole)
	t.answer(err, store.ErrNotFound, "Save of a missing record")
	c.If = failing[0]
	_, err = t.store.Save(t.ctx, free, c)
	t.answer(err, store.ErrConflict, "Create with a condition that does not hold")
	_, err = t.store.Load(t.ctx, free)
	t.answer(err, store.ErrNotFound, "Load after Saves that failed")
	t.createAt(free, "", "c", "3")
	t.holds(free, store.Record{Fields: fields("c", "3")}, "created after Saves that failed")
}

func pointed(s *string) string {
	if s == nil {
		return "nil"
	}
	return strconv.Quote(*s)
}
