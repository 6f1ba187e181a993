package main

import (
	"net/http"
	"time"

	"github.com/alexedwards/scs/v2"
	"github.com/alexedwards/scs/v2/memstore"
)

// scsPeer is alexedwards/scs with its memory store, without the store's cleanup, which
// runs once a minute and can be stopped only with a data race.
var scsPeer = &peer{
	name:   "scs",
	start:  startSCS,
	stores: true,
	counts: true,
}

type scsServer struct{ sessions *scs.SessionManager }

func startSCS(calls *calls) server {
	sessions := scs.New()
	sessions.Store = memstore.NewWithCleanupInterval(0)
	if calls != nil {
		sessions.Store = &scsCountingStore{sessions.Store, calls}
	}
	return web{&scsServer{sessions}}
}

func (s *scsServer) handler(t task) http.Handler {
	return s.sessions.LoadAndSave(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx := r.Context()
		switch t.kind {
		case read:
			if !t.good(s.sessions.GetString(ctx, t.data.probe)) {
				wrong(w)
			}
		case write:
			s.sessions.Put(ctx, t.data.probe, t.next())
		case seed:
			for i, name := range t.data.names {
				s.sessions.Put(ctx, name, t.data.value(i))
			}
		case signIn:
			if err := s.sessions.RenewToken(ctx); err != nil {
				wrong(w)
				return
			}
			s.sessions.Put(ctx, "user", user)
		case show:
			w.Write([]byte(s.sessions.GetString(ctx, t.data.probe)))
			return
		}
		w.Write(ok)
	}))
}

func (s *scsServer) close() {}

type scsCountingStore struct {
	scs.Store
	calls *calls
}

func (s *scsCountingStore) Find(token string) ([]byte, bool, error) {
	s.calls.loads.Add(1)
	return s.Store.Find(token)
}

func (s *scsCountingStore) Commit(token string, b []byte, expiry time.Time) error {
	s.calls.saves.Add(1)
	return s.Store.Commit(token, b, expiry)
}

func (s *scsCountingStore) Delete(token string) error {
	s.calls.deletes.Add(1)
	return s.Store.Delete(token)
}
