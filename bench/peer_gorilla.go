package main

import (
	"bytes"
	"net/http"

	"github.com/gorilla/sessions"
)

// gorillaPeer is gorilla/sessions with its cookie store, encrypted and authenticated: the
// session travels with every request, and there is nothing to look up.
var gorillaPeer = &peer{
	name:   "gorilla",
	start:  startGorilla,
	tooBig: large, // a cookie has 4096 bytes at most
}

type gorillaServer struct{ store *sessions.CookieStore }

func startGorilla(*calls) server {
	hash, block := bytes.Repeat([]byte{1}, 32), bytes.Repeat([]byte{2}, 32)
	return web{&gorillaServer{sessions.NewCookieStore(hash, block)}}
}

func (s *gorillaServer) handler(t task) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if t.kind == leave {
			w.Write(ok)
			return
		}
		session, err := s.store.Get(r, "session")
		if err != nil {
			wrong(w)
			return
		}
		switch t.kind {
		case read:
			if value, _ := session.Values[t.data.probe].(string); !t.good(value) {
				wrong(w)
			}
		case write:
			session.Values[t.data.probe] = t.next()
		case seed:
			for i, name := range t.data.names {
				session.Values[name] = t.data.value(i)
			}
		case show:
			value, _ := session.Values[t.data.probe].(string)
			w.Write([]byte(value))
			return
		}
		if t.kind != read {
			if err := session.Save(r, w); err != nil {
				wrong(w)
			}
		}
		w.Write(ok)
	})
}

func (s *gorillaServer) close() {}
