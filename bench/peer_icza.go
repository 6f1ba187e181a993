package main

import (
	"net/http"

	icza "github.com/icza/session"
)

// iczaPeer is icza/session. It keeps live values and serializes nothing, so sessions end
// with the process, whatever the store. It has no middleware.
var iczaPeer = &peer{
	name:   "icza",
	start:  startIcza,
	stores: true,
	counts: true,
}

type iczaServer struct{ sessions icza.Manager }

func startIcza(calls *calls) server {
	store := icza.NewInMemStoreOptions(&icza.InMemStoreOptions{Logger: icza.NoopLogger})
	if calls != nil {
		store = &iczaCountingStore{store, calls}
	}
	return web{&iczaServer{icza.NewCookieManager(store)}}
}

func (s *iczaServer) handler(t task) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if t.kind == leave {
			w.Write(ok)
			return
		}
		session := s.sessions.Get(r)
		if session == nil {
			session = icza.NewSession()
			s.sessions.Add(session, w)
		}
		switch t.kind {
		case read:
			if value, _ := session.Attr(t.data.probe).(string); !t.good(value) {
				wrong(w)
			}
		case write:
			session.SetAttr(t.data.probe, t.next())
		case seed:
			for i, name := range t.data.names {
				session.SetAttr(name, t.data.value(i))
			}
		case show:
			value, _ := session.Attr(t.data.probe).(string)
			w.Write([]byte(value))
			return
		}
		w.Write(ok)
	})
}

func (s *iczaServer) close() { s.sessions.Close() }

type iczaCountingStore struct {
	icza.Store
	calls *calls
}

func (s *iczaCountingStore) Get(id string) icza.Session {
	s.calls.loads.Add(1)
	return s.Store.Get(id)
}

func (s *iczaCountingStore) Add(session icza.Session) {
	s.calls.saves.Add(1)
	s.Store.Add(session)
}

func (s *iczaCountingStore) Remove(session icza.Session) {
	s.calls.deletes.Add(1)
	s.Store.Remove(session)
}
