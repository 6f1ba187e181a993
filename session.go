package cloakroom

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"
)

// A Session is one request's view of a session. A method that takes a context does it
// now and returns an error; every other method edits the view, and the [Manager.Handler]
// saves all edits in one step before the first byte of the response.
//
// A Session is safe for the goroutines of one request. Edits after the handler has
// returned are lost, and reported as [Dropped] events.
//
// Once begun, a method that takes a context goes on when the context is cancelled, so
// that a client that leaves cannot tear a logout in two; it keeps the context's deadline.
type Session struct {
	m   *Manager
	x   *exchange       // nil for a session from Open
	ctx context.Context // of the request

	op     sync.Mutex // held by one operation that does I/O
	budget *budget    // of the request; own when there is none
	own    budget
	first  callContext // of the first load, so that a read needs no allocation for it

	mu     sync.Mutex  // guards what follows; never held while foreign code runs
	token  Token       // of the record, or of the record to be; Key "" until it is needed
	rec    record      // what the store held; Version 0: there is no record
	meta   meta        // what rec says
	gone   Reason      // why the session can be written no more; "" while it can
	ghost  string      // the key of a session that is gone
	now    int64       // milliseconds; when the view was opened
	at     int64       // milliseconds; of the last commit
	begun  int         // how often a new session took the place of one
	draft  *operation  // holds what is pending; nil when nothing is
	flying *pending    // what an operation is saving just now
	landed *operation  // what was saved and is not in rec.Fields yet
	err    error       // the first thing that went wrong
	doubt  error       // a Save that may have landed
	out    *Ticket     // for Manager.Commit; nil: nothing new
	local  map[any]any // see Local

	browser bool     // unless it was said otherwise, the client's cookie ends with the browser
	names   []string // not nil: rec holds these fields only, as far as it has them

	exact    bool // rec is what the store holds, to the byte
	fatal    bool // err makes every commit fail, not only one with edits
	resend   bool // the client's token needs another form
	outdated bool // another request has renewed: the token as loaded must not be sent
	presents bool // the client carries a token, good or bad
	rolled   bool // the client has got a ticket from this request
	ended    bool // by Destroy, and nothing has been put into a new session
	skip     bool // nothing is saved at the end of this request
	blind    bool // the store could not say whether there is a session; doubt is its error
	late     bool // the response has begun
	finished bool // the handler has returned
}

// stored reports whether there is a record. The caller holds mu.
func (s *Session) stored() bool { return s.rec.Version != 0 }

// layers returns what may hold an edit, the topmost first.
func (s *Session) layers() [2]*pending { return [2]*pending{s.pending(), s.flying} }

// pending returns what the request wants to change, or nil. The caller holds mu.
func (s *Session) pending() *pending {
	if s.draft == nil {
		return nil
	}
	return &s.draft.want
}

// takePending returns what is pending, and forgets it. The caller holds mu.
func (s *Session) takePending() (p pending) {
	if s.draft != nil {
		p, s.draft = s.draft.want, nil
	}
	return p
}

func (s *Session) lookup(name string) (text string, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.look(name)
}

// look is lookup for a caller that holds mu.
func (s *Session) look(name string) (text string, ok bool) {
	for _, p := range s.layers() {
		if p == nil {
			continue
		}
		if text, ok, decided := p.lookup(name); decided {
			return text, ok
		}
	}
	s.fold()
	return s.rec.Fields.Get(name)
}

func (s *Session) edit(e edit) {
	s.want(e.name, func(p *pending) { p.add(e) })
}

// editIf adds a guarded edit, and reports false when the field does not hold any more what
// the edit was computed from. An edit that comes too late for any answer counts as made.
func (s *Session) editIf(e edit) (ok bool) {
	ok = true
	s.want(e.name, func(p *pending) {
		text, present := s.look(e.name)
		if ok = present == e.oldPresent && text == e.old; ok && (present != e.present || text != e.value) {
			p.add(e)
		}
	})
	return ok
}

// want adds to what is pending. Once the handler has returned nothing can come of it,
// and the Observer is told.
func (s *Session) want(name string, add func(*pending)) {
	s.mu.Lock()
	if !s.finished {
		if s.draft == nil {
			s.draft = new(operation)
			s.draft.want.edits = s.draft.edits[:0]
		}
		add(&s.draft.want)
		s.mu.Unlock()
		return
	}
	id := s.token.Key
	s.mu.Unlock()
	s.m.observe(s.ctx, Dropped{ID: id, Reason: ReasonFinished, Names: []string{name}})
}

// SetErr sets what Err returns unless something went wrong before; nil is ignored. It is for
// packages that rest on sessions and have methods that cannot return an error.
func (s *Session) SetErr(err error) {
	if err != nil {
		s.fail(err, true)
	}
}

