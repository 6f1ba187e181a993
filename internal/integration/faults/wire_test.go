package faults

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
)

// A wire is a small server of records, and can be broken in ways that the trials have to
// find.
type wire struct {
	t     testing.TB
	addr  string
	tasks sync.WaitGroup

	mu       sync.Mutex // also held while it is paused
	listener net.Listener
	conns    map[net.Conn]bool
	records  map[string]store.Record
	removed  map[string]store.Record

	revives bool // a Save brings back what was deleted
	forgets bool // a kill loses everything
}

type request struct {
	Op, Key string
	Change  store.Change
}

type response struct {
	Record store.Record
	Err    string
}

func newWire(t testing.TB) *wire {
	w := &wire{t: t, addr: "127.0.0.1:0", conns: make(map[net.Conn]bool)}
	w.records, w.removed = make(map[string]store.Record), make(map[string]store.Record)
	w.Start()
	t.Cleanup(w.Stop)
	return w
}

func (w *wire) Addr() string { return w.addr }
func (w *wire) Pause()       { w.mu.Lock() }
func (w *wire) Resume()      { w.mu.Unlock() }

func (w *wire) Start() {
	l, err := net.Listen("tcp", w.addr)
	if err != nil {
		w.t.Fatal(err)
	}
	w.listener, w.addr = l, l.Addr().String()
	w.tasks.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			w.mu.Lock()
			w.conns[conn] = true
			w.mu.Unlock()
			w.tasks.Go(func() { w.serve(conn) })
		}
	})
}

func (w *wire) Stop() {
	w.listener.Close()
	w.mu.Lock()
	for conn := range w.conns {
		conn.Close()
	}
	w.mu.Unlock()
	w.tasks.Wait()
}

func (w *wire) Kill() {
	w.Stop()
	if w.forgets {
		clear(w.records)
	}
}

func (w *wire) serve(conn net.Conn) {
	in, out := json.NewDecoder(conn), json.NewEncoder(conn)
	for {
		var r request
		if in.Decode(&r) != nil || out.Encode(w.answer(r)) != nil {
			conn.Close()
			w.mu.Lock()
			delete(w.conns, conn)
			w.mu.Unlock()
			return
		}
	}
}

func (w *wire) answer(r request) response {
	w.mu.Lock()
	defer w.mu.Unlock()
	rec, live := w.records[r.Key]
	switch r.Op {
	case "load":
		if !live {
			return response{Err: store.ErrNotFound.Error()}
		}
	case "save":
		if !live && w.revives {
			rec, live = w.removed[r.Key]
		}
		var err error
		if rec, err = store.Apply(rec, live, r.Change); err != nil {
			return response{Err: err.Error()}
		}
		w.records[r.Key] = rec
	case "delete":
		w.removed[r.Key] = rec
		delete(w.records, r.Key)
	}
	return response{Record: rec}
}

// A wireStore is its client.
type wireStore struct {
	addr string
	mu   sync.Mutex
	idle []*wireConn
	lost []*wireConn

	repeats bool // a request that failed is sent again
	patient bool // it waits for ever
	clings  bool // it keeps connections that have failed
	leaks   bool // it forgets connections that have failed
	denies  bool // it says that nothing is there when it cannot know
}

type wireConn struct {
	net.Conn
	r *bufio.Reader
}

func (s *wireStore) Load(ctx context.Context, key string) (store.Record, error) {
	return s.do(ctx, request{Op: "load", Key: key})
}

func (s *wireStore) Save(ctx context.Context, key string, c store.Change) (uint64, error) {
	c.Base = nil
	rec, err := s.do(ctx, request{"save", key, c})
	return rec.Version, err
}

func (s *wireStore) Delete(ctx context.Context, key string) error {
	_, err := s.do(ctx, request{Op: "delete", Key: key})
	return err
}

func (s *wireStore) do(ctx context.Context, r request) (store.Record, error) {
	answer, err := s.try(ctx, r)
	if err != nil && s.repeats {
		answer, err = s.try(ctx, r)
	}
	if err != nil && s.denies && r.Op == "load" {
		return store.Record{}, store.ErrNotFound
	}
	if err != nil {
		return store.Record{}, fmt.Errorf("wire: %s: %w", r.Op, err)
	}
	for _, known := range []error{store.ErrNotFound, store.ErrExists, store.ErrConflict} {
		if answer.Err == known.Error() {
			return store.Record{}, known
		}
	}
	if answer.Err != "" {
		return store.Record{}, errors.New(answer.Err)
	}
	return answer.Record, nil
}

func (s *wireStore) try(ctx context.Context, r request) (answer response, err error) {
	conn, err := s.conn(ctx)
	if err != nil {
		return response{}, err
	}
	deadline, _ := ctx.Deadline()
	if s.patient {
		deadline = time.Time{}
	}
	if err = conn.SetDeadline(deadline); err == nil {
		err = json.NewEncoder(conn).Encode(r)
	}
	var line []byte
	if err == nil {
		line, err = conn.r.ReadBytes('\n')
	}
	if err == nil {
		err = json.Unmarshal(line, &answer)
	}
	if err != nil && !s.clings {
		if s.leaks {
			s.mu.Lock()
			s.lost = append(s.lost, conn)
			s.mu.Unlock()
		} else {
			conn.Close()
		}
		return response{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.idle = append(s.idle, conn)
	return answer, err
}

func (s *wireStore) conn(ctx context.Context) (*wireConn, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := len(s.idle); n > 0 {
		conn := s.idle[n-1]
		s.idle = slices.Delete(s.idle, n-1, n)
		return conn, nil
	}
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", s.addr)
	if err != nil {
		return nil, err
	}
	return &wireConn{conn, bufio.NewReader(conn)}, nil
}

func (s *wireStore) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, conn := range s.idle {
		conn.Close()
	}
}
