package cloakroom

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"

	"github.com/cloakroom-go/cloakroom/seal"
	"github.com/cloakroom-go/cloakroom/store"
)

// A Manager gives requests their sessions. It is safe for concurrent use and has no
// goroutines of its own; a program has one for each kind of session, as a rule one.
type Manager struct {
	store   store.Store
	sweeper store.Sweeper // nil: the store needs none
	cfg     Config
	quiet   bool // the Observer is the default one, which most events do not concern
	cookie  *cookieTransport
	browser bool // cookies end with the browser
	gate    gate
	sealer  *sealer // nil: values are stored in the clear
	outage  outage

	warnings sync.Map // problems that were reported
}

// New returns a manager of the sessions in s. A nil Config is the zero Config. It is an
// error when s is nil, when values of the Config contradict each other, or when the
// Config asks for something that s cannot do; the message names the field and the remedy.
// The Config is copied: changing it later does nothing.
//
// Managers over the same store open each other's sessions, unless each has a
// Config.KeyPrefix of its own.
func New(s store.Store, config *Config) (*Manager, error) {
	if s == nil {
		return nil, errors.New("cloakroom: New: the store is nil: pass one, such as memstore.New(nil)")
	}
	var c Config
	if config != nil {
		c = *config
	}
	c, err := c.withDefaults(s)
	if err != nil {
		return nil, err
	}
	m := &Manager{store: s, cfg: c}
	if len(c.SealKeys) > 0 {
		ring, err := seal.NewRing(c.SealKeys...)
		if err != nil {
			return nil, fmt.Errorf("cloakroom: Config.SealKeys: %w", err)
		}
		m.sealer = &sealer{ring}
	}
	m.sweeper, _ = store.As[store.Sweeper](s)
	_, m.quiet = c.Observer.(logObserver)
	m.cookie, _ = c.Transport.(*cookieTransport)
	if cookie := cookieIn(c.Transport); cookie != nil {
		m.browser = cookie.settings.BrowserSession
	}
	if c.Insecure && (c.CookieFor != nil || cookieIn(c.Transport) != nil) {
		m.warn(context.Background(), "Config.Insecure is set, so session cookies travel over plain HTTP for all to read",
			"use it on machines for development only")
	}
	return m, nil
}

// cookieFor asks the program for the cookie of a request.
func (m *Manager) cookieFor(r *http.Request) (c *cookieTransport, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: Config.CookieFor panicked: %v", ErrUnavailable, p)
		}
	}()
	if c, err = newCookieTransport(m.cfg.CookieFor(r), m.cfg.Insecure); err != nil {
		return nil, fmt.Errorf("cloakroom: Config.CookieFor returned a Cookie that cannot be: %w", err)
	}
	c.now, c.proxies = m.cfg.Now, m.proxies()
	return c, nil
}

func (m *Manager) now() int64 { return m.cfg.Now().UnixMilli() }

// observing reports whether events other than problems have a reader.
func (m *Manager) observing() bool { return !m.quiet }

func (m *Manager) observe(ctx context.Context, e Event) { m.cfg.Observer.Observe(ctx, e) }

// warn reports a problem once.
func (m *Manager) warn(ctx context.Context, problem, remedy string) {
	if _, told := m.warnings.LoadOrStore(problem, true); !told {
		m.observe(ctx, Warning{Problem: problem, Remedy: remedy})
	}
}

// warnStore reports a store that breaks a rule.
func (m *Manager) warnStore(ctx context.Context, seen string) {
	m.warn(ctx, "the store broke a rule of its contract: "+seen, "have it examined with package storetest")
}

// managerKey finds a manager's exchange in a context.
type managerKey struct{ *Manager }

// Load returns this request's session, read from the store at the first call: every call
// returns the same pointer, or the same error. A request without a valid token has an
// empty session, which is stored when something is in it.
//
// The error wraps [ErrUnavailable] when the store cannot say, and the context's error
// when the client has left. Without [Manager.Handler] around the handler it is an error
// too. [Manager.Fail] answers them all.
func (m *Manager) Load(ctx context.Context) (*Session, error) {
	x, ok := ctx.Value(managerKey{m}).(*exchange)
	if !ok {
		return nil, errOutside("Load")
	}
	return x.load()
}

func errOutside(method string) error {
	return fmt.Errorf("cloakroom: %s: the context is not of a request that came through this manager's Handler: "+
		"wrap the handler with Manager.Handler, and pass r.Context()", method)
}

// Func returns a handler that loads the session for f, or answers with [Manager.Fail].
// It needs [Manager.Handler] around it.
func (m *Manager) Func(f func(w http.ResponseWriter, r *http.Request, s *Session)) http.Handler {
	return &sessionHandler{m, f}
}

type sessionHandler struct {
	m *Manager
	f func(http.ResponseWriter, *http.Request, *Session)
}

func (h *sessionHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s, err := h.m.Load(r.Context())
	if err != nil {
		h.m.Fail(w, r, err)
		return
	}
	h.f(w, r, s)
}

// Open returns the session of the first of the tokens that opens one, or an empty one.
// It is for programs that are not HTTP handlers, and for adapters: edits are saved by
// [Manager.Commit]. Errors are those of Load.
func (m *Manager) Open(ctx context.Context, tokens ...string) (*Session, error) {
	c := candidates{s: m.newSession(ctx), ctx: ctx}
	for _, text := range tokens {
		if text == "" {
			continue // no token, rather than a bad one
		}
		done, err := c.try(text)
		if err != nil {
			c.tell()
			return nil, err
		}
		if done {
			break
		}
	}
	c.tell()
	return c.s, nil
}

func (m *Manager) newSession(ctx context.Context) *Session {
	s := &Session{m: m, ctx: ctx, now: m.now()}
	s.own.total = m.cfg.StoreTimeout
	s.browser = m.browser
	s.budget = &s.own
	return s
}

// Commit saves what is pending in a session from [Manager.Open], and returns what the
// client must be told. It may be called again after further edits. A session that was
// ended elsewhere is no error: its edits are dropped, and there is nothing to send. The
// error wraps [ErrUnavailable] when the store cannot say. Committing a session that the
// Handler commits is an error.
func (m *Manager) Commit(ctx context.Context, s *Session) (Ticket, error) {
	if s.x != nil {
		return Ticket{}, errors.New("cloakroom: Commit: the Handler commits this session: use Session.Save to save it now")
	}
	s.op.Lock()
	defer s.op.Unlock()
	s.mu.Lock()
	skip := s.skip
	if skip {
		s.takePending()
	}
	s.mu.Unlock()
	var err error
	if !skip {
		err = s.commit(detach(ctx))
	}
	s.budget.reset() // what comes next is another request's
	if err != nil && !errors.Is(err, ErrEnded) {
		return Ticket{}, err
	}
	var out Ticket
	if s.out != nil {
		out, s.out = *s.out, nil
	} else if !s.IsNew() {
		s.mu.Lock()
		token, meta := s.token, s.meta
		s.mu.Unlock()
		out = s.ticket(token, &meta)
		out.Send = false
	}
	return out, nil
}
