package boltstore

import (
	"bytes"
	"context"
	"errors"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/kvstore"
	"github.com/cloakroom-go/cloakroom/store/kvstore/kvtest"
	"github.com/cloakroom-go/cloakroom/store/storetest"
)

func TestConforms(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T) store.Store { return newStore(t, openFile(t, nil)) })
}

func TestConformsWithoutSync(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T) store.Store { return newStore(t, openFile(t, &bbolt.Options{NoSync: true})) })
}

func TestKVConforms(t *testing.T) {
	t.Parallel()
	kvtest.Run(t, func(t *testing.T) kvstore.KV { return newStore(t, openFile(t, nil)).kv })
}

func TestNewTellsWhatIsWrongWithTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sessions.db")
	db, err := bbolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	newStore(t, db)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := New(db, nil); !errors.Is(err, bolterrors.ErrDatabaseNotOpen) {
		t.Errorf("closed: %v", err)
	}
	readOnly, err := bbolt.Open(path, 0o600, &bbolt.Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer readOnly.Close()
	if _, err := New(readOnly, nil); err == nil || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "without bbolt.Options.ReadOnly") {
		t.Errorf("read only: %v", err)
	}
	if _, err := New(nil, nil); err == nil || !strings.Contains(err.Error(), "bbolt.Open") {
		t.Errorf("nil: %v", err)
	}
}

func TestNewLeavesABucketOfSomethingElseAsItIs(t *testing.T) {
	db := openFile(t, nil)
	err := db.Update(func(tx *bbolt.Tx) error {
		users, err := tx.CreateBucket([]byte("users"))
		if err != nil {
			return err
		}
		if err := users.Put([]byte("alice"), []byte("1")); err != nil {
			return err
		}
		later, err := tx.CreateBucket([]byte("later"))
		if err != nil {
			return err
		}
		if err := later.Put(formatKey, []byte("2")); err != nil {
			return err
		}
		half, err := tx.CreateBucket([]byte("half"))
		if err != nil {
			return err
		}
		return half.Put(formatKey, formatValue)
	})
	if err != nil {
		t.Fatal(err)
	}
	before := commits(t, db)
	for bucket, want := range map[string]string{
		"users":                                 `the key "alice": give the store a bucket of its own`,
		"later":                                 `the format "2", and this release knows the format "1"`,
		"half":                                  "lacks one of",
		strings.Repeat("b", bbolt.MaxKeySize+1): "Options.Bucket has 32769 bytes",
	} {
		if _, err := New(db, &Options{Bucket: bucket}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.10s: %v, want %q", bucket, err, want)
		}
	}
	if n := commits(t, db) - before; n != 0 {
		t.Errorf("%d commits", n)
	}
}

