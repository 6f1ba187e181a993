// Package cloakroom gives web servers sessions: the browser carries a ticket, the server
// keeps the coat.
//
//	sessions, err := cloakroom.New(memstore.New(nil), nil) // nil: safe defaults
//	...
//	http.ListenAndServe(":8080", sessions.Handler(mux))
//
// Handlers below [Manager.Handler] find their session with [Manager.Load] and name what
// is in it with typed keys:
//
//	var Visits = cloakroom.NewKey[int]("visits")
//
//	s, err := sessions.Load(r.Context())
//	if err != nil {
//		sessions.Fail(w, r, err)
//		return
//	}
//	Visits.Update(s, func(n int) int { return n + 1 })
//
// One rule tells what does I/O: a method that takes a context does it now and returns an
// error; every other method only edits the request's view, and the middleware saves all
// of it in one step before the first byte of the response.
//
// # What holds, whatever happens at once
//
// A session that was ended stays ended: a Save is an edit of a live record, so a request
// that was under way during a sign-out finds nothing to write to. Requests that change
// different values both keep their change. [Key.Update] and [Key.Pop] are computed again
// when another request was faster, so a counter counts every request. Nothing from before
// a [Session.SignIn] is written after it.
//
// # What it costs
//
// A request that does not load its session costs one allocation, and no store call,
// cookie or header. A read is one store call, a write two. A visitor who stores nothing
// leaves no record. Sessions that are only read are written at most once per
// Config.TouchInterval.
//
// # What is stored
//
// A record (see package store) is a set of named JSON values. Those whose names begin with
// "$" belong to the manager; among them is a SHA-256 of the token's secret, never the
// secret, so a copy of the store signs nobody in. Times are milliseconds since 1970.
//
// # Backwards compatibility
//
// Records that one release has written are read by all later ones, and fields that a
// release does not know survive when it rewrites a record. Names of events, of their
// fields and of the reasons in them may be relied on; the wording of errors may not.
package cloakroom
