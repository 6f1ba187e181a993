package sqlchecks

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
)

// Many writers of different fields of one session all land, and do not keep the others out of
// a pool of few connections.
func (k *Kind) ManyWritersOfOneSession(t *testing.T) {
	s, db := k.New(t)
	db.SetMaxOpenConns(4)
	Create(t, s, "hot", "u1")
	Create(t, s, "calm", "u2", "n", "0")
	base, err := s.Load(t.Context(), "hot")
	if err != nil {
		t.Fatal(err)
	}
	const writers, saves = 64, 5
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range saves {
				set := Fields(t, fmt.Sprintf("f%d.%d", w, i), strconv.Itoa(i))
				if _, err := s.Save(ctx, "hot", store.Change{Base: &base, Set: set}); err != nil {
					t.Errorf("writer %d: %v", w, err)
				}
			}
		})
	}
	done := make(chan struct{})
	go func() { wg.Wait(); close(done) }()
	calm, slowest := 0, time.Duration(0)
	for busy := true; busy; {
		began := time.Now()
		if _, err := s.Save(ctx, "calm", store.Change{Set: Fields(t, "n", strconv.Itoa(calm))}); err != nil {
			t.Fatalf("another session meanwhile: %v", err)
		}
		slowest = max(slowest, time.Since(began))
		calm++
		select {
		case <-done:
			busy = false
		default:
		}
	}
	rec, err := s.Load(t.Context(), "hot")
	if err != nil || rec.Fields.Len() != writers*saves || rec.Version != base.Version+writers*saves {
		t.Errorf("%d fields, version %d after %d; %v", rec.Fields.Len(), rec.Version, base.Version, err)
	}
	t.Logf("%d saves of another session meanwhile, the slowest %v", calm, slowest)
	if n := db.Stats().InUse; n != 0 {
		t.Errorf("%d connections are in use", n)
	}
}

// With one connection, nothing may wait for another while it holds it.
func (k *Kind) OneConnectionIsEnough(t *testing.T) {
	s, db := k.New(t)
	db.SetMaxOpenConns(1)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // a deadlock, not a measure
	defer cancel()
	for i := range 300 {
		Create(t, s, fmt.Sprintf("key%03d", i), "u1")
	}
	n := 0
	for key, err := range s.List(ctx) {
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Load(ctx, key); err != nil {
			t.Fatalf("Load within List: %v", err)
		}
		n++
	}
	if n != 300 {
		t.Errorf("%d keys", n)
	}
	var wg sync.WaitGroup
	for w := range 16 {
		wg.Go(func() {
			if _, err := s.Save(ctx, "key000", store.Change{Set: Fields(t, fmt.Sprint("f", w), "1")}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n, err := s.Sweep(ctx, 10); n != 0 || err != nil {
		t.Errorf("sweep: %d, %v", n, err)
	}
	if rec, err := s.Load(ctx, "key000"); err != nil || rec.Fields.Len() != 16 {
		t.Errorf("%d fields, %v", rec.Fields.Len(), err)
	}
}

// A Save that waits for a lock leaves when its context ends, and its connection is not lost.
func (k *Kind) ASaveThatWaitsLeavesWhenItsContextEnds(t *testing.T) {
	s, db := k.New(t)
	Create(t, s, "k", "", "n", "1")
	other, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := other.ExecContext(t.Context(), k.marks("UPDATE cloakroom_sessions SET owner = 'other' WHERE `key` = 'k'")); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	began := time.Now()
	_, err = s.Save(ctx, "k", store.Change{Set: Fields(t, "n", "2")})
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
	if took := time.Since(began); took > 15*time.Second {
		t.Errorf("Save came back after %v: it waited for the lock, not for its context", took)
	}
	if rec, err := s.Load(t.Context(), "k"); err != nil || rec.Fields != Fields(t, "n", "1") {
		t.Errorf("a reader meanwhile: %+v, %v", rec, err)
	}
	if err := other.Rollback(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Save(t.Context(), "k", store.Change{Set: Fields(t, "n", "3")}); err != nil {
		t.Errorf("after the lock was free: %v", err)
	}
	if n := db.Stats().InUse; n != 0 {
		t.Errorf("%d connections are in use", n)
	}
}
