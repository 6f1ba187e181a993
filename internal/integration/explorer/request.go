package explorer

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/store"
)

var (
	keyA = cloakroom.NewKey[string]("a")
	keyB = cloakroom.NewKey[string]("b")
	keyN = cloakroom.NewKey[int]("n")
)

// A request is one request under way. Its goroutine and the schedule take turns: while
// the one runs, the other waits.
type request struct {
	name string
	no   int
	plan
	m    *cloakroom.Manager
	http bool

	turn     chan struct{}        // one value for each call that may happen
	over     *atomic.Bool         // the schedule is
	at       atomic.Pointer[call] // the one that waits for its turn; nil while running and when finished
	started  bool
	finished atomic.Bool
	endedAt  int // how many requests had ended by then; 0 for one that has not
	panicked any

	presented string    // the token that the client sent
	startedAt time.Time // by which its session is judged
	busy      time.Time // since when it waits for what it is doing now; zero when it is not
	answer    answer    // what the response has for the client so far
	delivered bool
	did       []op              // since the last outcome
	events    []cloakroom.Event // since the last outcome

	mu       sync.Mutex
	calls    []*call   // that happened
	outcomes []outcome // that the schedule has not seen yet

	view view // what the model knows of the request
}

// An answer is what a response has for the client.
type answer struct {
	token   string // "" when none was sent
	clear   bool
	expires time.Time
}

func (a answer) empty() bool { return a.token == "" && !a.clear }

// An outcome is what the program sees when the manager has answered.
type outcome struct {
	kind   kind
	did    []op // edits made since the one before
	err    error
	events []cloakroom.Event
	shown  shown
	answer answer
	since  time.Time // when what was done was begun
}

type kind string

const (
	opened    kind = "opened"
	committed kind = "committed" // by Save, or at the end
	destroyed kind = "destroyed"
)

// shown is what the session shows.
type shown struct {
	id      string // "" while it is not stored
	owner   string
	content content
}

// content is the program's fields, as JSON; "" for none.
type content struct{ a, b, n string }

func contentOf(fields store.Fields) (c content) {
	c.a, _ = fields.Get("a")
	c.b, _ = fields.Get("b")
	c.n, _ = fields.Get("n")
	return c
}

func show(s *cloakroom.Session) (v shown) {
	if !s.IsNew() {
		v.id = s.ID()
	}
	v.owner = s.Owner()
	v.content.a, _ = s.Raw("a")
	v.content.b, _ = s.Raw("b")
	v.content.n, _ = s.Raw("n")
	return v
}

// value is what the request writes: nobody else writes the same.
func (r *request) value() string { return "by " + strconv.Itoa(r.no) }

func (r *request) run(ctx context.Context) {
	defer func() {
		r.panicked = recover()
		r.finished.Store(true)
	}()
	ctx = context.WithValue(ctx, requestKey{}, r)
	if r.http {
		r.runHTTP(ctx)
	} else {
		r.runOpen(ctx)
	}
}

const cookieName = "__Host-session"

// runHTTP has the commit of the middleware at its end, so what the commit did is known
// from the response and the Observer.
func (r *request) runHTTP(ctx context.Context) {
	req := httptest.NewRequestWithContext(ctx, "GET", "https://example.com/", nil)
	if r.presented != "" {
		req.Header.Set("Cookie", cookieName+"="+r.presented)
	}
	w := httptest.NewRecorder()
	var session *cloakroom.Session
	var failure error
	r.m.Handler(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		s, err := r.m.Load(req.Context())
		if err != nil {
			failure = err
			return
		}
		session = s
		r.tell(opened, nil, s)
		for _, o := range r.program {
			if o != saveNow {
				r.do(req.Context(), o, s)
				continue
			}
			err := s.Save(req.Context())
			r.answer = answerOf(w.Header())
			r.tell(committed, err, s)
		}
	})).ServeHTTP(w, req)
	r.answer = answerOf(w.Header())
	if failure == nil && w.Code != http.StatusOK {
		failure = fmt.Errorf("status %d: %s", w.Code, strings.TrimSpace(w.Body.String()))
	}
	r.tell(committed, failure, session)
}

