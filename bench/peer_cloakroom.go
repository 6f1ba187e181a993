package main

import (
	"context"
	"net/http"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/memstore"
)

var cloakroomPeer = &peer{
	name:   "cloakroom",
	start:  startCloakroom,
	stores: true,
	counts: true,
}

type cloakroomServer struct{ sessions *cloakroom.Manager }

func startCloakroom(calls *calls) server {
	var s store.Store = memstore.New(nil)
	if calls != nil {
		s = &countingStore{s, calls}
	}
	sessions, err := cloakroom.New(s, nil)
	if err != nil {
		panic(err)
	}
	return web{&cloakroomServer{sessions}}
}

func (s *cloakroomServer) handler(t task) http.Handler {
	probe := cloakroom.NewKey[string](t.data.probe)
	keys := make([]cloakroom.Key[string], len(t.data.names))
	for i, name := range t.data.names {
		keys[i] = cloakroom.NewKey[string](name)
	}
	return s.sessions.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if t.kind == leave {
			w.Write(ok)
			return
		}
		session, err := s.sessions.Load(r.Context())
		if err != nil {
			s.sessions.Fail(w, r, err)
			return
		}
		switch t.kind {
		case read:
			if !t.good(probe.Get(session)) {
				wrong(w)
			}
		case write:
			probe.Set(session, t.next())
		case seed:
			for i, key := range keys {
				key.Set(session, t.data.value(i))
			}
		case signIn:
			session.SignIn(user)
		case show:
			w.Write([]byte(probe.Get(session)))
			return
		}
		w.Write(ok)
	}))
}

func (s *cloakroomServer) close() {}

// A cloakroomStoreServer is a cloakroomServer whose store has something to close.
type cloakroomStoreServer struct {
	cloakroomServer
	end func()
}

func newCloakroomStore(s store.Store, end func()) (webServer, error) {
	sessions, err := cloakroom.New(s, nil)
	if err != nil {
		return nil, err
	}
	return &cloakroomStoreServer{cloakroomServer{sessions}, end}, nil
}

func (s *cloakroomStoreServer) close() { s.end() }

// A countingStore counts calls.
type countingStore struct {
	store.Store
	calls *calls
}

func (s *countingStore) Unwrap() store.Store { return s.Store }

func (s *countingStore) Load(ctx context.Context, key string) (store.Record, error) {
	s.calls.loads.Add(1)
	return s.Store.Load(ctx, key)
}

func (s *countingStore) Save(ctx context.Context, key string, c store.Change) (uint64, error) {
	s.calls.saves.Add(1)
	return s.Store.Save(ctx, key, c)
}

func (s *countingStore) Delete(ctx context.Context, key string) error {
	s.calls.deletes.Add(1)
	return s.Store.Delete(ctx, key)
}
