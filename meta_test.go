package cloakroom

import (
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/memstore"
)

// Whatever a store holds at a key, looking at it ends in a session or in a reason, and
// the session's times are times.
func FuzzRecord(f *testing.F) {
	hash := hashSecret("secret")
	quoted := `"` + string(hash[:]) + `"`
	for _, doc := range []string{
		`{}`, `{"$created":1}`, `{"$created":1767225600000,"$secret":` + quoted + `,"name":"x"}`,
		`{"$created":1767225600000,"$epoch":2,"$limits":{"idle":3600000,"lifetime":1,"persistent":false},"$previous":[` + quoted + `,1767225600000],"$secret":` + quoted + `,"$seen":1767225600001,"$start":1767225600002}`,
		`{"$created":"x"}`, `{"$created":-1}`, `{"$created":1e3}`, `{"$limits":null,"$created":1}`, `{"$previous":[],"$created":1}`,
		`{"$created":1767225600000,"$limits":{"idle":-1},"$secret":` + quoted + `}`, `{"$future":{"a":[1]},"$created":5}`,
	} {
		f.Add([]byte(doc))
	}
	now := time.Date(2026, 1, 1, 0, 0, 1, 0, time.UTC)
	m, err := New(memstore.New(nil), &Config{Now: func() time.Time { return now }})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		var fields store.Fields
		if fields.UnmarshalJSON(doc) != nil {
			return
		}
		rec := store.Record{Version: 1, ExpiresAt: now.Add(time.Hour), Fields: fields}
		h, reason, _ := m.check(&rec, Token{Key: "k", Secret: "secret"}, false, now.UnixMilli())
		if reason != "" {
			return
		}
		if stored, _ := fields.Get(fieldSecret); stored != quoted {
			t.Fatalf("%s: accepted with the hash %q", doc, stored)
		}
		if end := m.expiry(&h, h.seen); end <= now.UnixMilli() || end > m.deadline(&h) || h.start < h.created || h.seen < h.start {
			t.Fatalf("%s: accepted with the end %d, start %d, seen %d", doc, end, h.start, h.seen)
		}
	})
}

func TestPreviousIsReadAsItIsWritten(t *testing.T) {
	hash := hashSecret("x")
	text := formatPrevious(`"`+string(hash[:])+`"`, 1234567890123)
	if got, until, ok := parsePrevious(text); !ok || got != string(hash[:]) || until != 1234567890123 {
		t.Errorf("%s: %q, %d, %v", text, got, until, ok)
	}
	for _, bad := range []string{"", "[", "]", "[]", text[1:], text[:len(text)-1], strings.Replace(text, ",", "", 1), "[\"x\",1]"} {
		if _, _, ok := parsePrevious(bad); ok {
			t.Errorf("%q was taken", bad)
		}
	}
}

// Records that a release has written must be read by every later one: these were written
// by the first, and are kept for ever. Fields that this release does not know survive.
func TestGoldenRecordsAreRead(t *testing.T) {
	const token = "AAECAwQFBgcICQoLDA0O" + "AAECAwQFBgcICQoLDA0ODxA"
	now := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	clock := func() time.Time { return now }
	for what, doc := range goldenRecords {
		st := memstore.New(&memstore.Options{Now: clock})
		m, err := New(st, &Config{Now: clock})
		if err != nil {
			t.Fatal(err)
		}
		var fields store.Fields
		if err := fields.UnmarshalJSON([]byte(doc)); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if _, err := st.Save(t.Context(), token[:keyLen], store.Change{Create: true, Set: fields, ExpiresAt: now.Add(time.Hour)}); err != nil {
			t.Fatal(err)
		}
		s, err := m.Open(t.Context(), token)
		if err != nil || s.IsNew() {
			t.Errorf("%s: not opened, %v", what, err)
			continue
		}
		if !s.CreatedAt().Equal(time.UnixMilli(1767225600000)) {
			t.Errorf("%s: created %v", what, s.CreatedAt())
		}
		s.SetRaw("new", "1")
		if _, err := m.Commit(t.Context(), s); err != nil {
			t.Fatal(err)
		}
		rec, err := st.Load(t.Context(), token[:keyLen])
		if err != nil {
			t.Fatal(err)
		}
		for name, value := range fields.All() {
			if got, ok := rec.Fields.Get(name); !ok || got != value && name != fieldSeen {
				t.Errorf("%s: %s became %q after a rewrite", what, name, got)
			}
		}
	}
}

var goldenRecords = map[string]string{
	"plain": `{"$created":1767225600000,"$secret":"HQwqv-c7AVnImzJYeSPpADiE-fHWPKPjzhrwtCBFtH0","cart":["a", "b"],"visits":3}`,
	"all": `{"$created":1767225600000,"$epoch":2,"$limits":{"idle":172800000,"lifetime":8640000000,"persistent":true},` +
		`"$previous":["47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU",1767225660000],"$secret":"HQwqv-c7AVnImzJYeSPpADiE-fHWPKPjzhrwtCBFtH0","$seen":1767225700000,"$start":1767225650000,"name":"x"}`,
	"from a later release": `{"$created":1767225600000,"$device":{"name":"phone"},"$secret":"HQwqv-c7AVnImzJYeSPpADiE-fHWPKPjzhrwtCBFtH0","visits":1}`,
}
