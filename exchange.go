package cloakroom

import (
	"context"
	"errors"
	"iter"
	"net/http"
	"sync"

	"github.com/cloakroom-go/cloakroom/store"
)

// Handler returns the middleware: next and what it calls find the session with
// [Manager.Load]. A request that nobody loads a session for costs one allocation, and no
// store call, cookie or header. What was edited is saved before the first byte of the
// response; when that fails, Config.OnError answers and the handler's own output is
// discarded. A panic that leaves next saves nothing. Handlers of several managers may be
// nested; a second one of the same manager does nothing.
func (m *Manager) Handler(next http.Handler) http.Handler {
	return &middleware{m, next}
}

type middleware struct {
	m    *Manager
	next http.Handler
}

func (h *middleware) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if _, nested := r.Context().Value(managerKey{h.m}).(*exchange); nested {
		h.next.ServeHTTP(w, r)
		return
	}
	x := &exchange{Context: r.Context(), m: h.m, w: w}
	x.req = *r.WithContext(x)
	returned := false
	defer func() {
		// The server removes the temporary files of the form it finds in its own request,
		// and outer handlers read the pattern there.
		r.MultipartForm, r.Pattern = x.req.MultipartForm, x.req.Pattern
		x.end(returned)
	}()
	h.next.ServeHTTP(x, &x.req)
	returned = true
}

// An exchange is one request and its response: the request's context, the copy of the
// request that carries it, and the ResponseWriter, in one allocation.
type exchange struct {
	context.Context // of the request that came in
	m               *Manager
	w               http.ResponseWriter
	req             http.Request

	loading sync.Mutex // held by the first Load; guards err
	err     error

	mu       sync.Mutex // guards what follows; not held during I/O
	session  *Session
	began    bool // the commit point is passed
	canceled bool // Fail was called
	failed   bool // the commit failed, and OnError has answered
	done     bool

	values [2]string // room for header values
}

// Value answers for this manager and passes other keys on, so contexts derived from this
// one are cancelled as if it were not there.
func (x *exchange) Value(key any) any {
	if k, ok := key.(managerKey); ok && k.Manager == x.m {
		return x
	}
	return x.Context.Value(key)
}

func (x *exchange) load() (*Session, error) {
	x.loading.Lock()
	defer x.loading.Unlock()
	if x.session != nil || x.err != nil {
		return x.session, x.err
	}
	s := x.m.newSession(x)
	s.x = x
	if x.err = x.open(s); x.err != nil {
		return nil, x.err
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	s.late, s.finished = x.began, x.done
	x.session = s
	return s, nil
}

// open tries the tokens of the request. Cookies are scanned in place: an iterator over
// them would cost allocations.
func (x *exchange) open(s *Session) error {
	if x.m.cookie == nil {
		return x.openAll(s, x.m.cfg.Transport.Tokens(&x.req))
	}
	c := candidates{s: s, ctx: x}
	for _, line := range x.req.Header["Cookie"] {
		for line != "" {
			var text string
			var found bool
			if text, line, found = x.m.cookie.next(line); !found {
				break
			}
			if done, err := c.try(text); done || err != nil {
				return err
			}
		}
	}
	return nil
}

func (x *exchange) openAll(s *Session, tokens iter.Seq[string]) error {
	c := candidates{s: s, ctx: x}
	for text := range tokens {
		if done, err := c.try(text); done || err != nil {
			return err
		}
	}
	return nil
}

// begin commits the session once, before the first byte. False: the commit failed, it
// has been answered, and output is to be discarded.
func (x *exchange) begin() bool {
	x.mu.Lock()
	if x.began {
		defer x.mu.Unlock()
		return !x.failed
	}
	x.began = true
	s, canceled := x.session, x.canceled
	x.mu.Unlock()
	if s == nil {
		return true
	}
	err := s.conclude(canceled)
	if err == nil {
		return true
	}
	x.mu.Lock()
	x.failed = true
	x.mu.Unlock()
	x.m.answer(x.w, &x.req, err)
	return false
}

// conclude is the commit before the first byte.
func (s *Session) conclude(canceled bool) error {
	s.op.Lock()
	defer s.op.Unlock()
	var err error
	if !canceled {
		var due bool
		if due, err = s.due(); due {
			// A deadline of the request is for its answer, not for what it has changed.
			err = s.carry(context.WithoutCancel(s.ctx))
		}
		if errors.Is(err, ErrEnded) || errors.Is(err, store.ErrConflict) {
			err = nil // decided by a race, and told to the Observer
		}
	}
	s.mu.Lock()
	s.late = true
	s.mu.Unlock()
	s.x.depend()
	return err
}

// end runs when the handler has returned or has panicked.
func (x *exchange) end(returned bool) {
	if returned {
		x.begin()
	}
	x.mu.Lock()
	x.done = true
	s, silent := x.session, x.failed || x.canceled || !returned
	x.mu.Unlock()
	if s == nil {
		return
	}
	s.op.Lock()
	defer s.op.Unlock()
	s.mu.Lock()
	s.finished = true
	left := s.pending
	s.pending = pending{}
	broken := s.err
	s.mu.Unlock()
	if silent {
		return
	}
	s.drop(x, &left, ReasonTooLate)
	if broken != nil {
		x.m.observe(x, Warning{Problem: broken.Error(), Remedy: "check Session.Err, or give the field a new name when its type changes"})
	}
}
