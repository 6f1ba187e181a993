package sqlchecks

import (
	"fmt"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/sqlstore"
)

// EveryStatement makes a Store use all of its statements. The table has records of 50 owners
// before, and some that have expired.
func (k *Kind) EveryStatement(t *testing.T, s *sqlstore.Store) {
	t.Helper()
	ctx, owner := t.Context(), "u1"
	Create(t, s, "k", "")
	for i, change := range []store.Change{
		{Set: Fields(t, "a", "1")}, {ExpiresAt: time.Now().Add(time.Minute)}, {Owner: &owner}, {Set: Fields(t, "b", "1")},
	} {
		if _, err := s.Save(ctx, "k", change); err != nil {
			t.Fatal(i, err)
		}
	}
	base, err := s.Load(ctx, "k")
	if err != nil {
		t.Fatal(err)
	}
	// The row is held when others are faster twice.
	held := make(chan error)
	for i := range 16 {
		go func() {
			for range 10 {
				if _, err := s.Save(ctx, "k", store.Change{Base: &base, Set: Fields(t, fmt.Sprint("n", i), "1")}); err != nil {
					held <- err
					return
				}
			}
			held <- nil
		}()
	}
	for range 16 {
		if err := <-held; err != nil {
			t.Fatal(err)
		}
	}
	for _, err := range s.List(ctx) {
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, err := range s.ListOwner(ctx, owner) {
		if err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Sweep(ctx, 10); err != nil {
		t.Fatal(err)
	}
	if err := s.Delete(ctx, "k"); err != nil {
		t.Fatal(err)
	}
}