// Local returns what a package keeps for the time of this request, under a key of a type of
// its own as with context.WithValue: what make returned at the first call with that key. It
// goes on over Destroy and Restart, is never stored, and must be safe for concurrent use
// itself. make must not call methods of s.
func (s *Session) Local(key any, make func() any) any {
	s.mu.Lock()
	defer s.mu.Unlock()
	v, ok := s.local[key]
	if !ok {
		if s.local == nil {
			s.local = map[any]any{}
		}
		v = make()
		s.local[key] = v
	}
	return v
}

// fail notes the first thing that went wrong.
func (s *Session) fail(err error, fatal bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil || fatal && !s.fatal {
		s.err, s.fatal = err, fatal
	}
}

// Err returns the first thing that went wrong in a method that could not say so: a value
// that cannot be encoded, a stored one of another type, a bad argument. The commit fails
// with it; when only reading went wrong, it does so only if there are edits to save,
// since these may rest on a zero value that is none.
func (s *Session) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// Has reports whether the session holds a field.
func (s *Session) Has(name string) bool {
	_, ok := s.Raw(name)
	return ok
}

// Names returns the names of all fields, sorted, without those of the manager.
func (s *Session) Names() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fold()
	var names []string
	for name := range s.rec.Fields.All() {
		names = append(names, name)
	}
	for _, p := range s.layers() {
		if p != nil {
			for _, e := range p.edits {
				names = append(names, e.name)
			}
		}
	}
	slices.Sort(names)
	return slices.DeleteFunc(slices.Compact(names), func(name string) bool {
		_, ok := s.look(name)
		return !ok || reserved(name)
	})
}

// Delete deletes a field by name. A missing one is no error, and stays what it is when
// another request sets it meanwhile.
func (s *Session) Delete(name string) {
	if s.goodName("delete", name) {
		s.edit(edit{name: name})
	}
}

// Raw returns the JSON text of a field, as it is stored.
func (s *Session) Raw(name string) (text string, ok bool) {
	if name == "" || reserved(name) {
		return "", false
	}
	return s.lookup(name)
}

// SetRaw sets a field to a JSON text, which is kept to the byte but for white space
// around it. A text that is not JSON
// and a name that [NewKey] would refuse set [Session.Err].
func (s *Session) SetRaw(name, text string) {
	if !s.goodName("set", name) {
		return
	}
	text = strings.Trim(text, " \t\r\n")
	if !json.Valid([]byte(text)) || !utf8.ValidString(text) {
		s.fail(fmt.Errorf("cloakroom: set the field %q: the text is not JSON; use a Key to have a value encoded", name), true)
		return
	}
	s.edit(edit{name: name, value: text, present: true})
}

func (s *Session) goodName(doing, name string) bool {
	err := checkFieldName(name)
	if err != nil {
		s.fail(fmt.Errorf("cloakroom: %s a field: %w", doing, err), true)
	}
	return err == nil
}

// Clear deletes all fields that the session shows. The session goes on, with its ID,
// owner and times; [Session.Destroy] ends it.
func (s *Session) Clear() {
	s.want("(clear)", func(p *pending) { p.edits, p.cleared = nil, true })
}

// ID returns the public name of the session: the key of its record, which is not secret
// and may be logged and shown. A session that is not stored yet has the ID that it will
// be stored under. It is "" when no token can be made, and then Err says why.
func (s *Session) ID() string { return s.ensureToken().Key }

// ensureToken makes the token of a session that has none yet.
func (s *Session) ensureToken() Token {
	s.mu.Lock()
	token := s.token
	s.mu.Unlock()
	if token.Key != "" {
		return token
	}
	fresh, err := s.newToken()
	if err != nil {
		s.fail(fmt.Errorf("cloakroom: make a token: %w", err), true)
		return Token{}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.token.Key == "" {
		s.token = fresh
	}
	return s.token
}

// Owner returns the user that the session belongs to, or "".
func (s *Session) Owner() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.owner()
}

// owner is Owner for a caller that holds mu.
func (s *Session) owner() string {
	for _, p := range s.layers() {
		if p != nil && p.signIn {
			return p.owner
		}
	}
	return s.rec.Owner
}

// IsNew reports whether the session has no record in the store.
func (s *Session) IsNew() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.stored()
}

// CreatedAt returns when the session was stored first, in milliseconds and UTC; for a
// new one, when the request asked for it.
func (s *Session) CreatedAt() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stored() {
		return millis(s.meta.created)
	}
	return millis(s.now)
}

// LastSeenAt returns when the session was used before this request, as exactly as
// Config.TouchInterval has it. For a new session it is CreatedAt.
func (s *Session) LastSeenAt() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stored() {
		return millis(s.meta.seen)
	}
	return millis(s.now)
}

