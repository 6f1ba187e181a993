package storetest

import (
	"crypto/rand"
	"errors"
	"strings"

	"github.com/cloakroom-go/cloakroom/store"
)

var keyChecks = []check{
	{"Store 2", "every-byte-counts", func(t *trial) {
		id := rand.Text()
		keysAreApart(t, append(oddTexts(id), reserved(id)...))
	}},
	{"Store 2", "long", func(t *trial) {
		id := rand.Text()
		pad := strings.Repeat("x", 255-len(id))
		u := strings.Repeat("ü", (255-len(id))/2)
		keysAreApart(t, []string{
			id + pad, id + pad + "x", id + pad + "y", id + pad + "X", id + pad + " ", id + pad + ".", "$" + id + pad,
			id + u, id + u + "x", id + pad[:128], id + pad[:127], id + pad[:64], id + pad[:63],
		})
	}},
	{"Store 2", "short", oneByte},
}

// keysAreApart demands that each key has a record of its own.
func keysAreApart(t *trial, keys []string) {
	for i, key := range keys {
		owner := "owner of " + key[:1]
		_, err := t.store.Save(t.ctx, t.own(key), creation(owner, "n", number(i)))
		if errors.Is(err, store.ErrExists) {
			t.broken("the key %.40q met the record of another key", key)
		}
		if err != nil {
			t.broken("Create at the key %.40q of %d bytes: %v", key, len(key), err)
		}
	}
	mine := func(i int) store.Record {
		return store.Record{Owner: "owner of " + keys[i][:1], Fields: fields("n", number(i))}
	}
	for i, key := range keys {
		t.holds(key, mine(i), "at the key %.40q of %d bytes", key, len(key))
	}
	for i := 0; i < len(keys); i += 2 {
		t.delete(keys[i])
	}
	for i, key := range keys {
		if i%2 == 0 {
			_, err := t.store.Load(t.ctx, key)
			t.answer(err, store.ErrNotFound, "Load of the key %.40q after its Delete", key)
			continue
		}
		t.save(key, store.Change{Set: fields("edited", "true")})
		want := mine(i)
		want.Fields = want.Fields.With(fields("edited", "true"))
		t.holds(key, want, "at the key %.40q after an edit, with other keys deleted", key)
	}
}

// oneByte takes a key that nobody is likely to use, and another when somebody does.
func oneByte(t *trial) {
	for _, key := range strings.Split("~^`|}{][@?>=<;:!", "") {
		_, err := t.store.Save(t.ctx, key, creation("", "n", "1"))
		if errors.Is(err, store.ErrExists) {
			continue
		}
		if err != nil {
			t.broken("Create at the key %.40q: %v", key, err)
		}
		t.own(key)
		t.holds(key, store.Record{Fields: fields("n", "1")}, "at the key %.40q", key)
		t.delete(key)
		t.gone(key, "after Delete of the key "+key)
		return
	}
	t.broken("each of many keys of one byte is taken by a record")
}
