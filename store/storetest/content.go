package storetest

import (
	"crypto/rand"
	"strings"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
)

// contentChecks are about records being kept as they were given.
var contentChecks = []check{
	{"Load 3", "values", func(t *trial) {
		var list []string
		for _, set := range oddValues() {
			list = append(list, set...)
		}
		pairs := make([]string, 0, 2*len(list))
		for i, value := range list {
			pairs = append(pairs, "v"+number(i), value)
		}
		t.keeps("", fields(pairs...), "a value of its own in each field")
	}},
	{"Load 3", "names", func(t *trial) { t.keeps("", numbered(oddNames()), "odd names") }},
	{"Load 3", "empty", func(t *trial) {
		t.keeps("", fields(), "no fields")
		key := t.create("u", "a", "1")
		t.save(key, store.Change{Unset: []string{"a"}})
		t.holds(key, store.Record{Owner: "u"}, "after the last field was removed")
		t.save(key, store.Change{})
		t.holds(key, store.Record{Owner: "u"}, "after an empty Change of a record without fields")
		t.save(key, store.Change{Set: fields("b", "2")})
		t.holds(key, store.Record{Owner: "u", Fields: fields("b", "2")}, "after the first field was added again")
	}},
	{"Load 3", "large", func(t *trial) {
		// Nothing repeats, so that compression hides no limit.
		value := make([]byte, 0, 1<<20)
		for value = append(value, '"'); len(value) < 1<<20-1; {
			value = append(value, rand.Text()...)
		}
		value = append(value[:1<<20-1], '"')
		t.keeps("", fields("large", string(value), "small", "1"), "a value of 1 MB")

		pairs := make([]string, 0, 2*2000)
		for i := range 2000 {
			pairs = append(pairs, "field "+number(i), number(i))
		}
		t.keeps("", fields(pairs...), "2000 fields")
	}},
	{"Load 3", "owners", func(t *trial) {
		key := t.create("first", "a", "1")
		for _, owner := range oddOwners(rand.Text()) {
			t.save(key, store.Change{Owner: &owner})
			t.holds(key, store.Record{Owner: owner, Fields: fields("a", "1")}, "after a Save with the owner %q", owner)
		}
	}},
	{"Load 3", "expiry", func(t *trial) {
		soon := later()
		zone := time.FixedZone("somewhere", -(9*60+30)*60)
		for _, end := range []time.Time{
			soon, soon.Add(time.Millisecond), soon.Add(999 * time.Millisecond), soon.Truncate(time.Second),
			soon.Add(time.Microsecond), soon.Add(500 * time.Microsecond), soon.Add(999_999 * time.Nanosecond),
			soon.Add(999*time.Millisecond + 999_999*time.Nanosecond), soon.In(zone),
			time.Now().Add(time.Hour), time.Now().Add(31 * 24 * time.Hour), time.Date(2100, 2, 28, 23, 59, 59, 999_999_999, zone),
		} {
			key := t.create("")
			t.save(key, store.Change{ExpiresAt: end})
			first := t.load(key).ExpiresAt
			if early := end.Sub(first); early < 0 || early >= time.Millisecond {
				t.broken("ExpiresAt is %v after a Save with %v", first.UTC(), end.UTC())
			}
			t.save(key, store.Change{Set: fields("a", "1")})
			if again := t.load(key).ExpiresAt; !again.Equal(first) {
				t.broken("ExpiresAt moved from %v to %v by a Save that keeps it", first.UTC(), again.UTC())
			}
			fresh := t.key()
			c := creation("")
			c.ExpiresAt = end
			if _, err := t.store.Save(t.ctx, fresh, c); err != nil {
				t.broken("Create with the expiry %v: the error was %q", end.UTC(), err)
			}
			if got := t.load(fresh).ExpiresAt; !got.Equal(first) {
				t.broken("ExpiresAt is %v after a Create with %v, and %v after a Save with it", got.UTC(), end.UTC(), first.UTC())
			}
			t.delete(key)
			t.delete(fresh)
		}
	}},
}

// keeps demands that fields come back as they are: created at once, added to a record
// field by field, after an edit of something else, and after half of them is removed.
func (t *trial) keeps(owner string, all store.Fields, what string) {
	want := store.Record{Owner: owner, Fields: all}
	created := t.key()
	if _, err := t.store.Save(t.ctx, created, store.Change{Create: true, Set: all, Owner: &owner, ExpiresAt: later()}); err != nil {
		t.broken("Create of a record with %s: the error was %q", what, err)
	}
	t.holds(created, want, "created with %s", what)

	edited := t.create(owner, "unrelated", "1")
	if _, err := t.store.Save(t.ctx, edited, store.Change{Set: all}); err != nil {
		t.broken("Save of %s: the error was %q", what, err)
	}
	want.Fields = all.With(fields("unrelated", "1"))
	t.holds(edited, want, "after a Save of %s", what)

	t.save(edited, store.Change{Set: fields("unrelated", "2")})
	want.Fields = all.With(fields("unrelated", "2"))
	t.holds(edited, want, "after an edit of another field beside %s", what)

	var half []string
	for name := range all.All() {
		if len(half)*2 < all.Len() {
			half = append(half, name)
		}
	}
	t.save(edited, store.Change{Unset: half})
	want.Fields = want.Fields.With(fields(), half...)
	t.holds(edited, want, "after half of %s was removed", what)
	t.delete(created)
	t.delete(edited)
}

// text is JSON text of about n bytes.
func text(n int) string { return `"` + strings.Repeat("x", n) + `"` }