// ExpiresAt returns when the session ends if it is not used any more: the end of its idle
// timeout or of its lifetime, whichever comes first, with the edits of this request.
func (s *Session) ExpiresAt() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	h := s.view()
	return millis(s.m.expiry(&h, h.seen))
}

// view returns the meta as it will be. The caller holds mu.
func (s *Session) view() meta {
	h := s.meta
	if !s.stored() {
		h = meta{created: s.now, start: s.now, seen: s.now}
	}
	for _, p := range s.layers() {
		if p == nil {
			continue
		}
		h.limits = p.limits.applyTo(h.limits)
		if p.signIn {
			h.start, h.seen = s.now, s.now
		}
		if p.touch || p.force {
			h.seen = s.now
		}
	}
	if s.m.touchDue(&h, s.now) {
		h.seen = s.now
	}
	return h
}

func millis(ms int64) time.Time { return time.UnixMilli(ms).UTC() }

// Persistent reports whether the client keeps its token when the browser is closed.
func (s *Session) Persistent() bool { return s.persistent(s.limits()) }

// IdleTimeout returns the idle timeout of the session, or [NoTimeout].
func (s *Session) IdleTimeout() time.Duration { return s.m.idleTimeout(s.limits()) }

// Lifetime returns how long the session may last, from its beginning or its last
// sign-in.
func (s *Session) Lifetime() time.Duration { return s.m.lifetime(s.limits()) }

func (s *Session) limits() limits {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.view().limits
}

// SetPersistent decides whether the client keeps its token when the browser is closed:
// "remember me". The default is that of Cookie.BrowserSession.
func (s *Session) SetPersistent(persistent bool) {
	if s.Persistent() == persistent {
		return
	}
	e := limitEdits{persistent: no}
	if persistent {
		e.persistent = yes
	}
	s.setLimits(e)
}

// SetIdleTimeout gives this session an idle timeout of its own, of at least a
// millisecond, or [NoTimeout]; 0 gives it back that of the Config. Another value sets
// [Session.Err].
func (s *Session) SetIdleTimeout(d time.Duration) {
	switch {
	case d == 0:
		s.setLimits(limitEdits{idle: backToConfig})
	case d < time.Millisecond:
		s.fail(fmt.Errorf("cloakroom: SetIdleTimeout(%v): give at least 1ms, or NoTimeout", d), true)
	case d == s.IdleTimeout():
	case d == NoTimeout:
		s.setLimits(limitEdits{idle: noIdle})
	default:
		s.setLimits(limitEdits{idle: min(d.Milliseconds(), maxMillis)})
	}
}

// SetLifetime gives this session a lifetime of its own, of at least a millisecond,
// counted from its beginning or its last sign-in; 0 gives it back that of the Config.
// Another value sets [Session.Err].
func (s *Session) SetLifetime(d time.Duration) {
	switch {
	case d == 0:
		s.setLimits(limitEdits{lifetime: backToConfig})
	case d < time.Millisecond || d == NoTimeout:
		s.fail(fmt.Errorf("cloakroom: SetLifetime(%v): give at least 1ms; a session must end some day", d), true)
	case d != s.Lifetime():
		s.setLimits(limitEdits{lifetime: min(d.Milliseconds(), maxMillis)})
	}
}

func (s *Session) setLimits(e limitEdits) {
	s.want("(limits)", func(p *pending) { p.limits.merge(e) })
}

// Touch counts this request as a use of the session, whatever Config.TouchInterval says:
// the commit writes the time. A read counts by itself at that interval. A session that is
// not stored has nothing to extend.
func (s *Session) Touch() {
	s.want("(touch)", func(p *pending) { p.touch = s.stored() })
}

// ForceSave has the commit of this request write though nothing has changed: it is Touch,
// and stores a new session with nothing in it, which otherwise leaves no record and no
// cookie. It undoes SkipSave.
func (s *Session) ForceSave() {
	s.want("(touch)", func(p *pending) {
		p.force = true
		s.skip = false
	})
}

// SkipSave has the commit of this request save nothing and send no cookie: its edits, also
// those still to come, are dropped without an event. What is done now is done: Save, Destroy
// and the cookie they set. It undoes ForceSave.
func (s *Session) SkipSave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.skip = true
	if p := s.pending(); p != nil {
		p.force = false
	}
}

// Restart gives the client another session, which has a new ID and is empty: call it when
// nothing of the session may go on, not even for another owner. The commit ends the session
// and stores the new one if something is in it by then; otherwise it clears the cookie. To
// end the session now, and to know that it has, call Destroy instead: edits after it begin
// a new session too.
func (s *Session) Restart() {
	s.want("(restart)", func(p *pending) {
		if s.ghost != "" {
			p.replaces, p.ends = s.ghost, ReasonRestarted
		}
		s.startOver(p, ReasonRestarted)
		s.gone, s.ghost = "", ""
		p.restart = true
	})
}

