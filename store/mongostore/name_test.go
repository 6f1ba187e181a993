package mongostore

import (
	"strings"
	"testing"
	"unicode"
)

// What MongoDB and FerretDB demand of the parts of a path.
func fitsAPath(key string) bool {
	return key != "" && key[0] != '$' && !strings.ContainsAny(key, ".\x00") && strings.TrimFunc(key, unicode.IsSpace) == key
}

func TestNamesStayReadable(t *testing.T) {
	for name, key := range map[string]string{
		"visits":      "visits",
		"über 🧥 a$b":  "über 🧥 a$b",
		"$created":    "%24created",
		"$$":          "%24$",
		"cart.items":  "cart%2Eitems",
		"100%":        "100%25",
		"%2E":         "%252E",
		"..":          "%2E%2E",
		"\x00":        "%00",
		" a b\u00a0 ": "%20a b%C2%A0%20",
		"0":           "0",
		"_id":         "_id",
	} {
		if got := escape(name); got != key {
			t.Errorf("%q is kept as %q, want %q", name, got, key)
		}
	}
}

func TestKeysThatAreNoNamesAreRefused(t *testing.T) {
	for _, key := range []string{"", "$a", "a.b", "%", "%2", "a%", "%zz", "%2e", "%41", "%24%24", "a%24", "a%20b", " a", "a ", "%FF", "%%25"} {
		name, err := unescape(key)
		if err == nil {
			t.Errorf("the key %q was taken for the name %q", key, name)
		}
	}
}

func FuzzNamesComeBack(f *testing.F) {
	for _, seed := range []string{"a", "$a.b%", "\x00", " ", "%2E", "\u2028x\u0085", "a\ufeff", strings.Repeat(".", 256)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, name string) {
		if possible(name) {
			key := escape(name)
			if !fitsAPath(key) {
				t.Fatalf("%q is kept as %q, which is no part of a path", name, key)
			}
			if back, err := unescape(key); err != nil || back != name {
				t.Fatalf("%q is kept as %q and comes back as %q, %v", name, key, back, err)
			}
		}
		// The other way round: what is read as a name is written as the same key.
		if back, err := unescape(name); err == nil && escape(back) != name {
			t.Fatalf("the key %q is read as %q, which is kept as %q", name, back, escape(back))
		}
	})
}
