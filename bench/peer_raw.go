package main

import (
	"context"
	"net/http"
)

// blobs is the client of a server with nothing round it: bytes at keys.
type blobs interface {
	get(ctx context.Context, key string) ([]byte, error)
	put(ctx context.Context, key string, blob []byte) error
	close()
}

// A rawServer is the floor of a session in a store that is read before it is written: a
// hand-written scan for the cookie, and one blob of the session's size under its token,
// which is neither encoded nor decoded. Two writers at a time lose one of their changes.
type rawServer struct{ blobs }

func (s *rawServer) handler(t task) http.Handler {
	size := 0
	for _, v := range t.data.values {
		size += len(v)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := s.serve(w, r, &t, size); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Write(ok)
	})
}

func (s *rawServer) serve(w http.ResponseWriter, r *http.Request, t *task, size int) error {
	token := limitToken(r.Header)
	if t.kind == leave {
		return nil
	}
	blob := make([]byte, size)
	if token != "" {
		var err error
		if blob, err = s.get(r.Context(), token); err != nil {
			return err
		}
	}
	switch t.kind {
	case read:
		if len(blob) != size {
			wrong(w)
		}
		return nil
	case write:
		value := t.next()
		if token == "" {
			blob = blob[:len(value)]
		}
		copy(blob, value)
	}
	if token == "" {
		token = freshToken(w)
	}
	return s.put(r.Context(), token, blob)
}
