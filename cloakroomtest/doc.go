// Package cloakroomtest helps programs to test their own handlers: [SignedIn] and
// [Anonymous] give a request a session, [Session] reads back what a handler stored, and a
// [Clock] makes time pass.
//
// They work with every store, and with every [cloakroom.Transport] that uses cookies or
// reads the header that it sends. They go through [cloakroom.Manager.Handler] as requests
// do, so what a test sees is what a browser would get, and the manager's Observer is told
// of it.
//
// A handler test has three steps:
//
//	r := httptest.NewRequest("POST", "https://example.com/cart", body)
//	cloakroomtest.SignedIn(t, sessions, r, "u1", nil)
//
//	w := httptest.NewRecorder()
//	handler.ServeHTTP(w, r) // handler is what sessions.Handler returned, or is around that
//
//	res := w.Result()
//	res.Request = r
//	s := cloakroomtest.Session(t, sessions, res)
package cloakroomtest
