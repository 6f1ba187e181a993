package sqlchecks

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
)

// A row that is no record is reported with what is wrong, and left as it is.
func (k *Kind) MalformedRows(t *testing.T) {
	s, db := k.New(t)
	far := time.Now().Add(time.Hour).UnixMilli()
	for i, row := range []struct {
		version int64
		fields  string
		word    string // of the error
	}{
		{0, `{}`, "version"},
		{-5, `{}`, "version"},
		{1, ``, "JSON"},
		{1, `not JSON`, "JSON"},
		{1, `null`, "object"},
		{1, `[1]`, "object"},
		{1, `7`, "object"},
		{1, `{"a":1`, "JSON"},
		{1, `{"a":1,"a":2}`, "twice"},
		{1, `{"":1}`, "empty name"},
	} {
		key := fmt.Sprint("key", i)
		k.Exec(t, db, "INSERT INTO cloakroom_sessions (`key`, version, owner, expires, fields) VALUES (?, ?, '', ?, ?)",
			key, row.version, far, row.fields)
		dump := func() string {
			return One[string](t, k, db, "SELECT concat(version, ' ', expires, ' ', owner, ' ', fields) FROM cloakroom_sessions WHERE `key` = ?", key)
		}
		before := dump()
		owner := "u1"
		_, load := s.Load(t.Context(), key)
		_, save := s.Save(t.Context(), key, store.Change{Set: Fields(t, "b", "2"), Owner: &owner})
		_, create := s.Save(t.Context(), key, store.Change{Create: true, ExpiresAt: time.Now().Add(time.Hour)})
		for what, err := range map[string]error{"Load": load, "Save": save, "Create": create} {
			if !errors.Is(err, store.ErrMalformed) {
				t.Errorf("%s of %s: %v, want ErrMalformed", what, before, err)
				continue
			}
			for _, word := range []string{key, "cloakroom_sessions", row.word} {
				if !strings.Contains(err.Error(), word) {
					t.Errorf("%s of %s: %q does not say %q", what, before, err, word)
				}
			}
		}
		if after := dump(); after != before {
			t.Errorf("the row was %s and is %s", before, after)
		}
		if err := s.Delete(t.Context(), key); err != nil {
			t.Errorf("Delete of %s: %v", before, err)
		}
		if _, err := s.Load(t.Context(), key); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("after Delete of %s: %v", before, err)
		}
	}
	// What has expired does not exist, whatever it holds.
	k.Exec(t, db, "INSERT INTO cloakroom_sessions (`key`, version, owner, expires, fields) VALUES ('k', 7, 'u1', 1, 'garbage')")
	if _, err := s.Load(t.Context(), "k"); !errors.Is(err, store.ErrNotFound) {
		t.Error(err)
	}
	if _, err := s.Save(t.Context(), "k", store.Change{}); !errors.Is(err, store.ErrNotFound) {
		t.Error(err)
	}
	Create(t, s, "k", "")
	if _, err := s.Load(t.Context(), "k"); err != nil {
		t.Error(err)
	}
}

// Values that a record holds, and how they lie in the row.
var (
	Shown = []string{
		"visits", "17", "big", "9223372036854775807", "user.name", `"Zoë 🧥 \u0000 \ud800"`, "cart", `[ {"id" : 1.50e+3} ]`,
		"nul\x00", `"🧥"`,
	}
	ShownText = `{"big":9223372036854775807,"cart":[ {"id" : 1.50e+3} ],"nul\u0000":"🧥","user.name":"Zoë 🧥 \u0000 \ud800","visits":17}`
)

// A row holds the values as they were given, to the byte, and is text that people can read.
func (k *Kind) ValuesAreKeptToTheByte(t *testing.T) {
	s, db := k.New(t)
	Create(t, s, "k", "Zoë 🧥", Shown...)
	rec, err := s.Load(t.Context(), "k")
	if err != nil || rec.Fields != Fields(t, Shown...) || rec.Owner != "Zoë 🧥" {
		t.Errorf("%+v, %v", rec, err)
	}
	if text := One[string](t, k, db, "SELECT fields FROM cloakroom_sessions"); text != ShownText {
		t.Errorf("stored\n%s\nwant\n%s", text, ShownText)
	}
	got := One[string](t, k, db, "SELECT concat(`key`, ' ', owner, ' ', version - ?, ' ', expires - ?) FROM cloakroom_sessions",
		int64(rec.Version), rec.ExpiresAt.UnixMilli())
	if want := "k Zoë 🧥 0 0"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// Records of many sizes go in and out, with and without a Base.
func (k *Kind) LargeRecords(t *testing.T) {
	s, _ := k.New(t)
	for _, size := range []int{0, 100, 2_000, 8_000, 65_535, 65_536, 1_000_000} {
		key, text := fmt.Sprint("key", size), `"`+strings.Repeat("ü🧥", size/6)+`"`
		Create(t, s, key, "", "a", text)
		base, err := s.Load(t.Context(), key)
		if err != nil || base.Fields != Fields(t, "a", text) {
			t.Errorf("%d bytes: %v", size, err)
			continue
		}
		for _, change := range []store.Change{{Base: &base, Set: Fields(t, "b", text)}, {Set: Fields(t, "c", "1")}} {
			if _, err := s.Save(t.Context(), key, change); err != nil {
				t.Errorf("%d bytes: %v", size, err)
			}
		}
		if rec, err := s.Load(t.Context(), key); err != nil || rec.Fields != Fields(t, "a", text, "b", text, "c", "1") {
			t.Errorf("%d bytes: %v", size, err)
		}
	}
}
