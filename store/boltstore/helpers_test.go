package boltstore

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"github.com/cloakroom-go/cloakroom/store"
)

func openFile(t *testing.T, options *bbolt.Options) *bbolt.DB {
	t.Helper()
	db, err := bbolt.Open(filepath.Join(t.TempDir(), "sessions.db"), 0o600, options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

func newStore(t *testing.T, db *bbolt.DB) *Store {
	t.Helper()
	s, err := New(db, nil)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func fieldsOf(t *testing.T, pairs ...string) store.Fields {
	t.Helper()
	var list []store.Field
	for i := 0; i < len(pairs); i += 2 {
		list = append(list, store.Field{Name: pairs[i], Value: pairs[i+1]})
	}
	f, err := store.NewFields(list...)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func creation(t *testing.T, owner string) store.Change {
	t.Helper()
	return store.Change{Create: true, ExpiresAt: time.Now().Add(time.Hour), Set: fieldsOf(t, "a", "1"), Owner: &owner}
}

func create(t *testing.T, s *Store, key, owner string) {
	t.Helper()
	if _, err := s.Save(t.Context(), key, creation(t, owner)); err != nil {
		t.Fatal(err)
	}
}

// commits counts the write transactions that were committed to db.
func commits(t *testing.T, db *bbolt.DB) (n int) {
	t.Helper()
	if err := db.View(func(tx *bbolt.Tx) error { n = tx.ID(); return nil }); err != nil {
		t.Fatal(err)
	}
	return n
}

// inside does something with the buckets of s behind its back.
func inside(t *testing.T, s *Store, f func(b buckets) error) {
	t.Helper()
	err := s.kv.db.Update(func(tx *bbolt.Tx) error {
		b, err := openBuckets(tx, s.kv.name)
		if err != nil {
			return err
		}
		return f(b)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// A call is something that runs on a goroutine of its own.
type call struct {
	err  error
	done chan struct{}
}

func start(f func() error) *call {
	c := &call{done: make(chan struct{})}
	go func() {
		defer close(c.done)
		c.err = f()
	}()
	return c
}

// await waits for something that another goroutine is about to do.
func await(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !is(); runtime.Gosched() {
		if time.Now().After(end) {
			t.Fatalf("waited for a minute until %s", what)
		}
	}
}

func (s *Store) queued() int {
	s.kv.mu.Lock()
	defer s.kv.mu.Unlock()
	return len(s.kv.waiting)
}

// together has n edits wait for bbolt's lock, which the test holds, and lets them go.
func together(t *testing.T, s *Store, n int, edit func(i int) error) []*call {
	t.Helper()
	lock, err := s.kv.db.Begin(true)
	if err != nil {
		t.Fatal(err)
	}
	calls := make([]*call, n)
	for i := range calls {
		calls[i] = start(func() error { return edit(i) })
		await(t, fmt.Sprintf("edit %d is queued", i), func() bool { return s.queued() == i+1 })
	}
	if err := lock.Rollback(); err != nil {
		t.Fatal(err)
	}
	for _, c := range calls {
		<-c.done
	}
	return calls
}

func isAnswer(err error) bool {
	return errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrExists) || errors.Is(err, store.ErrConflict) || errors.Is(err, store.ErrMalformed)
}

func soon(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	t.Cleanup(cancel)
	return ctx
}
