package main

import "net/http"

// bare is a handler without sessions. It answers every task alike, so only its untouched
// cases compare the same work; in the others it is what a request costs without.
var bare = &peer{
	name:  "bare",
	start: func(*calls) server { return web{bareServer{}} },
}

type bareServer struct{}

func (bareServer) handler(t task) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if t.kind == seed {
			// So that its requests are as long as those of the others.
			w.Header().Set("Set-Cookie", "session=0123456789abcdefghijklmnopqrstuvwxyz0123456")
		}
		w.Write(ok)
	})
}

func (bareServer) close() {}
