package main

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// A kind is what a handler does with the session before it writes its answer.
type kind int

const (
	leave  kind = iota // nothing
	read               // get one value
	write              // set one value
	seed               // set all values
	show               // answer with one value
	signIn             // make it the session of a user
)

// A payload is what a session holds.
type payload struct {
	names  []string
	values []string
	probe  string   // the name that is read and written
	others []string // what it is set to, in turn
}

// The number of other values is prime, so that requests that share the list and come in
// bursts of any size do not set a session to what it holds.
const others = 251

func newPayload(fields, length int) *payload {
	random := rand.New(rand.NewPCG(1, uint64(fields)))
	text := func() string {
		b := make([]byte, length)
		for i := range b {
			b[i] = byte('a' + random.IntN(26))
		}
		return string(b)
	}
	p := &payload{}
	for i := range fields {
		p.names = append(p.names, fmt.Sprintf("field%02d", i))
		p.values = append(p.values, text())
	}
	p.probe = p.names[fields/2]
	for range others {
		p.others = append(p.others, text())
	}
	return p
}

// value returns a fresh copy of a value, as one that came with a request would be.
func (p *payload) value(i int) string { return strings.Clone(p.values[i]) }

var (
	small = newPayload(10, 96)
	large = newPayload(64, 1000)
)

// A task is what a handler is made for.
type task struct {
	kind kind
	data *payload
	next func() string // the value that a write sets
}

// good reports whether a value that a handler read is one that may be there.
func (t *task) good(value string) bool { return len(value) == len(t.data.values[0]) }

// A testCase is one row of work that all peers do.
type testCase struct {
	name   string // as -cases has it
	title  string
	kind   kind
	data   *payload
	cookie bool // the request carries the cookie of a session that holds data
	makes  bool // sessions may come to be, so each slice has an empty store

	loopback bool // sent over HTTP

	// Of stores only:
	server  string // the only one whose stores do it; "" for all
	writers int    // in process, by so many goroutines at once
}

var cases = []*testCase{
	{name: "none", title: "no cookie, session untouched", kind: leave, data: small, makes: true},
	{name: "untouched", title: "cookie, session untouched", kind: leave, data: small, cookie: true},
	{name: "read", title: "read one of ten values (1 KB)", kind: read, data: small, cookie: true},
	{name: "write", title: "write one of ten values (1 KB)", kind: write, data: small, cookie: true},
	{name: "create", title: "new session with one value", kind: write, data: small, makes: true},
	{name: "read64k", title: "read one of 64 values (64 KB)", kind: read, data: large, cookie: true},
	{name: "write64k", title: "write one of 64 values (64 KB)", kind: write, data: large, cookie: true},
}

// Cases over loopback.
var httpCases = []*testCase{
	{name: "http-read", title: "over loopback: read one of ten values (1 KB)", kind: read, data: small, cookie: true, loopback: true},
	{name: "http-write", title: "over loopback: write one of ten values (1 KB)", kind: write, data: small, cookie: true, loopback: true},
}

// Cases of stores, over loopback but for the last.
var storeCases = []*testCase{
	{name: "untouched", title: "cookie, session untouched", kind: leave, data: small, cookie: true, loopback: true},
	{name: "read", title: "read one of ten values (1 KB)", kind: read, data: small, cookie: true, loopback: true},
	{name: "write", title: "write one of ten values (1 KB)", kind: write, data: small, cookie: true, loopback: true},
	{name: "create", title: "new session with one value", kind: write, data: small, makes: true, loopback: true},
	{name: "signin", title: "sign in to a session of ten values (1 KB)", kind: signIn, data: small, cookie: true},
	{name: "read64k", title: "read one of 64 values (64 KB)", kind: read, data: large, cookie: true, loopback: true},
	{name: "write64k", title: "write one of 64 values (64 KB)", kind: write, data: large, cookie: true, loopback: true},
	{name: "writers", title: "16 writers at once, in process", kind: write, data: small, cookie: true, server: "sqlite", writers: 16},
}

// in takes turns over values. It is for one goroutine.
func in(values []string) func() string {
	i := 0
	return func() string {
		i++
		return values[i%len(values)]
	}
}
