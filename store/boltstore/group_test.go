package boltstore

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"github.com/cloakroom-go/cloakroom/store"
)

func TestWritersThatWaitTogetherShareOneCommit(t *testing.T) {
	db := openFile(t, nil)
	s := newStore(t, db)
	before := commits(t, db)
	for i, c := range together(t, s, 15, func(i int) error {
		_, err := s.Save(t.Context(), fmt.Sprint("key", i), creation(t, ""))
		return err
	}) {
		if _, err := s.Load(t.Context(), fmt.Sprint("key", i)); c.err != nil || err != nil {
			t.Errorf("Save %d: %v, Load: %v", i, c.err, err)
		}
	}
	if n := commits(t, db) - before; n != 1 {
		t.Errorf("15 writers that waited together made %d commits, want 1", n)
	}
}

func TestABatchIsBounded(t *testing.T) {
	db := openFile(t, &bbolt.Options{NoSync: true})
	s := newStore(t, db)
	before := commits(t, db)
	for _, c := range together(t, s, 2*maxBatch+1, func(i int) error {
		_, err := s.Save(t.Context(), fmt.Sprint("key", i), creation(t, ""))
		return err
	}) {
		if c.err != nil {
			t.Error(c.err)
		}
	}
	if n := commits(t, db) - before; n != 3 {
		t.Errorf("%d writers made %d commits, want 3", 2*maxBatch+1, n)
	}
}

func TestAWriterAloneWaitsForNobody(t *testing.T) {
	db := openFile(t, nil)
	s := newStore(t, db)
	before := commits(t, db)
	for i := range 10 {
		create(t, s, fmt.Sprint("key", i), "")
		await(t, "the goroutine of the group has ended", func() bool {
			s.kv.mu.Lock()
			defer s.kv.mu.Unlock()
			return !s.kv.running
		})
	}
	if n := commits(t, db) - before; n != 10 {
		t.Errorf("10 Saves, one after the other, made %d commits", n)
	}
}

func TestEditsThatChangeNothingDoNotWaitForTheDisk(t *testing.T) {
	db := openFile(t, nil)
	s := newStore(t, db)
	create(t, s, "k", "")
	before := commits(t, db)
	if err := s.Delete(t.Context(), "missing"); err != nil {
		t.Error(err)
	}
	if _, err := s.Save(t.Context(), "k", creation(t, "")); !errors.Is(err, store.ErrExists) {
		t.Error(err)
	}
	if n, err := s.Sweep(t.Context(), 10); n != 0 || err != nil {
		t.Error(n, err)
	}
	if n := commits(t, db) - before; n != 0 {
		t.Errorf("%d commits, want none", n)
	}
}

func TestAStruckEditFailsAlone(t *testing.T) {
	db := openFile(t, nil)
	s := newStore(t, db)
	for i, c := range together(t, s, 5, func(i int) error {
		return s.kv.do(t.Context(), func(b buckets) (changed bool, answer, fault error) {
			if err := b.entries.Put([]byte(fmt.Sprint("key", i)), []byte("x")); err != nil {
				return false, nil, err
			}
			if i == 2 {
				return true, nil, b.entries.Put(nil, nil)
			}
			return true, nil, nil
		})
	}) {
		key := fmt.Sprint("key", i)
		stored := false
		inside(t, s, func(b buckets) error { stored = b.entries.Get([]byte(key)) != nil; return nil })
		if i == 2 {
			if !errors.Is(c.err, bolterrors.ErrKeyRequired) || stored {
				t.Errorf("%s: %v, stored: %v", key, c.err, stored)
			}
		} else if c.err != nil || !stored {
			t.Errorf("%s: %v, stored: %v", key, c.err, stored)
		}
	}
}

func TestARecordThatDoesNotFitIntoTheFileFailsAlone(t *testing.T) {
	const most = 4 << 20
	db := openFile(t, &bbolt.Options{MaxSize: most, NoSync: true})
	s := newStore(t, db)
	large := fieldsOf(t, "large", `"`+strings.Repeat("x", most)+`"`)
	for i, c := range together(t, s, 5, func(i int) error {
		change := creation(t, "")
		if i == 2 {
			change.Set = large
		}
		_, err := s.Save(t.Context(), fmt.Sprint("key", i), change)
		return err
	}) {
		_, loaded := s.Load(t.Context(), fmt.Sprint("key", i))
		if i != 2 {
			if c.err != nil || loaded != nil {
				t.Errorf("a neighbour: Save: %v, Load: %v", c.err, loaded)
			}
		} else if !errors.Is(c.err, bolterrors.ErrMaxSizeReached) || isAnswer(c.err) || !errors.Is(loaded, store.ErrNotFound) ||
			!strings.Contains(c.err.Error(), fmt.Sprint(most)) {
			t.Errorf("Save: %v, Load: %v", c.err, loaded)
		}
	}
}

func TestARecordTooLargeForBoltIsRefusedWithBothSizes(t *testing.T) {
	db := openFile(t, &bbolt.Options{NoSync: true})
	s := newStore(t, db)
	s.kv.maxValue = 1000 // instead of 2 GB
	create(t, s, "k", "")
	before := commits(t, db)
	_, err := s.Save(t.Context(), "k", store.Change{Set: fieldsOf(t, "large", `"`+strings.Repeat("x", 2000)+`"`)})
	if err == nil || isAnswer(err) || !strings.Contains(err.Error(), "needs 2") || !strings.Contains(err.Error(), "takes 1000") {
		t.Errorf("%v", err)
	}
	if n := commits(t, db) - before; n != 0 {
		t.Errorf("%d commits", n)
	}
}