func (r *request) runOpen(ctx context.Context) {
	var tokens []string
	if r.presented != "" {
		tokens = []string{r.presented}
	}
	s, err := r.m.Open(ctx, tokens...)
	r.tell(opened, err, s)
	if err != nil {
		return
	}
	for _, o := range r.program {
		r.do(ctx, o, s)
	}
	ticket, err := r.m.Commit(ctx, s)
	if ticket.Send || ticket.Clear {
		r.answer = answer{token: ticket.Token, clear: ticket.Clear, expires: ticket.Expires}
	}
	r.tell(committed, err, s)
}

func (r *request) do(ctx context.Context, o op, s *cloakroom.Session) {
	if o != load && o != destroy {
		r.did = append(r.did, o)
	}
	switch o {
	case load:
		keyN.Get(s)
	case setA:
		keyA.Set(s, r.value())
	case setB:
		keyB.Set(s, r.value())
	case updateN:
		keyN.Update(s, func(n int) int { return n + 1 })
	case renew:
		s.Renew()
	case signInAlice, signInBob:
		s.SignIn(o.owner())
	case saveNow:
		panic("explorer: only the middleware shows what Save has for the client")
	case destroy:
		r.tell(destroyed, s.Destroy(ctx), s)
	}
}

// tell hands the schedule what happened.
func (r *request) tell(k kind, err error, s *cloakroom.Session) {
	o := outcome{kind: k, did: r.did, err: err, events: r.events, answer: r.answer, since: r.busy}
	if o.since.IsZero() {
		o.since = time.Now()
	}
	r.busy = time.Time{}
	if s != nil {
		o.shown = show(s)
		if err == nil && s.Err() != nil {
			o.err = s.Err()
		}
	}
	r.did, r.events = nil, nil
	r.mu.Lock()
	defer r.mu.Unlock()
	r.outcomes = append(r.outcomes, o)
}

// news returns the outcomes that nobody has seen yet.
func (r *request) news() []outcome {
	r.mu.Lock()
	defer r.mu.Unlock()
	outcomes := r.outcomes
	r.outcomes = nil
	return outcomes
}

// happened returns the calls that have happened, or are happening.
func (r *request) happened() []*call {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.calls
}

func answerOf(h http.Header) (a answer) {
	for _, c := range (&http.Response{Header: h}).Cookies() {
		switch {
		case c.Name != cookieName:
		case c.MaxAge < 0:
			a = answer{clear: true}
		default:
			a = answer{token: c.Value, expires: time.Now().Add(time.Duration(c.MaxAge) * time.Second)}
		}
	}
	return a
}

// dropped returns why edits of the outcome were not saved, and the fields named; "" when
// all were. A renewal that lost to another is not counted: its fields are kept.
func (o outcome) dropped() (reason cloakroom.Reason, names []string) {
	for _, e := range o.events {
		if d, ok := e.(cloakroom.Dropped); ok && d.Reason != cloakroom.ReasonRenewLost {
			reason = d.Reason
			names = append(names, d.Names...)
		}
	}
	if reason == "" && errors.Is(o.err, cloakroom.ErrEnded) {
		reason = cloakroom.ReasonGone
	}
	return reason, names
}

func (o outcome) renewLost() bool {
	for _, e := range o.events {
		if d, ok := e.(cloakroom.Dropped); ok && d.Reason == cloakroom.ReasonRenewLost {
			return true
		}
	}
	return false
}

// observer hands each request its events.
type observer struct{}

func (observer) Observe(ctx context.Context, e cloakroom.Event) {
	if r := requestOf(ctx); r != nil {
		r.events = append(r.events, e)
	}
}
