package kvtest

import (
	"crypto/rand"
	"strings"
	"time"

	"github.com/cloakroom-go/cloakroom/store/kvstore"
)

var getChecks = []check{
	{"Get 1", "missing", func(t *trial) {
		key := t.key()
		t.gone(key, "", "of a key that never had an entry")
		t.createAt(key, lasting("a"))
		t.delete(key)
		t.gone(key, "a", "of a deleted entry")
		t.createAt(key, lasting("a"))
		t.swap(key, &kvstore.Entry{Value: "a"}, kvstore.Entry{Value: "a", ExpiresAt: past()}, "to an ExpiresAt that has come")
		t.gone(key, "a", "of an expired entry")
	}},
	{"Get 2", "values", func(t *trial) {
		every := make([]byte, 256)
		for i := range every {
			every[i] = byte(i)
		}
		var large strings.Builder // nothing repeats, so that compression hides no limit
		for large.Len() < 64<<10 {
			large.WriteString(rand.Text())
		}
		for _, value := range []string{
			"a", "", " a ", "a\n", "\r\n", "END\r\n", "\x00", "a\x00b", string(every), "\xff\xfe", "ü", "u\u0308", "🧥",
			`{"a":1}`, `{ "a" : 1.0 }`, "NULL", "nil", "'", `"`, `\`, "%s", "$1", "?", large.String(),
		} {
			created, swapped := t.create(value), t.create("before")
			t.holds(created, value, "of an entry that was put from nothing")
			t.swap(swapped, &kvstore.Entry{Value: "before"}, lasting(value), "to "+short(value))
			t.holds(swapped, value, "of an entry that was put in place of another")
			t.swap(swapped, &kvstore.Entry{Value: value}, lasting("after"), "from "+short(value))
			t.holds(swapped, "after", "of an entry that was put in place of "+short(value))
			t.delete(created)
			t.delete(swapped)
		}
	}},
	{"Get 2", "snapshot", func(t *trial) {
		key := t.create("first")
		e := t.get(key, "of a live entry")
		kept := strings.Clone(e.Value)
		t.swap(key, &e, lasting("other"), "from what Get returned")
		t.get(key, "of a live entry")
		t.delete(key)
		t.createAt(key, lasting("third"))
		if e.Value != kept {
			t.broken("the Value that Get had returned became %s by later changes", short(e.Value))
		}
	}},
	{"Get 3", "expiry", func(t *trial) {
		key := t.create("a")
		for _, end := range []time.Time{
			later(), later().Truncate(time.Second), later().Truncate(time.Second).Add(999_999_999),
			time.Now().Add(31 * 24 * time.Hour), later().In(time.FixedZone("somewhere", -(9*60+30)*60)),
		} {
			t.swap(key, &kvstore.Entry{Value: "a"}, kvstore.Entry{Value: "a", ExpiresAt: end}, "to another ExpiresAt")
			fresh := t.key()
			t.createAt(fresh, kvstore.Entry{Value: "a", ExpiresAt: end})
			for _, key := range []string{key, fresh} {
				got := t.get(key, "of a live entry").ExpiresAt
				if early := end.Sub(got); !got.IsZero() && (early < 0 || early > grain) {
					t.broken("Get returned ExpiresAt %v, and %v was asked for", got.UTC(), end.UTC())
				}
			}
			t.delete(fresh)
		}
	}},
}
