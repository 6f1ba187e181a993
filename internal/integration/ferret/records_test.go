package ferret_test

import (
	"errors"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
)

// fieldsOf makes Fields of names and values in turn.
func fieldsOf(t testing.TB, pairs ...string) store.Fields {
	t.Helper()
	var list []store.Field
	for i := 0; i+1 < len(pairs); i += 2 {
		list = append(list, store.Field{Name: pairs[i], Value: pairs[i+1]})
	}
	f, err := store.NewFields(list...)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func creation(t testing.TB, pairs ...string) store.Change {
	return store.Change{Create: true, Set: fieldsOf(t, pairs...), ExpiresAt: time.Now().Add(time.Hour)}
}

func save(t testing.TB, s store.Store, key string, change store.Change) (version uint64) {
	t.Helper()
	version, err := s.Save(t.Context(), key, change)
	if err != nil {
		t.Fatal(err)
	}
	return version
}

func load(t testing.TB, s store.Store, key string) store.Record {
	t.Helper()
	rec, err := s.Load(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	return rec
}

// isAnswer reports whether err is one of package store's, so no outage.
func isAnswer(err error) bool {
	return errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrExists) || errors.Is(err, store.ErrConflict) || errors.Is(err, store.ErrMalformed)
}
