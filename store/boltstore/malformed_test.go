package boltstore

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
)

func TestWhatSomethingElseWroteIsReportedAndLeftAsItIs(t *testing.T) {
	s := newStore(t, openFile(t, nil))
	create(t, s, "good", "u1")
	values := map[string]string{
		"empty":      "",
		"binary":     "\x00\xff\x80",
		"no head":    `{"version":1,"owner":"u1","expires":4102444800000,"fields":{}}`,
		"no record":  "4102444800000 2 u1 hello",
		"no version": `4102444800000 2 u1 {"owner":"u1","expires":4102444800000,"fields":{}}`,
	}
	inside(t, s, func(b buckets) error {
		for key, value := range values {
			if err := b.entries.Put([]byte(key), []byte(value)); err != nil {
				return err
			}
			if err := b.owners.Put(ownerKey("u1", []byte(key)), nil); err != nil {
				return err
			}
			if err := b.ends.Put(endKey(5, []byte(key)), nil); err != nil {
				return err
			}
		}
		inner, err := b.entries.CreateBucket([]byte("a bucket"))
		if err != nil {
			return err
		}
		return inner.Put([]byte("k"), []byte("v"))
	})
	keys := []string{"a bucket"}
	for key := range values {
		keys = append(keys, key)
	}
	for _, key := range keys {
		_, loaded := s.Load(t.Context(), key)
		_, saved := s.Save(t.Context(), key, store.Change{Set: fieldsOf(t, "a", "1")})
		_, created := s.Save(t.Context(), key, creation(t, "u1"))
		for what, err := range map[string]error{"Load": loaded, "Save": saved, "Create": created} {
			if !errors.Is(err, store.ErrMalformed) || !strings.Contains(err.Error(), `"`+key+`"`) || strings.Contains(err.Error(), "hello") {
				t.Errorf("%s: %s: %v", key, what, err)
			}
		}
	}
	for range 2 { // the second time without what the index had said of them
		if n, err := s.Sweep(t.Context(), 10); n != 0 || err != nil {
			t.Errorf("Sweep: %d, %v", n, err)
		}
	}
	if got := owned(t, s, "u1"); !slices.Equal(got, []string{"good", "no record", "no version"}) { // those whose head says so
		t.Errorf("ListOwner: %q", got)
	}
	inside(t, s, func(b buckets) error {
		for key, value := range values {
			if got := b.entries.Get([]byte(key)); string(got) != value || got == nil {
				t.Errorf("%s: now %q", key, got)
			}
		}
		if inner := b.entries.Bucket([]byte("a bucket")); inner == nil || !bytes.Equal(inner.Get([]byte("k")), []byte("v")) {
			t.Error("the bucket was changed")
		}
		return nil
	})
	for _, key := range keys {
		if err := s.Delete(t.Context(), key); err != nil {
			t.Errorf("%s: Delete: %v", key, err)
		}
		if _, err := s.Load(t.Context(), key); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%s: Load after Delete: %v", key, err)
		}
		create(t, s, key, "u1")
	}
	if got := owned(t, s, "u1"); len(got) != len(keys)+1 {
		t.Errorf("ListOwner: %q", got)
	}
}

func TestIndexesThatSayTooMuchAreNotBelieved(t *testing.T) {
	s := newStore(t, openFile(t, nil))
	create(t, s, "k", "u1")
	inside(t, s, func(b buckets) error {
		past := time.Now().Add(-time.Hour).UnixMilli()
		for _, k := range [][]byte{endKey(past, []byte("k")), endKey(past, []byte("missing")), []byte("short"), endKey(1, nil)} {
			if err := b.ends.Put(k, nil); err != nil {
				return err
			}
		}
		for _, k := range [][]byte{ownerKey("u2", []byte("k")), ownerKey("u1", []byte("missing"))} {
			if err := b.owners.Put(k, nil); err != nil {
				return err
			}
		}
		return nil
	})
	if n, err := s.Sweep(t.Context(), 1); n != 0 || err != nil {
		t.Errorf("Sweep: %d, %v", n, err)
	}
	if _, err := s.Load(t.Context(), "k"); err != nil {
		t.Errorf("Load after Sweep: %v", err)
	}
	if got := owned(t, s, "u1"); !slices.Equal(got, []string{"k"}) {
		t.Errorf("u1 owns %q", got)
	}
	if got := owned(t, s, "u2"); got != nil {
		t.Errorf("u2 owns %q", got)
	}
}

func owned(t *testing.T, s *Store, owner string) (keys []string) {
	t.Helper()
	for key, err := range s.ListOwner(t.Context(), owner) {
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, key)
	}
	return keys
}
