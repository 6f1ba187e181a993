package cloakroom

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/cloakroom-go/cloakroom/store"
)

// maxCandidates is how many well-formed tokens of one request are looked up: browsers
// send several cookies of one name when they were set for different paths or domains.
const maxCandidates = 4

// Candidates are the tokens of a request, tried one after the other. What there is to
// tell the Observer is collected, because it may ask for the session that is being loaded.
type candidates struct {
	s       *Session
	ctx     context.Context
	tried   int
	trusted bool // the secret is not looked at
	bad     bool // a malformed token was told of: there may be thousands
	events  []Event
}

// try makes the session the view of the one that text opens, and reports whether there
// is no need to try more. Only a store that cannot answer is an error: whatever else is
// wrong leaves an empty session.
func (c *candidates) try(text string) (done bool, err error) {
	s, m := c.s, c.s.m
	s.presents = true
	token, ok := m.cfg.Tokens.Parse(text)
	if !ok || !m.goodKey(token.Key) {
		if !c.bad {
			c.bad = true
			c.reject("", ReasonBadToken, "")
		}
		return false, nil
	}
	if c.tried++; c.tried > maxCandidates {
		c.reject("", ReasonTooMany, "")
		return true, nil
	}
	return c.look(token)
}

// look is try for a token that is well-formed.
func (c *candidates) look(token Token) (done bool, err error) {
	s, m := c.s, c.s.m
	call := &s.first
	if c.tried > 1 {
		call = new(callContext)
	}
	rec, err := s.fetch(c.ctx, call, 0, token.Key)
	switch {
	case err == nil:
	case errors.Is(err, store.ErrNotFound):
		c.reject(token.Key, ReasonUnknown, "")
		return false, nil
	case errors.Is(err, store.ErrMalformed):
		c.reject(token.Key, ReasonBadRecord, err.Error())
		return false, nil
	default:
		cause := err
		err, outage := classify(c.ctx, "load", cause)
		if outage {
			c.events = append(c.events, Outage{Op: "load", Err: cause})
		}
		return false, err
	}
	meta, reason, detail := m.check(&rec.Record, token, c.trusted, s.now)
	if reason != "" {
		c.reject(token.Key, reason, detail)
		if reason == ReasonOldSecret && s.gone == "" {
			s.gone, s.ghost = reason, token.Key
		}
		return false, nil
	}
	s.mu.Lock()
	s.rec, s.meta, s.exact, s.token, s.landed = rec, meta, s.names == nil, token, nil
	s.resend, s.gone, s.ghost = token.Reissue, "", ""
	s.mu.Unlock()
	if m.cfg.Validate != nil {
		if valid, err := c.validate(); !valid {
			return false, err
		}
	}
	if m.observing() {
		c.events = append(c.events, Loaded{ID: token.Key})
	}
	return true, nil
}

// maxKey is how long the keys of a store may be.
const maxKey = 256

// goodKey reports whether a key that a TokenScheme has found may go to the store: those
// of the manager's own records may not.
func (m *Manager) goodKey(key string) bool {
	return key != "" && len(m.cfg.KeyPrefix)+len(key) <= maxKey && key[0] != '$' && utf8.ValidString(key) && strings.IndexByte(key, 0) < 0
}

func (c *candidates) reject(id string, reason Reason, detail string) {
	if c.s.m.observing() {
		c.events = append(c.events, Rejected{ID: id, Reason: reason, Detail: detail})
	}
}

// tell hands over what was collected.
func (c *candidates) tell() {
	for _, e := range c.events {
		c.s.m.observe(c.ctx, e)
	}
}

// fetch calls the store, within the budget.
func (s *Session) fetch(ctx context.Context, call *callContext, least time.Duration, key string) (record, error) {
	var rec store.Record
	load := func(ctx context.Context) (err error) {
		if s.names == nil {
			rec, err = s.m.store.Load(ctx, s.m.cfg.KeyPrefix+key)
		} else {
			rec, err = store.LoadFields(ctx, s.m.store, s.m.cfg.KeyPrefix+key, s.names...)
		}
		return err
	}
	var err error
	if s.m.cfg.Outage == Fail() {
		err = s.budget.spend(call, ctx, least, load)
	} else {
		err = s.m.persist(ctx, func() error {
			once := budget{total: s.m.cfg.StoreTimeout}
			return once.spend(new(callContext), ctx, 0, load)
		})
	}
	if err != nil {
		return record{}, err
	}
	return s.m.reveal(key, rec)
}

// load is fetch with the error wrapped, and an outage told to the Observer.
func (s *Session) load(ctx context.Context, least time.Duration, key string) (record, error) {
	rec, err := s.fetch(ctx, new(callContext), least, key)
	if err != nil {
		return record{}, s.m.storeError(ctx, "load", err)
	}
	return rec, nil
}

// storeError is classify, and tells the Observer of an outage.
func (m *Manager) storeError(ctx context.Context, op string, err error) error {
	wrapped, outage := classify(ctx, op, err)
	if outage {
		m.observe(ctx, Outage{Op: op, Err: err})
	}
	return wrapped
}

// isAnswer reports whether err is one of those by which a store says what is there.
func isAnswer(err error) bool {
	return errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrExists) ||
		errors.Is(err, store.ErrConflict) || errors.Is(err, store.ErrMalformed)
}

// classify wraps an error of the store with what was being done. What is not one of the
// contract's errors is an outage, except when it is ctx, that of the request, that has
// ended: the store has done nothing wrong.
func classify(ctx context.Context, op string, err error) (wrapped error, outage bool) {
	if isAnswer(err) {
		return fmt.Errorf("cloakroom: %s: %w", op, err), false
	}
	ended := ctx.Err()
	if ended != nil && errors.Is(err, ended) && errors.Is(ended, context.Canceled) { // the client has left
		return fmt.Errorf("cloakroom: %s: %w", op, err), false
	}
	return fmt.Errorf("%w: %s: %w", ErrUnavailable, op, err), ended == nil || !errors.Is(err, ended)
}

// clockSkew is how far the clocks of manager and store may be apart without a complaint.
const clockSkew = 10 * time.Second

// check decides whether token opens rec, and says why not.
func (m *Manager) check(rec *store.Record, token Token, trusted bool, now int64) (meta, Reason, string) {
	if rec.Version == 0 {
		return meta{}, ReasonStoreRule, "a record has version 0"
	}
	h, err := parseMeta(rec.Fields)
	if err != nil {
		return meta{}, ReasonBadRecord, err.Error()
	}
	stored, guarded := rec.Fields.Get(fieldSecret)
	switch {
	case trusted: // the program vouches for whoever asks
	case token.Secret == "" && !guarded: // a scheme without secrets
	case isSecret(stored, token.Secret):
	case openedWith(rec.Fields, token.Secret, now):
		return meta{}, ReasonOldSecret, ""
	default:
		return meta{}, ReasonBadSecret, ""
	}
	switch {
	case now >= m.deadline(&h):
		return meta{}, ReasonLifetime, ""
	case now >= m.expiry(&h, h.seen):
		return meta{}, ReasonIdle, ""
	case now >= rec.ExpiresAt.UnixMilli()+clockSkew.Milliseconds():
		return meta{}, ReasonStoreRule, "Load returned a record that has expired"
	case now >= rec.ExpiresAt.UnixMilli(): // by our clock, not by that of the store
		return meta{}, ReasonIdle, ""
	}
	return h, "", ""
}
