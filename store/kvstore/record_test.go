package kvstore_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/kvstore"
)

func mustFields(t testing.TB, fields ...store.Field) store.Fields {
	f, err := store.NewFields(fields...)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// These bytes are in databases: they must be readable for ever, and be what is written, since
// a Save compares with them.
func TestTheFormOfARecordIsFixed(t *testing.T) {
	end := time.UnixMilli(1767312000123)
	for form, rec := range map[string]store.Record{
		`{"version":1767225600000000,"owner":"7","expires":1767312000123,"fields":{"$seen":1767225600,"visits":3}}`: {
			Version: 1767225600000000, Owner: "7", ExpiresAt: end,
			Fields: mustFields(t, store.Field{Name: "visits", Value: "3"}, store.Field{Name: "$seen", Value: "1767225600"}),
		},
		`{"version":1,"owner":"","expires":-1,"fields":{}}`: {Version: 1, ExpiresAt: time.UnixMilli(-1)},
		`{"version":18446744073709551615,"owner":"<a&b> \"ü\" 🧥\n\u0001","expires":1767312000123,"fields":{"a\"b":{ "x" : 1.0 }}}`: {
			Version: 1<<64 - 1, Owner: "<a&b> \"ü\" 🧥\n\x01", ExpiresAt: end,
			Fields: mustFields(t, store.Field{Name: `a"b`, Value: `{ "x" : 1.0 }`}),
		},
	} {
		if got := kvstore.Encode(rec); got != form {
			t.Errorf("Encode gives\n%s\nwant\n%s", got, form)
		}
		got, err := kvstore.Decode(form)
		if err != nil || got.Version != rec.Version || got.Owner != rec.Owner || !got.ExpiresAt.Equal(rec.ExpiresAt) || got.Fields != rec.Fields {
			t.Errorf("Decode of %s gives %+v, %v", form, got, err)
		}
		if !json.Valid([]byte(form)) {
			t.Errorf("%s is not JSON", form)
		}
	}
}

func TestAnExpiryIsRoundedDown(t *testing.T) {
	rec, err := kvstore.Decode(kvstore.Encode(store.Record{Version: 1, ExpiresAt: time.Unix(5, 999_999_999)}))
	if want := time.Unix(5, 999_000_000); err != nil || !rec.ExpiresAt.Equal(want) {
		t.Errorf("%v, %v", rec.ExpiresAt, err)
	}
}

func TestFieldsMayBeWrittenByHand(t *testing.T) {
	rec, err := kvstore.Decode("{\"version\":3,\"owner\":\"\\u0037\",\"expires\":5,\"fields\": {\n \"b\" : [ 1 ],\n \"a\" : 2 }\n}")
	b, _ := rec.Fields.Get("b")
	if a, _ := rec.Fields.Get("a"); err != nil || rec.Version != 3 || rec.Owner != "7" || a != "2" || b != "[ 1 ]" {
		t.Errorf("%+v, %v", rec, err)
	}
}

func TestWhatIsNoRecordIsMalformedAndNotQuoted(t *testing.T) {
	for _, value := range []string{
		"", " ", "secret", "null", "[]", "{}", `"secret"`, "{", `{"version":1`,
		`{"version":1,"owner":"","expires":1}`,
		`{"version":1,"owner":"","expires":1,"fields":{},"more":"secret"}`,
		`{"version":1,"owner":"","expires":1,"fields":{}}{}`,
		` {"version":1,"owner":"","expires":1,"fields":{}}`,
		`{"version":1,"owner":"","expires":1,"fields":{}} `,
		`{"owner":"","version":1,"expires":1,"fields":{}}`,
		`{"version":1,"owner":"secret`,
		`{"version":007,"owner":"","expires":1,"fields":{}}`,
		`{"version":+7,"owner":"","expires":1,"fields":{}}`,
		`{"version":1,"owner":"","expires":+1,"fields":{}}`,
		`{"version":1,"owner":"\secret","expires":1,"fields":{}}`,
		`{"version":1,"owner":"\"secret,"expires":1,"fields":{}}`,
		`{"version":1,"owner":7secret"","expires":1,"fields":{}}`,
		`{"version":1,"version":1,"owner":"","expires":1,"fields":{}}`,
		`{"Version":1,"owner":"","expires":1,"fields":{}}`,
		`{"version":0,"owner":"","expires":1,"fields":{}}`,
		`{"version":-1,"owner":"","expires":1,"fields":{}}`,
		`{"version":1.5,"owner":"","expires":1,"fields":{}}`,
		`{"version":1e3,"owner":"","expires":1,"fields":{}}`,
		`{"version":18446744073709551616,"owner":"","expires":1,"fields":{}}`,
		`{"version":"1","owner":"","expires":1,"fields":{}}`,
		`{"version":1,"owner":null,"expires":1,"fields":{}}`,
		`{"version":1,"owner":["secret"],"expires":1,"fields":{}}`,
		`{"version":1,"owner":"secret\ud800","expires":1,"fields":{}}`,
		"{\"version\":1,\"owner\":\"secret\xff\",\"expires\":1,\"fields\":{}}",
		`{"version":1,"owner":"","expires":null,"fields":{}}`,
		`{"version":1,"owner":"","expires":1.5,"fields":{}}`,
		`{"version":1,"owner":"","expires":1,"fields":null}`,
		`{"version":1,"owner":"","expires":1,"fields":["secret"]}`,
		`{"version":1,"owner":"","expires":1,"fields":{"":"secret"}}`,
		`{"version":1,"owner":"","expires":1,"fields":{"a":"secret","a":"secret"}}`,
	} {
		rec, err := kvstore.Decode(value)
		if !errors.Is(err, store.ErrMalformed) || rec != (store.Record{}) {
			t.Errorf("Decode of %s gives %+v, %v", value, rec, err)
		} else if strings.Contains(err.Error(), "secret") {
			t.Errorf("Decode of %s quotes it: %v", value, err)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(`{"version":1767225600000000,"owner":"7","expires":1767312000123,"fields":{"visits":3}}`)
	f.Add(`{"version":1,"owner":"\ud800","expires":-1,"fields":{"a":[1, 2]}}`)
	f.Add(`{}`)
	f.Fuzz(func(t *testing.T, value string) {
		rec, err := kvstore.Decode(value)
		if err != nil {
			if !errors.Is(err, store.ErrMalformed) || rec != (store.Record{}) {
				t.Fatalf("%+v, %v", rec, err)
			}
			return
		}
		again, err := kvstore.Decode(kvstore.Encode(rec))
		if err != nil || again != rec {
			t.Fatalf("%q became %+v, and again %+v, %v", value, rec, again, err)
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	fields := []store.Field{
		{Name: "$created", Value: "1767225600000"},
		{Name: "$epoch", Value: "1"},
		{Name: "$seen", Value: "1767225600000"},
		{Name: "$secret", Value: `"` + strings.Repeat("s", 43) + `"`},
		{Name: "$limits", Value: "[86400,2592000]"},
		{Name: "cart", Value: `[{"id":12,"count":1},{"id":40,"count":3}]`},
		{Name: "visits", Value: "17"},
	}
	for name, pad := range map[string]int{"small": 10, "64KB": 64 << 10} {
		value := kvstore.Encode(store.Record{
			Version: 1767225600000000, Owner: "user-1234", ExpiresAt: time.UnixMilli(1767312000123),
			Fields: mustFields(b, append(fields, store.Field{Name: "pad", Value: `"` + strings.Repeat("p", pad) + `"`})...),
		})
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(value)))
			for b.Loop() {
				if _, err := kvstore.Decode(value); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
