package sqlchecks

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
)

// due puts n expired rows into the table.
func (k *Kind) due(t *testing.T, s store.Store, n int) {
	t.Helper()
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for i := w; i < n; i += 8 {
				_, err := s.Save(t.Context(), fmt.Sprintf("due%05d", i), store.Change{Create: true, ExpiresAt: time.Now().Add(-time.Second)})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}

// Sweepers side by side remove each row once and all rows together.
func (k *Kind) SweepersSideBySide(t *testing.T) {
	db, name := k.Open(t)
	s := k.Store(t, db, nil)
	const rows = 2000
	k.due(t, s, rows)
	Create(t, s, "live", "u1")
	var mu sync.Mutex
	var total int
	var wg sync.WaitGroup
	for range 6 {
		node := k.Store(t, k.OpenAgain(t, name), nil)
		wg.Go(func() {
			for {
				n, err := node.Sweep(t.Context(), 300)
				mu.Lock()
				total += n
				mu.Unlock()
				if err != nil {
					t.Error(err)
				}
				if n == 0 || err != nil {
					return
				}
			}
		})
	}
	wg.Wait()
	n, err := s.Sweep(t.Context(), rows) // what was passed over while another had it locked
	if total+n != rows || err != nil {
		t.Errorf("%d and then %d of %d rows were removed, %v", total, n, rows, err)
	}
	if left := One[int](t, k, db, `SELECT count(*) FROM cloakroom_sessions`); left != 1 {
		t.Errorf("%d rows are left", left)
	}
	if _, err := s.Load(t.Context(), "live"); err != nil {
		t.Error(err)
	}
}

// A row that somebody has locked is not waited for: a slow node must not hold up the others.
func (k *Kind) ASweepWaitsForNobody(t *testing.T) {
	s, db := k.New(t)
	k.due(t, s, 20)
	other, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Rollback()
	for i := range 5 {
		query := k.marks("UPDATE cloakroom_sessions SET fields = '{}', version = version + 1 WHERE `key` = ?")
		if _, err := other.ExecContext(t.Context(), query, fmt.Sprintf("due%05d", 3*i)); err != nil {
			t.Fatal(err)
		}
	}
	if n, err := s.Sweep(t.Context(), 100); n != 15 || err != nil {
		t.Errorf("%d of 20 rows of which 5 are locked were removed, %v", n, err)
	}
	if err := other.Rollback(); err != nil {
		t.Fatal(err)
	}
	if n, err := s.Sweep(t.Context(), 100); n != 5 || err != nil {
		t.Errorf("%d of the last 5 rows were removed, %v", n, err)
	}
}

// A session is made anew at a key whose row has expired and is being swept, again and again.
func (k *Kind) ASweepLeavesWhatWasJustMade(t *testing.T) {
	s, db := k.New(t)
	stop := make(chan struct{})
	var sweepers sync.WaitGroup
	for range 3 {
		sweepers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if _, err := s.Sweep(t.Context(), 50); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			key := fmt.Sprint("key", w)
			var last uint64
			for range 50 {
				if _, err := s.Save(t.Context(), key, store.Change{Create: true, ExpiresAt: time.Now().Add(-time.Second)}); err != nil {
					t.Error(err)
				}
				version, err := s.Save(t.Context(), key, store.Change{Create: true, ExpiresAt: time.Now().Add(time.Hour), Set: Fields(t, "a", "1")})
				if err != nil || version <= last {
					t.Errorf("version %d after %d, %v", version, last, err)
				}
				last = version
				if rec, err := s.Load(t.Context(), key); err != nil || rec.Version != version {
					t.Errorf("version %d, want %d, %v", rec.Version, version, err)
				}
				if _, err := s.Save(t.Context(), key, store.Change{ExpiresAt: time.Now().Add(-time.Second)}); err != nil {
					t.Error(err)
				}
				if _, err := s.Load(t.Context(), key); !errors.Is(err, store.ErrNotFound) {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	close(stop)
	sweepers.Wait()
	if n := db.Stats().InUse; n != 0 {
		t.Errorf("%d connections are in use", n)
	}
}
