package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"net/http"
	"strings"
	"sync"
)

// limit is the floor: a hand-written scan for the cookie, one map of live values under
// one lock, and the session handed over through the request's context in one allocation.
// It has no expiry, no bounds, and keeps whatever the handler puts in.
var limit = &peer{
	name:   "limit",
	start:  func(*calls) server { return web{&limitServer{sessions: map[string]map[string]string{}}} },
	stores: true,
}

type limitServer struct {
	mu       sync.RWMutex
	sessions map[string]map[string]string
}

// A limitRequest is the context that carries the session, and the request that carries
// the context.
type limitRequest struct {
	context.Context
	request http.Request
	token   string
}

type limitKey struct{}

func (r *limitRequest) Value(key any) any {
	if key == (limitKey{}) {
		return r
	}
	return r.Context.Value(key)
}

func (s *limitServer) handler(t task) http.Handler {
	return &limitMiddleware{http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx := r.Context()
		switch t.kind {
		case read:
			if !t.good(s.get(ctx, t.data.probe)) {
				wrong(w)
			}
		case write:
			s.set(ctx, w, t.data.probe, t.next())
		case seed:
			for i, name := range t.data.names {
				s.set(ctx, w, name, t.data.value(i))
			}
		case show:
			w.Write([]byte(s.get(ctx, t.data.probe)))
			return
		}
		w.Write(ok)
	})}
}

type limitMiddleware struct{ next http.Handler }

func (m *limitMiddleware) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ctx := &limitRequest{Context: r.Context()}
	ctx.request = *r.WithContext(ctx)
	m.next.ServeHTTP(w, &ctx.request)
}

const limitCookie = "session="

// freshToken returns a token that was not there before, and sends it.
func freshToken(w http.ResponseWriter) string {
	var id [32]byte
	rand.Read(id[:])
	token := base64.RawURLEncoding.EncodeToString(id[:])
	w.Header()["Set-Cookie"] = []string{limitCookie + token + "; Path=/; HttpOnly; Secure; SameSite=Lax; Max-Age=86400"}
	return token
}

func limitToken(h http.Header) string {
	for _, line := range h["Cookie"] {
		for line != "" {
			var part string
			part, line, _ = strings.Cut(line, ";")
			part = strings.TrimLeft(part, " ")
			if value, found := strings.CutPrefix(part, limitCookie); found {
				return value
			}
		}
	}
	return ""
}

// find returns the request of a context, with its token. The cookie is looked for only
// when somebody asks.
func (s *limitServer) find(ctx context.Context) *limitRequest {
	r := ctx.Value(limitKey{}).(*limitRequest)
	if r.token == "" {
		r.token = limitToken(r.request.Header)
	}
	return r
}

func (s *limitServer) get(ctx context.Context, name string) string {
	r := s.find(ctx)
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.sessions[r.token][name]
}

func (s *limitServer) set(ctx context.Context, w http.ResponseWriter, name, value string) {
	r := s.find(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	session := s.sessions[r.token]
	if session == nil {
		r.token = freshToken(w)
		session = map[string]string{}
		s.sessions[r.token] = session
	}
	session[name] = value
}

func (s *limitServer) close() {}