// Renew gives the session a new secret and keeps its ID and everything in it: call it
// when what the session may do grows. The old secret is refused once the response has
// begun. Of two requests that renew at once, one wins, and the other keeps its edits. A
// session that is not stored yet has a new secret anyway.
func (s *Session) Renew() {
	s.mu.Lock()
	p := s.pending()
	idle := !s.stored() || s.gone != "" || p != nil && p.secret != ""
	s.mu.Unlock()
	if idle {
		return
	}
	if fresh, ok := s.freshSecret("Renew"); ok {
		s.want("(renew)", func(p *pending) { p.renew, p.secret = true, fresh.Secret })
	}
}

// freshSecret returns a token whose secret is to replace that of the session.
func (s *Session) freshSecret(doing string) (Token, bool) {
	if d, ok := s.m.cfg.Tokens.(*defaultScheme); ok {
		return d.token(nil), true // no need of an ID, so Config.NewID is not asked for one
	}
	fresh, err := s.m.cfg.Tokens.New(s.ctx)
	switch {
	case err != nil:
		s.fail(fmt.Errorf("cloakroom: %s: make a token: %w", doing, err), true)
	case fresh.Key == "" || fresh.Secret == "":
		s.fail(fmt.Errorf("cloakroom: %s: the TokenScheme makes tokens without a secret, so there is nothing to renew", doing), true)
	default:
		return fresh, true
	}
	return Token{}, false
}

// SignIn makes owner, an identifier of 1 to 256 bytes of UTF-8 without NUL, the user of
// the session. The session gets a new secret and its lifetime starts again; its fields
// stay, except when it belonged to another owner: then that session ends and an empty
// one begins, without what this request did before, so call SignIn first. Requests that began before cannot write into the session any more. A
// SignIn is never dropped: when another request signed in or out first, a new session
// begins with what this request has set. A bad owner sets [Session.Err].
func (s *Session) SignIn(owner string) {
	if owner == "" || len(owner) > 256 || !utf8.ValidString(owner) || strings.IndexByte(owner, 0) >= 0 {
		s.fail(errors.New("cloakroom: SignIn: the owner must be 1 to 256 bytes of UTF-8 without NUL; use Destroy to sign out"), true)
		return
	}
	fresh, ok := s.freshSecret("SignIn")
	if !ok {
		return
	}
	s.want("(sign-in)", func(p *pending) {
		if before := s.owner(); before != "" && before != owner {
			// Nobody inherits another's data, neither what is stored nor what is pending.
			s.startOver(p, ReasonReplaced)
		}
		if s.token.Key == "" {
			if s.m.cfg.NewID == nil { // else the commit asks it for an ID
				s.token = fresh
			}
		} else if !s.stored() {
			s.token.Secret = fresh.Secret
		}
		p.signIn, p.owner, p.secret = true, owner, fresh.Secret
	})
}

// startOver ends the session at the commit, for the reason given, and makes the view that
// of a new one. The caller holds mu.
func (s *Session) startOver(p *pending, reason Reason) {
	next := pending{replaces: p.replaces, ends: p.ends}
	if s.stored() {
		next.replaces, next.ends = s.token.Key, reason
	}
	*p = next
	s.forget()
	s.flying = nil // it belongs to the session that ends,
	s.begun++      // and what comes of it does too
}

// forget makes the view that of a session that is not stored. The caller holds mu.
func (s *Session) forget() {
	s.rec, s.meta, s.exact, s.landed = record{}, meta{}, false, nil
	s.token, s.resend, s.outdated = Token{}, false, false
}

// Derive returns a key for the given purpose, derived from the token's secret: HMAC of
// SHA-256 (RFC 2104). The same purpose gives the same key until the secret changes, by
// Renew or SignIn, from that call on. In a session that is never stored it lasts for the
// request. The store cannot compute it. It is zero, with Err
// set, when no token can be made or tokens have no secret.
func (s *Session) Derive(purpose string) [32]byte {
	token := s.ensureToken()
	s.mu.Lock()
	for _, p := range s.layers() {
		if p != nil && p.secret != "" {
			token.Secret = p.secret
			break
		}
	}
	s.mu.Unlock()
	var key [32]byte
	if token.Secret == "" {
		s.fail(errors.New("cloakroom: Derive: the TokenScheme makes tokens without a secret"), true)
		return key
	}
	mac := hmac.New(sha256.New, []byte(token.Secret))
	mac.Write([]byte("cloakroom derive\x00"))
	mac.Write([]byte(purpose))
	mac.Sum(key[:0])
	return key
}