func TestAFailedCommitIsReportedToAllAndNeverRepeated(t *testing.T) {
	var file *os.File
	db, err := bbolt.Open(filepath.Join(t.TempDir(), "sessions.db"), 0o600, &bbolt.Options{
		OpenFile: func(name string, flag int, perm os.FileMode) (f *os.File, err error) {
			file, err = os.OpenFile(name, flag, perm)
			return file, err
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close() // which finds the file closed
	s := newStore(t, db)
	create(t, s, "k", "")
	if err := file.Close(); err != nil { // so nothing can be written; what is mapped can be read
		t.Fatal(err)
	}
	var edits sync.Map
	for i, c := range together(t, s, 5, func(i int) error {
		return s.kv.do(t.Context(), func(b buckets) (changed bool, answer, fault error) {
			if _, again := edits.LoadOrStore(i, true); again {
				t.Errorf("edit %d was done twice", i)
			}
			return true, nil, b.entries.Put([]byte(fmt.Sprint("key", i)), []byte("x"))
		})
	}) {
		if !errors.Is(c.err, os.ErrClosed) || isAnswer(c.err) {
			t.Errorf("edit %d: %v, want an outage", i, c.err)
		}
	}
	if _, err := s.Load(t.Context(), "k"); err != nil {
		t.Errorf("a reader meanwhile: %v", err)
	}
}

func TestACallerWhoseContextEndsDoesNotWaitForTheLock(t *testing.T) {
	db := openFile(t, nil)
	s := newStore(t, db)
	create(t, s, "k", "")
	lock, err := db.Begin(true)
	if err != nil {
		t.Fatal(err)
	}
	_, saved := s.Save(soon(t), "k", store.Change{Set: fieldsOf(t, "n", "1")})
	deleted := s.Delete(soon(t), "k")
	_, swept := s.Sweep(soon(t), 1)
	for what, err := range map[string]error{"Save": saved, "Delete": deleted, "Sweep": swept} {
		if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "nothing was changed") {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := s.Load(t.Context(), "k"); err != nil {
		t.Errorf("a reader meanwhile: %v", err)
	}
	if err := lock.Rollback(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Save(t.Context(), "k", store.Change{Set: fieldsOf(t, "later", "1")}); err != nil {
		t.Fatal(err)
	}
	// Those who had left are not served behind their backs.
	if rec, err := s.Load(t.Context(), "k"); err != nil || rec.Fields != fieldsOf(t, "a", "1", "later", "1") {
		t.Errorf("%+v, %v", rec, err)
	}
}

func TestACallerLeavesAnEditThatIsUnderWay(t *testing.T) {
	db := openFile(t, nil)
	s := newStore(t, db)
	begun, gate := make(chan struct{}), make(chan struct{})
	ctx, cancel := context.WithCancel(t.Context())
	c := start(func() error {
		return s.kv.do(ctx, func(b buckets) (changed bool, answer, fault error) {
			close(begun)
			<-gate
			return true, nil, b.entries.Put([]byte("k"), []byte("x"))
		})
	})
	<-begun
	cancel()
	<-c.done
	if !errors.Is(c.err, context.Canceled) || !strings.Contains(c.err.Error(), "may have landed") {
		t.Errorf("%v", c.err)
	}
	close(gate)
	create(t, s, "other", "") // after it in the queue
	inside(t, s, func(b buckets) error {
		if string(b.entries.Get([]byte("k"))) != "x" {
			t.Error("the edit that was under way did not land")
		}
		return nil
	})
}

func TestAPanicOfBoltIsAnOutage(t *testing.T) {
	s := newStore(t, openFile(t, nil))
	broken := "page 7: assertion failed"
	for what, err := range map[string]error{
		"an edit": s.kv.do(t.Context(), func(buckets) (bool, error, error) { panic(broken) }),
		"a read": func() error {
			_, err := view(t.Context(), s.kv, func(buckets) (int, error) { panic(broken) })
			return err
		}(),
	} {
		if err == nil || isAnswer(err) || !strings.Contains(err.Error(), broken) {
			t.Errorf("%s: %v", what, err)
		}
	}
	create(t, s, "k", "") // no lock is left behind
}

func TestSixteenWritersShareCommits(t *testing.T) {
	db := openFile(t, nil)
	s := newStore(t, db)
	const writers, saves = 16, 40
	for w := range writers {
		create(t, s, fmt.Sprint("key", w), "")
	}
	before := commits(t, db)
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range saves {
				if _, err := s.Save(t.Context(), fmt.Sprint("key", w), store.Change{Set: fieldsOf(t, "n", fmt.Sprint(i))}); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	// Half is far from what is usual, about a tenth, so that a loaded machine passes too.
	n := commits(t, db) - before
	if n > writers*saves/2 {
		t.Errorf("%d Saves of %d writers made %d commits", writers*saves, writers, n)
	}
	t.Logf("%.1f Saves per commit", float64(writers*saves)/float64(n))
}
