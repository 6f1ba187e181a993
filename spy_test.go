package cloakroom_test

import (
	"context"
	"slices"
	"sync"
	"testing"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/store"
)

// A spy counts the calls of a store, and can be told to meddle with them.
type spy struct {
	store.Store
	mu           sync.Mutex
	loads, saves int
	deletes      int
	asked        []string // of LoadFields
	changes      []store.Change
	load         func(ctx context.Context, key string) (store.Record, error)
	save         func(ctx context.Context, key string, c store.Change) (uint64, error)
	delete       func(ctx context.Context, key string) error
}

func (s *spy) Unwrap() store.Store { return s.Store }

func (s *spy) Load(ctx context.Context, key string) (store.Record, error) {
	s.mu.Lock()
	s.loads++
	f := s.load
	s.mu.Unlock()
	if f != nil {
		return f(ctx, key)
	}
	return s.Store.Load(ctx, key)
}

// LoadFields counts as a load; what it is asked for is kept.
func (s *spy) LoadFields(ctx context.Context, key string, names ...string) (store.Record, error) {
	s.mu.Lock()
	s.loads++
	s.asked = append(s.asked, names...)
	f := s.load
	s.mu.Unlock()
	if f != nil {
		return f(ctx, key)
	}
	return store.LoadFields(ctx, s.Store, key, names...)
}

func (s *spy) Save(ctx context.Context, key string, c store.Change) (uint64, error) {
	s.mu.Lock()
	s.saves++
	s.changes = append(s.changes, c)
	f := s.save
	s.mu.Unlock()
	if f != nil {
		return f(ctx, key, c)
	}
	return s.Store.Save(ctx, key, c)
}

func (s *spy) Delete(ctx context.Context, key string) error {
	s.mu.Lock()
	s.deletes++
	f := s.delete
	s.mu.Unlock()
	if f != nil {
		return f(ctx, key)
	}
	return s.Store.Delete(ctx, key)
}

// meddle replaces the functions; nil means none.
func (s *spy) meddle(f func(s *spy)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f(s)
}

// calls returns the counts since the last time, and forgets the changes.
func (s *spy) calls() (loads, saves, deletes int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	loads, saves, deletes = s.loads, s.saves, s.deletes
	s.loads, s.saves, s.deletes, s.changes = 0, 0, 0, nil
	return loads, saves, deletes
}

// An audit collects events.
type audit struct {
	mu     sync.Mutex
	events []cloakroom.Event
}

func (a *audit) Observe(_ context.Context, e cloakroom.Event) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.events = append(a.events, e)
}

// take returns the events since the last time.
func (a *audit) take() []cloakroom.Event {
	a.mu.Lock()
	defer a.mu.Unlock()
	events := a.events
	a.events = nil
	return events
}

// find returns the first event of type E for which ok holds.
func find[E cloakroom.Event](events []cloakroom.Event, ok func(E) bool) (E, bool) {
	for _, e := range events {
		if e, is := e.(E); is && ok(e) {
			return e, true
		}
	}
	var none E
	return none, false
}

func wantEvent[E interface {
	cloakroom.Event
	comparable
}](t *testing.T, a *audit, want E) {
	t.Helper()
	events := a.take()
	if !slices.ContainsFunc(events, func(e cloakroom.Event) bool { return e == cloakroom.Event(want) }) {
		t.Errorf("events %+v, want %+v among them", events, want)
	}
}