func TestNewTakesAnEmptyBucketAndItsOwn(t *testing.T) {
	db := openFile(t, nil)
	err := db.Update(func(tx *bbolt.Tx) error {
		_, err := tx.CreateBucket([]byte("sessions"))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	s, err := New(db, &Options{Bucket: "sessions"})
	if err != nil {
		t.Fatal(err)
	}
	create(t, s, "k", "")
	before := commits(t, db)
	again, err := New(db, &Options{Bucket: "sessions"})
	if err != nil {
		t.Fatal(err)
	}
	if n := commits(t, db) - before; n != 0 {
		t.Errorf("opened again, New made %d commits", n)
	}
	if _, err := again.Load(t.Context(), "k"); err != nil {
		t.Error(err)
	}
}

func TestBucketsOfOneFileAreApart(t *testing.T) {
	db := openFile(t, nil)
	var program []byte
	err := db.Update(func(tx *bbolt.Tx) error {
		users, err := tx.CreateBucket([]byte("users"))
		if err != nil {
			return err
		}
		return users.Put([]byte("k"), []byte("the program's"))
	})
	if err != nil {
		t.Fatal(err)
	}
	one := newStore(t, db)
	two, err := New(db, &Options{Bucket: "two"})
	if err != nil {
		t.Fatal(err)
	}
	create(t, one, "k", "u1")
	if _, err := two.Load(t.Context(), "k"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("the other bucket: %v", err)
	}
	for key, err := range two.List(t.Context()) {
		t.Errorf("the other bucket lists %q, %v", key, err)
	}
	err = db.View(func(tx *bbolt.Tx) error {
		program = bytes.Clone(tx.Bucket([]byte("users")).Get([]byte("k")))
		return nil
	})
	if err != nil || string(program) != "the program's" {
		t.Errorf("the program's own value is %q, %v", program, err)
	}
}

func TestAClosedFileIsAnOutage(t *testing.T) {
	db, err := bbolt.Open(filepath.Join(t.TempDir(), "sessions.db"), 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	s := newStore(t, db)
	create(t, s, "k", "u1")
	if err := s.Ping(t.Context()); err != nil {
		t.Error(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	failsWith(t, s, bolterrors.ErrDatabaseNotOpen)
}

func TestABucketThatIsGoneIsAnOutage(t *testing.T) {
	db := openFile(t, nil)
	s := newStore(t, db)
	create(t, s, "k", "u1")
	if err := db.Update(func(tx *bbolt.Tx) error { return tx.DeleteBucket(s.kv.name) }); err != nil {
		t.Fatal(err)
	}
	failsWith(t, s, errGone)
}

func failsWith(t *testing.T, s *Store, want error) {
	t.Helper()
	_, loaded := s.Load(t.Context(), "k")
	_, saved := s.Save(t.Context(), "k", store.Change{})
	_, created := s.Save(t.Context(), "new", creation(t, ""))
	_, swept := s.Sweep(t.Context(), 1)
	errs := map[string]error{
		"Load": loaded, "Save": saved, "Create": created, "Sweep": swept,
		"Delete": s.Delete(t.Context(), "k"), "Ping": s.Ping(t.Context()),
	}
	for _, err := range s.List(t.Context()) {
		errs["List"] = err
	}
	for _, err := range s.ListOwner(t.Context(), "u1") {
		errs["ListOwner"] = err
	}
	if len(errs) != 8 {
		t.Errorf("a walk yielded no error: %v", errs)
	}
	for what, err := range errs {
		if !errors.Is(err, want) || isAnswer(err) || !strings.Contains(err.Error(), "boltstore: ") {
			t.Errorf("%s: %v, want %v", what, err, want)
		}
	}
}

// A writer that makes the file larger has to wait for all readers, and new readers for it.
// So a long read, say a backup, can keep everybody waiting.
func TestCallersLeaveWhenTheirContextEndsThoughAReaderKeepsTheFileMapped(t *testing.T) {
	db := openFile(t, nil)
	s := newStore(t, db)
	create(t, s, "k", "u1")
	backup, err := db.Begin(false)
	if err != nil {
		t.Fatal(err)
	}
	change := creation(t, "")
	change.Set = fieldsOf(t, "large", `"`+strings.Repeat("x", 1<<20)+`"`)
	writer := start(func() error { _, err := s.Save(t.Context(), "large", change); return err })
	await(t, "the writer waits for the reader", func() bool {
		stacks := make([]byte, 1<<20)
		for _, stack := range bytes.Split(stacks[:runtime.Stack(stacks, true)], []byte("\n\n")) {
			if bytes.Contains(stack, []byte("bbolt.(*DB).mmap(")) && bytes.Contains(stack, []byte("SemacquireRWMutex")) {
				return true
			}
		}
		return false
	})

	_, loaded := s.Load(soon(t), "k")
	_, saved := s.Save(soon(t), "k", store.Change{})
	for what, err := range map[string]error{"Load": loaded, "Save": saved, "Delete": s.Delete(soon(t), "k"), "Ping": s.Ping(soon(t))} {
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: %v", what, err)
		}
	}
	for _, err := range s.List(soon(t)) {
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("List: %v", err)
		}
	}
	if err := backup.Rollback(); err != nil {
		t.Fatal(err)
	}
	if <-writer.done; writer.err != nil {
		t.Error(writer.err)
	}
	if _, err := s.Load(t.Context(), "k"); err != nil {
		t.Error(err)
	}
}
