package main

import (
	"net/http"
	"sync/atomic"
)

// A peer is one way to keep sessions.
type peer struct {
	name string
	// start makes a program with an empty store. calls, if not nil, counts the calls of
	// the store.
	start func(calls *calls) server
	// stores: sessions are kept in the process.
	stores bool
	// counts: calls are counted.
	counts bool
	// tooBig is data that sessions cannot hold, if any.
	tooBig *payload
	// alone: it has an HTTP server of its own, so there is no bare handler to compare it
	// with over loopback.
	alone bool
}

// cannot says why a peer has no figures for c; "" if it has.
func (p *peer) cannot(c *testCase) string {
	switch {
	case c.data == p.tooBig:
		return "too big"
	case c.loopback && p.alone:
		return "no net/http"
	}
	return ""
}

var peers = []*peer{bare, limit, cloakroomPeer, scsPeer, gorillaPeer, fiberPeer, iczaPeer}

// A server is a program that keeps sessions.
type server interface {
	// client returns a client whose requests carry a Cookie header, unless it is "", and
	// are answered by a handler that does t.
	client(t task, cookie string) client
	// close ends what runs in the background.
	close()
}

// A client sends one kind of request. It is for one goroutine.
type client interface {
	// send sends the request. It is what is measured.
	send()
	// last returns what the last request was answered.
	last() answer
}

// An answer is what a handler said.
type answer struct {
	status int
	body   string
	cookie string // the Set-Cookie header
}

// A webServer is a server whose handlers are those of net/http.
type webServer interface {
	handler(t task) http.Handler
	close()
}

// web makes a server of a webServer.
type web struct{ webServer }

func (s web) client(t task, cookie string) client {
	return newWebClient(s.handler(t), cookie)
}

// calls counts the calls of a store.
type calls struct{ loads, saves, deletes atomic.Int64 }

// user is who signs in.
const user = "8c0f5a52-1f0d-4b57-9c1e-0d7b0f3c2a11"

// ok is what handlers answer.
var ok = []byte("ok")

// wrong answers a request for which the session was not what it should be.
func wrong(w http.ResponseWriter) { w.WriteHeader(http.StatusConflict) }
