package storetest

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
)

// later is an expiry that no check lives to see, in whole milliseconds.
func later() time.Time { return time.Now().Add(time.Hour).Truncate(time.Millisecond) }

// past is an expiry that every store's clock has passed.
func past() time.Time { return time.Now().Add(-time.Hour).Truncate(time.Millisecond) }

// fields makes Fields of names and values in turn.
func fields(pairs ...string) store.Fields {
	list := make([]store.Field, 0, len(pairs)/2)
	for i := 0; i+1 < len(pairs); i += 2 {
		list = append(list, store.Field{Name: pairs[i], Value: pairs[i+1]})
	}
	f, err := store.NewFields(list...)
	if err != nil {
		panic("storetest: a mistake of the examiner: " + err.Error())
	}
	return f
}

// number is the JSON text of n.
func number(n int) string { return strconv.Itoa(n) }

// create makes a record at a fresh key. That it can is a condition for the check, not
// what is checked.
func (t *trial) create(owner string, pairs ...string) (key string) {
	key = t.key()
	t.createAt(key, owner, pairs...)
	return key
}

func (t *trial) createAt(key, owner string, pairs ...string) {
	_, err := t.store.Save(t.ctx, key, creation(owner, pairs...))
	if err != nil {
		t.require(fmt.Errorf("a record could not be created at %q: %w", key, err))
	}
}

func creation(owner string, pairs ...string) store.Change {
	return store.Change{Create: true, Set: fields(pairs...), Owner: &owner, ExpiresAt: later()}
}

// createMany makes n records; change is called for each.
func (t *trial) createMany(n int, change func(i int) store.Change) (keys []string) {
	keys = make([]string, n)
	for i := range keys {
		keys[i] = t.key()
	}
	t.require(together(16, func(worker int) error {
		for i := worker; i < n; i += 16 {
			if _, err := t.store.Save(t.ctx, keys[i], change(i)); err != nil {
				return fmt.Errorf("a record could not be created at %q: %w", keys[i], err)
			}
		}
		return nil
	}))
	return keys
}

// load returns the record that must be at key.
func (t *trial) load(key string) store.Record {
	rec, err := t.store.Load(t.ctx, key)
	if err != nil {
		t.require(failed(err, "Load of a live record"))
	}
	return rec
}

// save makes an edit that must succeed.
func (t *trial) save(key string, c store.Change) (version uint64) {
	version, err := t.store.Save(t.ctx, key, c)
	if err != nil {
		t.require(failed(err, "Save to a live record"))
	}
	return version
}

func (t *trial) delete(key string) {
	if err := t.store.Delete(t.ctx, key); err != nil {
		t.require(failed(err, "Delete"))
	}
}

// expire ends the record at key by an expiry in the past.
func (t *trial) expire(key string) { t.save(key, store.Change{ExpiresAt: past()}) }

// answer demands one of package store's errors.
func answer(err, want error, format string, args ...any) error {
	if errors.Is(err, want) {
		return nil
	}
	return seen("%s: the error was %v, want %q", fmt.Sprintf(format, args...), quoted(err), want)
}

func quoted(err error) string {
	if err == nil {
		return "nil"
	}
	return strconv.Quote(err.Error())
}

func (t *trial) answer(err, want error, format string, args ...any) {
	t.require(answer(err, want, format, args...))
}

// gone demands that there is no live record at key, for Load and Save alike.
func (t *trial) gone(key, when string) {
	rec, err := t.store.Load(t.ctx, key)
	t.answer(err, store.ErrNotFound, "Load %s (it returned version %d)", when, rec.Version)
	for _, e := range edits() {
		_, err = t.store.Save(t.ctx, key, e.change)
		t.answer(err, store.ErrNotFound, "Save of %s %s", e.name, when)
	}
	_, err = t.store.Load(t.ctx, key)
	t.answer(err, store.ErrNotFound, "Load %s and after Saves without Create", when)
}

type edit struct {
	name   string
	change store.Change
}

// edits returns a Change of each sort that does not create.
func edits() []edit {
	owner := "somebody"
	return []edit{
		{"nothing", store.Change{}},
		{"a field", store.Change{Set: fields("a", `"back"`)}},
		{"a removal", store.Change{Unset: []string{"a"}}},
		{"a new expiry", store.Change{ExpiresAt: later()}},
		{"an owner", store.Change{Owner: &owner}},
		{"everything", store.Change{Set: fields("a", `"back"`), Unset: []string{"b"}, Owner: &owner, ExpiresAt: later()}},
	}
}

// holds demands that want is at key. A zero Version or ExpiresAt in want is not
// compared.
func (t *trial) holds(key string, want store.Record, format string, args ...any) {
	when := fmt.Sprintf(format, args...)
	rec, err := t.store.Load(t.ctx, key)
	if err != nil {
		t.require(failed(err, "%s: Load", when))
	}
	if d := differ(rec, want); d != "" {
		t.broken("%s: %s", when, d)
	}
}

// differ says where got is not what want asks for, or "". A zero Version or ExpiresAt
// in want is not compared.
func differ(got, want store.Record) string {
	switch {
	case want.Version != 0 && got.Version != want.Version:
		return fmt.Sprintf("the version is %d, want %d", got.Version, want.Version)
	case got.Owner != want.Owner:
		return fmt.Sprintf("the owner is %q, want %q", got.Owner, want.Owner)
	case !want.ExpiresAt.IsZero() && !got.ExpiresAt.Equal(want.ExpiresAt):
		return fmt.Sprintf("ExpiresAt is %v, want %v", got.ExpiresAt.UTC(), want.ExpiresAt.UTC())
	case got.Fields == want.Fields:
		return ""
	}
	for name, value := range want.Fields.All() {
		switch g, ok := got.Fields.Get(name); {
		case !ok:
			return fmt.Sprintf("the field %.40q is missing, want %s", name, short(value))
		case g != value:
			return fmt.Sprintf("the field %.40q is %s, want %s", name, short(g), short(value))
		}
	}
	for name, value := range got.Fields.All() {
		if _, ok := want.Fields.Get(name); !ok {
			return fmt.Sprintf("there is a field %.40q with %s, want none", name, short(value))
		}
	}
	return ""
}

func short(value string) string {
	if len(value) <= 80 {
		return fmt.Sprintf("%q", value)
	}
	return fmt.Sprintf("%.80q... (%d bytes)", value, len(value))
}
