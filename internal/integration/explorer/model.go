package explorer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/store"
)

// A session is what the model knows of one.
type session struct {
	id       string
	owner    string
	content  content
	start    time.Time // its beginning, or its last sign-in
	seen     time.Time // the last use that was stored; exact to the waits between attempts
	ended    ending
	ender    *request  // who ended it
	token    string    // the one that opens it
	previous string    // the one before
	grace    time.Time // until when the one before is remembered
	signedIn int       // the step of the last sign-in in the schedule
	signer   *request
	version  uint64 // as the store had it after the last step
}

// An ending is how a session ended; "" while it lives.
type ending string

const (
	byDestroy     ending = "destroyed"
	byOtherOwner  ending = "ended by the sign-in of another owner"
	byTime        ending = "expired"
	byRunningCall ending = "being ended"
)

// previousGrace is how long a replaced secret is told from a wrong one.
const previousGrace = time.Minute

// A view is what the model knows of one request's session.
type view struct {
	session  *session   // that it was loaded from or has stored; nil for none
	ghost    *session   // that it would have, had it not been cut off
	replaces []*session // ended by a sign-in of another owner, at the next commit
	token    string     // that it was loaded with or has sent
	owner    string     // as the program sees it
	loaded   int        // the step at which the session was read
	edits    []op       // not saved yet
	vague    bool       // the manager need not know the ghost: its token was replaced more than once
	denied   bool       // the last commit was told that the session had ended
}

// A model is what must be true, from what the manager has answered so far. Answers and
// effects come in the same step, so after each of them the store must hold just this.
type model struct {
	store    store.Store
	sessions []*session // in the order in which they became known
	tokens   []string   // that were ever sent
	step     int
	breach   *breach
	worry    *breach // what the manager said to be wrong; a better word for it goes first
}

// A breach is a broken promise.
type breach struct {
	promise promise
	detail  string
}

// fail notes the first breach.
func (m *model) fail(p promise, format string, args ...any) {
	if m.breach == nil {
		m.breach = &breach{p, fmt.Sprintf(format, args...)}
	}
}

func (m *model) byID(id string) *session {
	for _, s := range m.sessions {
		if s.id == id {
			return s
		}
	}
	return nil
}

// idLength is how much of a token is the public ID.
const idLength = 20

func (m *model) byToken(token string) *session {
	if len(token) < idLength {
		return nil
	}
	return m.byID(token[:idLength])
}

// cutOff reports whether what the request does to its session must be dropped.
func (v *view) cutOff(r *request) bool {
	s := v.session
	if s == nil {
		return v.ghost != nil
	}
	return s.ended != "" || s.signer != nil && s.signer != r && s.signedIn > v.loaded
}

// note takes over what the request has done to its view.
func (v *view) note(did []op) {
	for _, o := range did {
		switch owner := o.owner(); {
		case owner != "":
			if v.owner != "" && v.owner != owner {
				// Another owner: the session ends, and with it what was wanted of it.
				v.edits = nil
				if v.session != nil {
					v.replaces = append(v.replaces, v.session)
				}
				v.session, v.ghost = nil, nil
			}
			v.owner = owner
		case o == renew && v.session == nil:
			continue // nothing to renew
		}
		v.edits = append(v.edits, o)
	}
}

func (v *view) signsIn() bool {
	return slices.ContainsFunc(v.edits, func(o op) bool { return o.owner() != "" })
}

// learn brings the model up to date with what a request was answered.
func (m *model) learn(r *request, o outcome) {
	for _, e := range o.events {
		switch e := e.(type) {
		case cloakroom.Outage:
			m.worry = &breach{answered, fmt.Sprintf("%s met an outage: %v", r.name, e.Err)}
		case cloakroom.Warning:
			m.worry = &breach{answered, fmt.Sprintf("%s made the manager warn: %s", r.name, e.Problem)}
		}
	}
	switch o.kind {
	case opened:
		m.opened(r, o)
	case committed:
		m.committed(r, o)
	case destroyed:
		m.destroyed(r, o)
	}
}

