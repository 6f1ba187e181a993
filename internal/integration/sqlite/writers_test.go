package sqlite_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"modernc.org/sqlite"

	"github.com/cloakroom-go/cloakroom/store"
)

func TestSixteenWritersShareCommits(t *testing.T) {
	db, tr := openTraced(t, dsn(tempFile(t), "full"))
	s := open(t, db)
	const writers, saves = 16, 64
	for w := range writers {
		create(t, s, fmt.Sprint("key", w), "")
	}
	tr.mu.Lock()
	tr.commits = 0
	tr.mu.Unlock()
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range saves {
				if _, err := s.Save(t.Context(), fmt.Sprint("key", w), store.Change{Set: fields(t, "n", fmt.Sprint(i))}); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	// Half is far from what is usual, about a tenth, so that a loaded machine passes too.
	if tr.commits == 0 || tr.commits > writers*saves/2 {
		t.Errorf("%d Saves of %d writers made %d commits", writers*saves, writers, tr.commits)
	}
	t.Logf("%.1f Saves per commit", float64(writers*saves)/float64(tr.commits))
}

// The driver waits for a lock as long as its busy_timeout says, whatever the context says.
func TestASaveLeavesWhenItsContextEndsThoughAnotherProcessHoldsTheLock(t *testing.T) {
	path := tempFile(t)
	s := open(t, openDB(t, "file:"+path+"?_pragma=busy_timeout(20000)"))
	create(t, s, "k", "", "n", "1")
	other, err := openDB(t, "file:"+path+"?_txlock=immediate").BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	began := time.Now()
	_, err = s.Save(ctx, "k", store.Change{Set: fields(t, "n", "2")})
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
	if took := time.Since(began); took > 15*time.Second {
		t.Errorf("Save came back after %v: it waited for the lock, not for its context", took)
	}
	if rec, err := s.Load(t.Context(), "k"); err != nil || rec.Fields != fields(t, "n", "1") {
		t.Errorf("a reader meanwhile: %+v, %v", rec, err)
	}
	if err := other.Rollback(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Save(t.Context(), "k", store.Change{Set: fields(t, "n", "3")}); err != nil {
		t.Errorf("after the lock was free: %v", err)
	}
}

// A database in memory lives as long as its connection: a context that ends in the midst
// of anything must not cost it.
func TestContextsThatEndDoNotCostADatabaseInMemory(t *testing.T) {
	db := openDB(t, ":memory:")
	db.SetMaxOpenConns(1)
	s := open(t, db)
	create(t, s, "kept", "u1", "n", "1")
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for i := range 200 {
				ctx, cancel := context.WithTimeout(t.Context(), rand.N(300*time.Microsecond))
				var err error
				switch i % 4 {
				case 0, 1:
					_, err = s.Save(ctx, "kept", store.Change{Set: fields(t, "n", fmt.Sprint(i))})
				case 2:
					_, err = s.Load(ctx, "kept")
				case 3:
					for _, err = range s.ListOwner(ctx, "u1") {
					}
				}
				cancel()
				if err != nil && !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("%v", err)
				}
			}
		})
	}
	wg.Wait()
	if _, err := s.Load(t.Context(), "kept"); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

// With one connection, nothing may wait for another while it holds it.
func TestOneConnectionIsEnough(t *testing.T) {
	db := openDB(t, dsn(tempFile(t), "normal"))
	db.SetMaxOpenConns(1)
	s := open(t, db)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // a deadlock, not a measure
	defer cancel()
	for i := range 300 {
		create(t, s, fmt.Sprintf("key%03d", i), "u1")
	}
	n := 0
	for key, err := range s.List(ctx) {
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Load(ctx, key); err != nil {
			t.Fatalf("Load within List: %v", err)
		}
		if _, err := s.Save(ctx, key, store.Change{Set: fields(t, "seen", "true")}); err != nil {
			t.Fatalf("Save within List: %v", err)
		}
		n++
	}
	if n != 300 {
		t.Errorf("%d keys", n)
	}
}

func TestAValueThatIsTooLargeFailsAloneAndChangesNothing(t *testing.T) {
	db := openDB(t, dsn(tempFile(t), "normal"))
	// The limit is the connection's, so there must be only one.
	db.SetMaxOpenConns(1)
	s := open(t, db)
	create(t, s, "k", "", "n", "1")
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	const limitLength = 0 // SQLITE_LIMIT_LENGTH
	if _, err := sqlite.Limit(conn, limitLength, 100_000); err != nil {
		t.Fatal(err)
	}
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
	large := `"` + strings.Repeat("x", 200_000) + `"`
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			key := fmt.Sprint("other", w)
			for i := range 20 {
				_, err := s.Save(t.Context(), key, store.Change{Create: i == 0, ExpiresAt: time.Now().Add(time.Hour), Set: fields(t, "n", fmt.Sprint(i))})
				if err != nil {
					t.Errorf("a neighbour: %v", err)
				}
			}
		})
	}
	for range 20 {
		_, err := s.Save(t.Context(), "k", store.Change{Set: fields(t, "large", large)})
		if err == nil || errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrConflict) {
			t.Errorf("a value above the limit: %v", err)
		}
	}
	wg.Wait()
	if rec, err := s.Load(t.Context(), "k"); err != nil || rec.Fields != fields(t, "n", "1") {
		t.Errorf("%+v, %v", rec, err)
	}
}
