package cloakroom

import (
	"context"
	"errors"
	"iter"
	"net/http"
	"sync"
)

// Handler returns the middleware: next and what it calls find the session with
// [Manager.Load]. A request that nobody loads a session for costs one allocation, and no
// store call, cookie or header. What was edited is saved before the first byte of the
// response; when that fails, Config.OnError answers, and the handler's own output is
// discarded with an error from its Write; when next gives up over that error by panicking
// with http.ErrAbortHandler, the answer still stands. A panic that leaves next otherwise
// saves nothing. Handlers
// of several managers may be nested; a second one of the same manager does nothing.
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
	x.budget.total = h.m.cfg.StoreTimeout
	x.req = *r.WithContext(x)
	returned := false
	defer func() {
		// The server removes the temporary files of the form it finds in its own request,
		// and outer handlers read the pattern there.
		r.MultipartForm, r.Pattern = x.req.MultipartForm, x.req.Pattern
		x.mu.Lock()
		answered := x.failure != nil && x.failure != errPanicked
		x.mu.Unlock()
		x.end(returned)
		if answered && !returned {
			// The client has its answer, and Write has told the handler: that it gave up for
			// that, as httputil.ReverseProxy does, must not tear the answer.
			if p := recover(); p != nil && p != http.ErrAbortHandler {
				panic(p)
			}
		}
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
	budget          budget

	loading   sync.Mutex // held by the first Load; guards err and anonymous
	err       error
	anonymous bool // see Manager.AnonymousOnOutage

	mu       sync.Mutex // guards what follows; not held during I/O
	session  *Session
	failure  error            // of the commit, which OnError has answered
	ticket   *Ticket          // the last one of the session
	unsent   error            // of the Transport
	owed     bool             // ticket is not in the header yet
	voided   bool             // a ticket was withdrawn that may be in the header
	began    bool             // the commit point is passed
	cookie   *cookieTransport // of Config.CookieFor
	direct   bool             // the session was looked at by a Direct
	canceled bool             // Fail was called
	done     bool             // the handler has returned

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
	s, events, err := x.loadOnce()
	for _, e := range events {
		x.m.observe(x, e)
	}
	return s, err
}

