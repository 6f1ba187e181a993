package store_test

import (
	"context"
	"errors"
	"testing"

	"github.com/cloakroom-go/cloakroom/store"
)

type plain struct{ rec store.Record }

func (p plain) Load(context.Context, string) (store.Record, error) {
	if p.rec.Version == 0 {
		return store.Record{}, store.ErrNotFound
	}
	return p.rec, nil
}
func (plain) Save(context.Context, string, store.Change) (uint64, error) { return 1, nil }
func (plain) Delete(context.Context, string) error                       { return nil }

type withPing struct{ plain }

func (withPing) Ping(context.Context) error { return nil }

type withFields struct{ plain }

func (w withFields) LoadFields(_ context.Context, _ string, names ...string) (store.Record, error) {
	return store.Record{Version: uint64(len(names))}, nil
}

type transparent struct{ store.Store }

func (w transparent) Unwrap() store.Store { return w.Store }

type opaque struct{ store.Store }

func TestAsFollowsUnwrap(t *testing.T) {
	for name, s := range map[string]store.Store{
		"itself": withPing{}, "wrapped": transparent{withPing{}}, "twice": transparent{transparent{withPing{}}},
	} {
		if _, ok := store.As[store.Pinger](s); !ok {
			t.Errorf("%s: the Pinger was not found", name)
		}
	}
	for name, s := range map[string]store.Store{
		"none": plain{}, "nothing": nil, "a wrapper without Unwrap": opaque{withPing{}}, "wraps nil": transparent{},
	} {
		if p, ok := store.As[store.Pinger](s); ok {
			t.Errorf("%s: found %v", name, p)
		}
	}
	if got, ok := store.As[withPing](transparent{withPing{}}); !ok || got != (withPing{}) {
		t.Error("a concrete type was not found")
	}
}

func TestLoadFieldsFallsBackToLoad(t *testing.T) {
	ctx := context.Background()
	rec := store.Record{Version: 3, Owner: "u1", ExpiresAt: later, Fields: fields(t, "a", "1", "b", "2", "c", "3")}
	got, err := store.LoadFields(ctx, plain{rec}, "k", "c", "a", "a", "missing")
	if err != nil || got.Version != 3 || got.Owner != "u1" || got.Fields != fields(t, "a", "1", "c", "3") {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := store.LoadFields(ctx, plain{}, "k", "a"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("missing: %v", err)
	}
	if got, err := store.LoadFields(ctx, transparent{withFields{}}, "k", "a", "b"); err != nil || got.Version != 2 {
		t.Errorf("a FieldLoader was not used: %+v, %v", got, err)
	}
}