// opened compares what a request reads with what there is.
func (m *model) opened(r *request, o outcome) {
	v := &r.view
	v.loaded, v.token, v.owner = m.step, r.presented, o.shown.owner
	if o.err != nil {
		m.fail(answered, "%s could not load: %v", r.name, o.err)
		return
	}
	s := m.byToken(r.presented)
	opens := s != nil && s.ended == "" && s.token == r.presented
	switch {
	case !opens && o.shown.id != "":
		m.fail(refusal(s), "%s opened a session with a token that must not open it any more", r.name)
	case !opens:
		if s != nil && s.ended == "" && r.startedAt.Before(s.grace) {
			v.ghost, v.vague = s, s.previous != r.presented
		}
	case o.shown.id == "":
		m.fail(kept, "%s did not open its session, which lives", r.name)
	case o.shown.owner != s.owner:
		m.fail(apart, "%s sees the owner %q instead of %q", r.name, o.shown.owner, s.owner)
	case o.shown.content != s.content:
		m.fail(notLost, "%s sees %v instead of %v", r.name, o.shown.content, s.content)
	default:
		v.session = s
	}
}

// refusal is the promise that is broken when a token opens s though it must not.
func refusal(s *session) promise {
	switch {
	case s == nil:
		return apart
	case s.ended == byTime:
		return expiry
	case s.ended != "":
		return final
	}
	return renewed
}

// committed takes over what was saved.
func (m *model) committed(r *request, o outcome) {
	v := &r.view
	v.note(o.did)
	reason, names := o.dropped()
	if v.vague && reason == "" && len(v.edits) > 0 {
		v.ghost, v.vague = nil, false
	}
	signsIn, cut := v.signsIn(), v.cutOff(r)
	edits := v.edits
	v.edits = nil
	v.denied = reason != ""
	if o.err != nil && !errors.Is(o.err, cloakroom.ErrEnded) {
		m.fail(answered, "the commit of %s failed: %v", r.name, o.err)
		return
	}
	switch {
	case reason != "":
		if signsIn {
			m.fail(signIn, "the sign-in of %s was dropped (%s)", r.name, reason)
		} else if !cut {
			m.fail(notLost, "%s of %s was dropped (%s), and nothing had cut it off", strings.Join(names, ", "), r.name, reason)
		}
		if v.session != nil {
			v.ghost = v.session
		}
		v.session, v.owner = nil, ""
	case len(edits) == 0:
		if v.session != nil && !cut {
			v.session.touch(m.when(o, v.session.id))
		}
	case cut && !signsIn:
		how := "was cut off"
		if v.session == nil {
			how = "came with a secret that was replaced a moment ago"
		}
		m.fail(trespass(v), "%s %s, and its edits were saved", r.name, how)
	case v.session != nil && !cut:
		m.updated(r, edits, o)
	default:
		m.created(r, edits, o)
	}
}

// trespass is the promise that is broken when a request that was cut off saves something.
func trespass(v *view) promise {
	switch s := v.session; {
	case s == nil:
		return renewed
	case s.ended == byTime:
		return expiry
	case s.ended != "":
		return final
	}
	return boundary
}

// when returns the time that the manager took for now. It may look at the clock at any
// moment of what it does, and time may pass in between: which it was, the store tells.
func (m *model) when(o outcome, id string) time.Time {
	rec, err := m.store.Load(context.Background(), id)
	if err == nil && rec.ExpiresAt.After(o.since.Add(idleTimeout+time.Second)) {
		return time.Now()
	}
	return o.since
}

// touch is a use that is worth storing.
func (s *session) touch(now time.Time) {
	if now.Sub(s.seen) >= touchInterval {
		s.seen = now
	}
}

