package store_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/cloakroom-go/cloakroom/store"
)

func TestJSONKeepsValuesToTheByte(t *testing.T) {
	f := fields(t,
		`q"uote`, `"a\u0000b"`, "new\nline", `"\ud800"`, "<html>", `{ "a" : [1,  2.50e+3] , "b":"}" }`,
		"int", "9223372036854775807", "float", "1.0", "dots.and.$", "true", "uni ü 🧥", `"\u00fc <&>"`, `back\slash`, "null")
	doc, err := f.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	if !json.Valid(doc) {
		t.Fatalf("not JSON: %s", doc)
	}
	var back store.Fields
	if err := back.UnmarshalJSON(doc); err != nil {
		t.Fatal(err)
	}
	if back != f {
		t.Errorf("there and back: %s", doc)
	}
	if err := back.UnmarshalJSON([]byte(" {\t\"a\" : 1 ,\n \"b\": [ ] } ")); err != nil || back != fields(t, "a", "1", "b", "[ ]") {
		t.Errorf("with white space: %v, %v", back, err)
	}
	for _, empty := range []string{"{}", " { } "} {
		if err := back.UnmarshalJSON([]byte(empty)); err != nil || back != (store.Fields{}) {
			t.Errorf("%q: %v, %v", empty, back, err)
		}
	}
}

func TestUnmarshalRefusesWhatIsNotAnObjectOfFields(t *testing.T) {
	kept := fields(t, "kept", "1")
	for _, doc := range []string{
		"", " ", "null", "[]", "1", `"x"`, "{", `{"a"}`, `{"a":}`, `{"a":1}x`, `{"a":1,"a":2}`, `{"":1}`,
		`{"\ud800":1}`, "{\"\xff\":1}", `{"` + strings.Repeat("n", 257) + `":1}`,
	} {
		f := kept
		if err := f.UnmarshalJSON([]byte(doc)); err == nil {
			t.Errorf("%q was taken", doc)
		} else if f != kept {
			t.Errorf("%q: the receiver changed though the text was refused", doc)
		}
	}
}

// Any text is refused or reads back as what it says; nothing panics.
func FuzzFieldsUnmarshalJSON(f *testing.F) {
	for _, seed := range []string{
		`{}`, `{"a":1}`, ` { "a" : { "b" : [ 1 , "}" ] } , "c" : "\"" } `, `{"a":1,"a":2}`, `{"\u0061":null}`,
		`{"a":"\ud800","ü":1e999}`, `[`, `{"a":-0.0}`, `{"\ufffd":1}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		var got store.Fields
		if err := got.UnmarshalJSON(doc); err != nil {
			object := json.Valid(doc) && strings.HasPrefix(strings.TrimLeft(string(doc), " \t\r\n"), "{")
			if object && !strings.Contains(err.Error(), "name") && !strings.Contains(err.Error(), "twice") {
				t.Fatalf("%q is an object: %v", doc, err)
			}
			return
		}
		var want map[string]json.RawMessage
		if err := json.Unmarshal(doc, &want); err != nil {
			t.Fatalf("%q was taken, but is not an object: %v", doc, err)
		}
		if got.Len() != len(want) {
			t.Fatalf("%q: %d fields, want %d", doc, got.Len(), len(want))
		}
		for name, value := range want {
			if v, ok := got.Get(name); !ok || v != string(value) {
				t.Fatalf("%q: %q is %q, want %q", doc, name, v, value)
			}
		}
		out, err := got.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		var again store.Fields
		if err := again.UnmarshalJSON(out); err != nil || again != got {
			t.Fatalf("%q: there and back gives %q, %v", doc, out, err)
		}
	})
}

// What is no JSON is refused, and what is JSON is taken, as encoding/json sees it.
func TestWhatIsJSONIsWhatEncodingJSONSays(t *testing.T) {
	values := []string{
		`1`, `-0`, `-`, `00`, `01`, `1.`, `.5`, `1.5e`, `1e+`, `1e+9`, `1E-07`, `+1`, `1a`, `0x1`, `NaN`, `--1`, `1e1.5`,
		`true`, `tru`, `truee`, `false`, `null`, `nul`, `TRUE`,
		`""`, `"`, `"a`, `"\"`, `"\\"`, `"\\\"`, `"\x"`, `"\u12"`, `"\u12G4"`, `"\u12aF"`, "\"\xff\"", "\"\x7f\"", "\"\x1f\"", "\"a\tb\"", "\"a\nb\"",
		`"1234567\"90123456"`, `"12345678` + "\x00" + `"`, `"ä1234567🧥"`, `"1234567` + "\x1f" + `0"`, `"123456789\`, `'a'`,
		`[]`, `[ ]`, `[,]`, `[1,]`, `[1 2]`, `[1,2`, `[1}`, `[[]]`, `[]]`, `]`, `{}`, `{ }`, `{"a"}`, `{"a":}`, `{"a":1,}`, `{,}`, `{"a":1 "b":2}`,
		`{"a":1,"b":[{"c":null}]}`, `{a:1}`, `{1:1}`, `{"a":1]`, `}`, ``, ` `, "\v1", "\u00a01", `1,`, `1 1`, `"a" "b"`, `//`, "\x00",
		strings.Repeat("[", 9_000) + strings.Repeat("]", 9_000),
		strings.Repeat("[", 10_001) + strings.Repeat("]", 10_001),
		strings.Repeat(`{"a":`, 10_001) + `1` + strings.Repeat("}", 10_001),
	}
	for _, v := range values {
		for _, doc := range []string{`{"f":` + v + `}`, "{\"f\": " + v + "\r\n,\t\"g\":" + v + ` } `, v, `{"f":` + v + "}\x00", `{"f":` + v} {
			var f store.Fields
			err := f.UnmarshalJSON([]byte(doc))
			object := strings.HasPrefix(strings.TrimLeft(doc, " \t\r\n"), "{") && json.Valid([]byte(doc))
			if object != (err == nil) {
				t.Errorf("%.60q: %v, but it is an object: %v", doc, err, object)
			}
		}
	}
}
