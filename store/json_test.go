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
