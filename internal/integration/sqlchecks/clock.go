package sqlchecks

import (
	"errors"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
)

// The database decides what is live: ahead is the same table seen from a connection whose
// clock is an hour ahead.
func (k *Kind) ClockOfTheDatabase(t *testing.T, s, ahead interface {
	store.Store
	store.Sweeper
	store.Lister
	store.OwnerLister
},
) {
	ctx := t.Context()
	owner := "u1"
	version, err := s.Save(ctx, "k", store.Change{Create: true, Owner: &owner, ExpiresAt: time.Now().Add(30 * time.Minute)})
	if err != nil {
		t.Fatal(err)
	}
	base, err := s.Load(ctx, "k")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ahead.Load(ctx, "k"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("load ahead: %v", err)
	}
	other := "u2"
	for _, change := range []store.Change{
		{Set: Fields(t, "a", "1")}, {ExpiresAt: time.Now().Add(3 * time.Hour)}, {Owner: &other}, {Owner: &other, ExpiresAt: time.Now().Add(3 * time.Hour)},
	} {
		for _, b := range []*store.Record{nil, &base} {
			change.Base = b
			if _, err := ahead.Save(ctx, "k", change); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("save ahead of %+v: %v", change, err)
			}
		}
	}
	if rec, err := s.Load(ctx, "k"); err != nil || rec != base {
		t.Errorf("after it: %+v, %v, want %+v", rec, err, base)
	}
	for key, err := range ahead.List(ctx) {
		t.Errorf("list ahead: %q, %v", key, err)
	}
	for key, err := range ahead.ListOwner(ctx, "u1") {
		t.Errorf("list of an owner ahead: %q, %v", key, err)
	}
	if n, err := s.Sweep(ctx, 10); n != 0 || err != nil {
		t.Errorf("sweep: %d, %v", n, err)
	}
	// Ahead, the key is free. The version grows on either clock.
	later, err := ahead.Save(ctx, "k", store.Change{Create: true, ExpiresAt: time.Now().Add(70 * time.Minute)})
	if err != nil || later <= version || later < uint64(time.Now().Add(59*time.Minute).UnixMicro()) {
		t.Errorf("create ahead: version %d after %d, %v", later, version, err)
	}
	if _, err := s.Save(ctx, "k", store.Change{Create: true, ExpiresAt: time.Now().Add(time.Hour)}); !errors.Is(err, store.ErrExists) {
		t.Errorf("create: %v", err)
	}
	if _, err := s.Save(ctx, "k", store.Change{ExpiresAt: time.Now().Add(30 * time.Minute)}); err != nil {
		t.Error(err)
	}
	if n, err := ahead.Sweep(ctx, 10); n != 1 || err != nil {
		t.Errorf("sweep ahead: %d, %v", n, err)
	}
}