func (x *exchange) loadOnce() (*Session, []Event, error) {
	x.loading.Lock()
	defer x.loading.Unlock()
	if x.session != nil || x.err != nil && !x.forgives() {
		return x.session, nil, x.err
	}
	s := x.m.newSession(x)
	s.x, s.budget = x, &x.budget
	var events []Event
	if x.err == nil {
		events, x.err = x.open(s)
	}
	if x.err != nil {
		if !x.forgives() {
			return nil, events, x.err
		}
		s.blind, s.doubt, x.err = true, x.err, nil
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	s.late, s.finished = x.began, x.done
	x.session = s
	return s, events, nil
}

// forgives reports whether the handler can do without the session that could not be loaded.
// The caller holds loading.
func (x *exchange) forgives() bool { return x.anonymous && errors.Is(x.err, ErrUnavailable) }

// open tries the tokens of the request. Cookies are scanned in place: an iterator over
// them would cost allocations.
func (x *exchange) open(s *Session) ([]Event, error) {
	cookie := x.m.cookie
	if x.m.cfg.CookieFor != nil {
		own, err := x.m.cookieFor(&x.req)
		if err != nil {
			return nil, err
		}
		x.mu.Lock()
		x.cookie = own
		x.mu.Unlock()
		cookie, s.browser = own, own.settings.BrowserSession
	}
	if cookie == nil {
		return x.openAll(s, x.m.cfg.Transport.Tokens(&x.req))
	}
	c := candidates{s: s, ctx: x}
	for _, line := range x.req.Header["Cookie"] {
		for line != "" {
			var text string
			var found bool
			if text, line, found = cookie.next(line); !found {
				break
			}
			if done, err := c.try(text); done || err != nil {
				return c.events, err
			}
		}
	}
	return c.events, nil
}

func (x *exchange) openAll(s *Session, tokens iter.Seq[string]) ([]Event, error) {
	c := candidates{s: s, ctx: x}
	for text := range tokens {
		if done, err := c.try(text); done || err != nil {
			return c.events, err
		}
	}
	return c.events, nil
}

// begin commits the session once, before the first byte. An error means that the commit
// failed and has been answered: output is to be discarded.
func (x *exchange) begin() error {
	x.mu.Lock()
	if x.began {
		defer x.mu.Unlock()
		return x.failure
	}
	x.began = true
	s, canceled, direct := x.session, x.canceled, x.direct
	x.mu.Unlock()
	if s == nil && !direct {
		return nil
	}
	err := errPanicked // unless it returns
	defer func() {
		x.mu.Lock()
		x.failure = err
		x.mu.Unlock()
	}()
	err = nil
	if s != nil {
		err = s.conclude(canceled)
	}
	x.depend()
	// Once more: who writes the header may have replaced what an earlier Save has set.
	x.mu.Lock()
	x.owed = x.ticket != nil
	voided := x.voided
	x.mu.Unlock()
	if t, ok := x.transport().(withdrawer); ok && voided {
		t.withdraw(x.w.Header())
	}
	if sent := x.hand(); err == nil {
		err = sent
	}
	if err != nil {
		x.m.answer(x.w, &x.req, err)
	}
	return err
}

// transport returns what carries the token of this request.
func (x *exchange) transport() Transport {
	if x.m.cfg.CookieFor == nil {
		return x.m.cfg.Transport
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.cookie
}

// errPanicked is what output meets after a panic in a commit that somebody recovered.
var errPanicked = errors.New("cloakroom: the session was not saved, because a function of the program panicked")

// owe has the ticket handed out with the header. It does not touch the header itself:
// Save may run in a goroutine that http.TimeoutHandler has given up on.
func (x *exchange) owe(t Ticket) {
	x.mu.Lock()
	x.ticket, x.owed, x.voided = &t, true, false
	x.mu.Unlock()
}

// withdraw undoes owe. What a custom Transport has put into the header already stays.
func (x *exchange) withdraw() {
	x.mu.Lock()
	x.voided = x.voided || x.ticket != nil
	x.ticket, x.owed = nil, false
	x.mu.Unlock()
}

// hand puts the ticket that is owed into the header. The caller is about to use that.
func (x *exchange) hand() error {
	x.mu.Lock()
	t, owed, err := x.ticket, x.owed, x.unsent
	x.owed = false
	x.mu.Unlock()
	if !owed {
		return err
	}
	transport := x.transport()
	if c := cookieIn(transport); c != nil && c.secure && !t.Clear && x.m.plainHTTP(&x.req) {
		x.m.warn(context.WithoutCancel(x), "a Secure session cookie was sent over plain HTTP, and browsers will drop it",
			"serve HTTPS, have the proxy send X-Forwarded-Proto and list it in Config.TrustedProxies, or set Config.Insecure on a development machine")
	}
	err = transport.Send(x.w, &x.req, *t)
	x.mu.Lock()
	x.unsent = err
	x.mu.Unlock()
	return err
}

// conclude is the commit before the first byte.
func (s *Session) conclude(canceled bool) error {
	s.op.Lock()
	defer s.op.Unlock()
	s.mu.Lock()
	skip := canceled || s.skip
	s.mu.Unlock()
	var err error
	if !skip {
		var due bool
		if due, err = s.due(); due {
			// A deadline of the request is for its answer, not for what it has changed.
			err = s.carry(context.WithoutCancel(s.ctx))
		}
		if lostRace(err) {
			err = nil // and the Observer knows
		}
	}
	s.mu.Lock()
	s.late = true
	s.mu.Unlock()
	return err
}

// end runs when the handler has returned or has panicked.
func (x *exchange) end(returned bool) {
	if returned {
		_ = x.begin() // which has answered
	} else {
		_ = x.hand() // whoever recovers answers in its own way, but what is saved is saved
	}
	x.mu.Lock()
	x.done = true
	if !returned && !x.began { // a goroutine that is left behind shall not commit
		x.began, x.failure = true, errPanicked
	}
	s, silent := x.session, x.failure != nil || x.canceled || !returned
	x.mu.Unlock()
	if s == nil {
		return
	}
	s.op.Lock()
	defer s.op.Unlock()
	s.mu.Lock()
	s.finished = true
	left := s.takePending()
	broken, stored, skipped := s.err, s.stored(), s.skip
	s.mu.Unlock()
	if silent || skipped {
		return
	}
	if stored || !left.onlyLimits() { // the limits of nothing are no loss
		s.drop(x, &left, ReasonTooLate)
	}
	x.m.drawLots(x)
	if broken != nil {
		x.m.observe(x, Warning{Problem: broken.Error(), Remedy: "check Session.Err, or give the field a new name when its type changes"})
	}
}
