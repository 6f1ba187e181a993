package kvtest

import (
	"crypto/rand"
	"errors"
	"strings"

	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/kvstore"
)

var keyChecks = []check{
	{"KV 6", "every-byte-counts", func(t *trial) { keysAreApart(t, oddKeys(rand.Text())) }},
	{"KV 6", "long", func(t *trial) {
		id := rand.Text()
		pad := strings.Repeat("x", 255-len(id))
		keysAreApart(t, []string{
			id + pad, id + pad + "x", id + pad + "y", id + pad + "X", id + pad + " ", id + pad + ".", "$" + id + pad,
			id + strings.Repeat("ü", (256-len(id))/2), id + pad[:224], id + pad[:223],
		})
	}},
}

// oddKeys returns keys that are all different, around id. Collations, paths, patterns and
// protocols made of lines are known to take some of them for one another, or to choke.
func oddKeys(id string) []string {
	return []string{
		id, strings.ToLower(id), id + "a", id + "A", "$" + id, "$$" + id,
		id + " ", " " + id, id + "\t", id + "\n", id + "\r\n", id + "\x01", id + "\x7f",
		id + ".", "." + id, "../" + id, "./" + id, id + "/", "/" + id, id + "/a", id + "/../" + id, id + `\`, `C:\` + id,
		id + ":", id + "%", id + "%20", id + "%00", id + "+", id + "_", id + "*", id + "?", "{" + id + "}",
		id + `"`, id + "'", id + "' OR '1'='1", id + "#", id + "=", id + ",", id + "|",
		id + "ü", id + "u\u0308", id + "Ü", id + "ß", id + "ss", id + "ı", id + "i", id + "\u200b", id + "\ufffd", id + "🧥",
	}
}

// keysAreApart demands that each key has an entry of its own.
func keysAreApart(t *trial, keys []string) {
	for i, key := range keys {
		err := t.kv.CompareAndSwap(t.ctx, t.own(key), nil, lasting(number(i)))
		if errors.Is(err, store.ErrConflict) {
			t.broken("the key %.40q met the entry of another key", key)
		}
		if err != nil {
			t.broken("CompareAndSwap from nothing at the key %.40q of %d bytes: %v", key, len(key), err)
		}
	}
	for i, key := range keys {
		t.holds(key, number(i), "of the key "+short(key))
	}
	for i := 0; i < len(keys); i += 2 {
		t.delete(keys[i])
	}
	for i, key := range keys {
		if i%2 == 0 {
			t.gone(key, number(i), "of the deleted key "+short(key))
			continue
		}
		t.swap(key, &kvstore.Entry{Value: number(i)}, lasting("swapped"), "at the key "+short(key)+", with other keys deleted")
		t.holds(key, "swapped", "of the key "+short(key))
	}
}