// updated is a commit to the session that the request was loaded from.
func (m *model) updated(r *request, edits []op, o outcome) {
	s := r.view.session
	if o.shown.id != s.id {
		m.fail(kept, "%s saved to another session than its own, which lives", r.name)
		return
	}
	now := m.when(o, s.id)
	s.touch(now)
	signed := ""
	for _, e := range edits {
		s.content.edit(e, r)
		if owner := e.owner(); owner != "" {
			signed = owner
		}
	}
	switch {
	case signed != "":
		s.owner, s.start, s.seen = signed, now, now
		s.signedIn, s.signer = m.step, r
		m.issue(r, s, o, now)
	case !slices.Contains(edits, renew):
	case !o.renewLost():
		if s.token != r.view.token {
			m.fail(renewed, "%s renewed the session, and so had another request since it was loaded", r.name)
		}
		m.issue(r, s, o, now)
	case s.token == r.view.token:
		m.fail(renewed, "%s did not renew the session, and nobody else had", r.name)
	}
}

// created is a commit that makes a new session.
func (m *model) created(r *request, edits []op, o outcome) {
	if o.shown.id == "" {
		m.fail(notLost, "the edits of %s were not saved", r.name)
		return
	}
	if m.byID(o.shown.id) != nil {
		m.fail(boundary, "%s saved to a session that is not its own", r.name)
		return
	}
	now := m.when(o, o.shown.id)
	s := &session{id: o.shown.id, start: now, seen: now}
	m.sessions = append(m.sessions, s)
	for _, e := range edits {
		s.content.edit(e, r)
		if owner := e.owner(); owner != "" {
			s.owner, s.signedIn, s.signer = owner, m.step, r
		}
	}
	v := &r.view
	for _, old := range v.replaces {
		old.end(byOtherOwner, r)
	}
	v.session, v.ghost, v.replaces, v.owner, v.loaded = s, nil, nil, s.owner, m.step
	m.issue(r, s, o, now)
}

// issue is the new token of a session, which must be in the response.
func (m *model) issue(r *request, s *session, o outcome, now time.Time) {
	token := o.answer.token
	if token == "" || token == s.token || token[:idLength] != s.id {
		m.fail(kept, "%s gave its session a new token, and its response has no cookie for it", r.name)
		return
	}
	s.previous, s.grace, s.token = s.token, now.Add(previousGrace), token
	r.view.token = token
	m.tokens = append(m.tokens, token)
	if late := o.answer.expires.Sub(s.start.Add(lifetime)); late > time.Second {
		m.fail(deadline, "the cookie of %s outlives the session by %v", r.name, late)
	}
}

func (m *model) destroyed(r *request, o outcome) {
	v := &r.view
	v.note(o.did)
	if o.err != nil {
		m.fail(answered, "the Destroy of %s failed: %v", r.name, o.err)
		return
	}
	for _, s := range append(v.replaces, v.session, v.ghost) {
		if s != nil && (!v.vague || s.ended == byRunningCall) {
			s.end(byDestroy, r)
		}
	}
	*v = view{loaded: m.step}
}

// end marks the session as ended. What has expired stays so.
func (s *session) end(how ending, by *request) {
	if s.ended == "" || s.ended == byRunningCall {
		s.ended, s.ender = how, by
	}
}

// deleting is a Delete that has happened. Whether it was asked for shows when the
// operation that it is part of returns.
func (m *model) deleting(r *request, key string) {
	if s := m.byID(key); s != nil && s.ended == "" {
		s.end(byRunningCall, r)
	}
}

// pass ends what the clock has ended.
func (m *model) pass() {
	for _, s := range m.sessions {
		if now := time.Now(); s.ended == "" && (!now.Before(s.start.Add(lifetime)) || !now.Before(s.seen.Add(idleTimeout))) {
			s.end(byTime, nil)
		}
	}
}

// edit is what an op makes of the fields.
func (c *content) edit(o op, r *request) {
	switch o {
	case setA:
		c.a = strconv.Quote(r.value())
	case setB:
		c.b = strconv.Quote(r.value())
	case updateN:
		n, _ := strconv.Atoi(c.n)
		c.n = strconv.Itoa(n + 1)
	}
}

func (c content) String() string {
	return fmt.Sprintf("a=%s b=%s n=%s", orNone(c.a), orNone(c.b), orNone(c.n))
}

func orNone(value string) string {
	if value == "" {
		return "none"
	}
	return value
}
