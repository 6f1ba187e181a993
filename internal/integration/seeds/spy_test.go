package seeds

import (
	"context"
	"errors"
	"sync"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/store"
)

// errStore is what a broken store says.
var errStore = errors.New("the store is on fire")

// A spy counts the calls of a store, and can be told to meddle with them.
type spy struct {
	store.Store
	mu                    sync.Mutex
	loads, saves, deletes int
	changes               []store.Change
	deleted               []string
	fields                []string // that LoadFields was asked for
	hooks                 hooks
}

// Hooks take the place of a store's calls; nil is the store itself.
type hooks struct {
	load   func(ctx context.Context, key string) (store.Record, error)
	save   func(ctx context.Context, key string, c store.Change) (uint64, error)
	delete func(ctx context.Context, key string) error
}

// broken are hooks of a store that answers nothing.
func broken() hooks {
	return hooks{
		load:   func(context.Context, string) (store.Record, error) { return store.Record{}, errStore },
		save:   func(context.Context, string, store.Change) (uint64, error) { return 0, errStore },
		delete: func(context.Context, string) error { return errStore },
	}
}

// meddle sets hooks; the zero ones mend the store.
func (s *spy) meddle(h hooks) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hooks = h
}

// calls returns the counts since the last time.
func (s *spy) calls() (loads, saves, deletes int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	loads, saves, deletes = s.loads, s.saves, s.deletes
	s.loads, s.saves, s.deletes, s.changes, s.deleted, s.fields = 0, 0, 0, nil, nil, nil
	return loads, saves, deletes
}

// asked returns the fields that LoadFields was asked for since the last calls.
func (s *spy) asked() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.fields
}

func (s *spy) Unwrap() store.Store { return s.Store }

func (s *spy) Load(ctx context.Context, key string) (store.Record, error) {
	s.mu.Lock()
	s.loads++
	f := s.hooks.load
	s.mu.Unlock()
	if f != nil {
		return f(ctx, key)
	}
	return s.Store.Load(ctx, key)
}

// LoadFields counts as a load.
func (s *spy) LoadFields(ctx context.Context, key string, names ...string) (store.Record, error) {
	s.mu.Lock()
	s.loads++
	s.fields = append(s.fields, names...)
	f := s.hooks.load
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
	f := s.hooks.save
	s.mu.Unlock()
	if f != nil {
		return f(ctx, key, c)
	}
	return s.Store.Save(ctx, key, c)
}

func (s *spy) Delete(ctx context.Context, key string) error {
	s.mu.Lock()
	s.deletes++
	s.deleted = append(s.deleted, key)
	f := s.hooks.delete
	s.mu.Unlock()
	if f != nil {
		return f(ctx, key)
	}
	return s.Store.Delete(ctx, key)
}

// events collects what the Observer is told.
type events struct {
	mu  sync.Mutex
	all []cloakroom.Event
}

func (e *events) Observe(_ context.Context, event cloakroom.Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.all = append(e.all, event)
}

// find returns the first event of a kind.
func find[E cloakroom.Event](e *events) (event E, ok bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, event := range e.all {
		if event, ok := event.(E); ok {
			return event, true
		}
	}
	return event, false
}
