package cloakroom

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
)

// settleTime is what a reload that settles an uncertain Save may take even when the
// budget is used up: not knowing could lock the client out.
const settleTime = 250 * time.Millisecond

// An operation collects what is pending, and then saves it. While it does, the session's
// op lock is held.
type operation struct {
	s    *Session
	m    *Manager
	ctx  context.Context
	now  int64   // milliseconds; of the commit
	want pending // s.flying points here, so that the view shows it

	rec   store.Record // what the store held last
	meta  meta
	exact bool
	token Token

	begun  int          // the session this is about
	next   meta         // what change makes of meta
	ticket bool         // the client gets one
	change store.Change // what is sent
	lost   []string     // fields whose Pop came too late
	leave  func()       // of the gate

	// Room, so that a commit without conflict allocates once for all of this.
	call   callContext
	called bool
	edits  [1]edit
	conds  [2]store.Condition
	fields [3]store.Field
}

// newOperation takes what is pending. The caller holds op and mu.
func (s *Session) newOperation(ctx context.Context) *operation {
	s.fold()
	op := s.draft
	if op == nil {
		op = new(operation)
	}
	op.s, op.m, op.ctx, op.now = s, s.m, ctx, s.at
	op.rec, op.meta, op.exact, op.token, op.begun = s.rec, s.meta, s.exact, s.token, s.begun
	s.draft, s.flying = nil, &op.want
	return op
}

// putBack undoes newOperation if nothing has come of it: what was wanted is wanted still,
// under what came later. The caller holds mu.
func (s *Session) putBack() {
	if s.flying == nil {
		return
	}
	again := &operation{want: *s.flying}
	if later := s.pending(); later != nil {
		again.want.merge(later)
	}
	s.draft, s.flying = again, nil
}

// commit saves what is pending, and hands the client its ticket. It returns ErrEnded when
// the session is gone and edits were dropped for it. The caller holds op.
func (s *Session) commit(ctx context.Context) error {
	s.mu.Lock()
	p := s.pending()
	doubt, gone := s.doubt, s.gone != "" && (p == nil || !p.signIn)
	s.mu.Unlock()
	if doubt != nil {
		return doubt
	}
	if due, err := s.due(); !due && !gone {
		return err
	}
	return s.carry(ctx)
}

// due reports whether a commit has anything to do, or what stands in its way.
func (s *Session) due() (bool, error) {
	now := s.m.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.pending()
	edited := p != nil && !p.empty()
	switch {
	case s.fatal, s.err != nil && edited:
		return false, s.err
	case s.doubt != nil && edited:
		return false, s.doubt
	}
	s.at = now
	touch := s.stored() && s.m.touchDue(&s.meta, s.at)
	return edited || touch || s.owesToken(), nil
}

// owesToken reports whether the client's token needs another form and can get it. The
// caller holds mu.
func (s *Session) owesToken() bool { return s.resend && !s.late && !s.outdated }

// carry is a commit that has something to do.
func (s *Session) carry(ctx context.Context) error {
	s.mu.Lock()
	if p := s.pending(); s.gone != "" && (p == nil || !p.signIn) {
		dropped, reason := s.takePending(), s.gone
		s.mu.Unlock()
		s.drop(ctx, &dropped, reason)
		return ErrEnded
	}
	if s.late && s.needsTicket() {
		s.mu.Unlock()
		return errors.New("cloakroom: " + string(ReasonTooLate) + ": a new token cannot reach the client any more")
	}
	op := s.newOperation(ctx)
	stored := s.stored()
	s.mu.Unlock()

	defer func() { // also when a function of the program panics
		if op.leave != nil {
			op.leave()
		}
		s.mu.Lock()
		s.putBack()
		s.mu.Unlock()
	}()
	var err error
	if stored {
		err = op.update()
	} else {
		err = op.create()
	}
	if err == nil && len(op.lost) > 0 {
		return fmt.Errorf("cloakroom: save: the value of %q: %s: %w", op.lost, ReasonPopLost, store.ErrConflict)
	}
	return err
}

// needsTicket reports whether saving what is pending gives the client a new ticket. The
// caller holds mu.
func (s *Session) needsTicket() bool {
	p := s.pending()
	if p == nil {
		return false
	}
	return !s.stored() || p.renew || p.signIn || p.limits.lifetime != 0 || p.limits.persistent != unset
}

// update edits the record that the session was loaded from.
func (op *operation) update() error {
	for attempt := 0; ; attempt++ {
		something, err := op.prepare()
		if err != nil {
			return err
		}
		if !something {
			op.finish(op.rec.Version)
			return nil
		}
		version, err := op.save(op.token.Key)
		switch {
		case err == nil:
			return op.updated(version)
		case errors.Is(err, store.ErrConflict):
			if op.want.empty() {
				op.change, op.next = store.Change{}, op.meta
				op.finish(op.rec.Version) // a mere touch; whoever was faster has touched it too
				return nil
			}
			if err := op.back(attempt); err != nil {
				return err
			}
			if err := op.reload(0); err != nil {
				return op.ended(err)
			}
		case errors.Is(err, store.ErrNotFound), errors.Is(err, store.ErrMalformed):
			return op.ended(err)
		case errors.Is(err, errNotTried):
			return err
		default:
			return op.settle(err)
		}
	}
}

// back waits a moment before the next attempt. From the second conflict on the requests
// of the session take turns.
func (op *operation) back(attempt int) error {
	err := op.s.budget.spend(new(callContext), op.ctx, 0, func(ctx context.Context) (err error) {
		if attempt > 0 && op.leave == nil {
			op.leave, err = op.m.gate.enter(ctx, op.token.Key)
			return err
		}
		limit := time.Millisecond << min(attempt, 5)
		timer := time.NewTimer(time.Duration(rand.Int64N(int64(limit))))
		defer timer.Stop()
		select {
		case <-timer.C:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	})
	if err != nil {
		return op.m.storeError(op.ctx, "save", fmt.Errorf("other requests kept changing the same values: %w", err))
	}
	return nil
}

// reload reads the record again and puts the edits on it. ErrNotFound means that the
// session has ended, and errEpoch that another request signed in.
func (op *operation) reload(least time.Duration) error {
	s := op.s
	rec, err := s.load(op.ctx, least, op.token.Key)
	if err != nil {
		return err
	}
	meta, err := parseMeta(rec.Fields)
	if err != nil || rec.Version == 0 {
		return fmt.Errorf("cloakroom: load: the record was replaced by something else: %w", store.ErrNotFound)
	}
	if !same(fieldEpoch, rec.Fields, op.rec.Fields) {
		return errEpoch
	}
	if !same(fieldSecret, rec.Fields, op.rec.Fields) && !op.ours(rec.Fields) {
		s.mu.Lock()
		lost := op.want.renew && !op.want.signIn
		if lost {
			op.want.renew, op.want.secret = false, ""
		}
		s.outdated = true
		s.mu.Unlock()
		s.withdraw()
		if lost {
			s.drop(op.ctx, &pending{renew: true}, ReasonRenewLost)
		}
	}
	if err := op.rebase(rec.Fields); err != nil {
		return err
	}
	op.rec, op.meta, op.exact = rec, meta, true
	return nil
}

// rebase runs the program's own functions, so mu is not held; op.want is replaced under
// mu because the view shows it.
func (op *operation) rebase(fields store.Fields) error {
	fresh := op.want
	lost, err := fresh.rebase(fields)
	if err != nil {
		return err
	}
	op.s.mu.Lock()
	op.want = fresh
	op.s.mu.Unlock()
	if len(lost) > 0 {
		op.lost = append(op.lost, lost...)
		op.m.observe(op.ctx, Dropped{ID: op.token.Key, Reason: ReasonPopLost, Names: lost})
	}
	return nil
}

// ours reports whether the record's secret is the one that this operation writes.
func (op *operation) ours(fields store.Fields) bool {
	return op.want.secret != "" && opensWith(fields, op.want.secret)
}

var errEpoch = errors.New("cloakroom: another request signed in")

// errNotTried: there was no time left, so nothing was sent to the store.
var errNotTried = errors.New("no time was left")

// ended handles a session that is gone: a sign-in goes on as a new session, and all else
// is dropped.
func (op *operation) ended(err error) error {
	reason := ReasonGone
	switch {
	case errors.Is(err, errEpoch):
		reason = ReasonNewEpoch
	case !errors.Is(err, store.ErrNotFound) && !errors.Is(err, store.ErrMalformed):
		return err
	}
	s := op.s
	if op.want.signIn {
		s.mu.Lock()
		if s.begun == op.begun {
			s.forget()
		}
		s.mu.Unlock()
		op.rec, op.meta, op.exact, op.token = store.Record{}, meta{}, false, Token{}
		return op.create()
	}
	s.mu.Lock()
	dropped := op.want
	if s.begun == op.begun {
		s.gone, s.ghost = reason, op.token.Key
		s.forget()
		s.flying = nil
	}
	s.mu.Unlock()
	s.withdraw()
	s.drop(op.ctx, &dropped, reason)
	if dropped.empty() {
		return nil // a mere touch
	}
	return ErrEnded
}

// drop tells the Observer what is not saved.
func (s *Session) drop(ctx context.Context, p *pending, reason Reason) {
	if names := p.names(); len(names) > 0 {
		s.mu.Lock()
		id := s.ghost
		if id == "" {
			id = s.token.Key
		}
		s.mu.Unlock()
		s.m.observe(ctx, Dropped{ID: id, Reason: reason, Names: names})
	}
}

// prepare builds the edit of a stored record, and reports whether there is anything to do.
func (op *operation) prepare() (something bool, err error) {
	want, now := &op.want, op.now
	b := changeBuilder{conds: op.conds[:0], fields: op.fields[:0]}
	want.change(op.rec.Fields, &b)

	op.change, op.next = store.Change{}, op.meta
	next := &op.next
	if want.limits != (limitEdits{}) {
		next.limits = want.limits.applyTo(next.limits)
		text, err := next.limits.format()
		if err != nil {
			return false, fmt.Errorf("cloakroom: save: encode %s: %w", fieldLimits, err)
		}
		if next.limits != op.meta.limits {
			b.set(fieldLimits, text)
		}
	}
	if want.signIn {
		text, _ := op.rec.Fields.Get(fieldEpoch)
		epoch, _ := strconv.ParseInt(text, 10, 64) // "" before the first sign-in
		next.start, next.seen = now, now
		at := strconv.FormatInt(now, 10)
		b.set(fieldEpoch, strconv.FormatInt(epoch+1, 10))
		b.set(fieldStart, at)
		b.set(fieldSeen, at)
		op.change.Owner = &want.owner
	} else if op.m.touchDue(&op.meta, now) {
		next.seen = now
		b.set(fieldSeen, strconv.FormatInt(now, 10))
	}
	op.ticket = want.renew || want.signIn
	if op.ticket {
		b.set(fieldSecret, storedSecret(want.secret))
		if before, ok := op.rec.Fields.Get(fieldSecret); ok {
			b.set(fieldPrevious, formatPrevious(before, now+previousGrace.Milliseconds()))
		}
		// A sign-in that meets a renewal is tried again, so that $previous is what it replaces.
		b.keep(fieldSecret, op.rec.Fields)
	} else if op.owesTicket() {
		// It holds the secret as loaded, which must be good still: a dead token sent over
		// the good one of another response would sign the client out.
		op.ticket = true
		b.keep(fieldSecret, op.rec.Fields)
	}
	if len(b.fields) == 0 && len(b.unset) == 0 && !op.ticket {
		return false, nil
	}
	b.keep(fieldEpoch, op.rec.Fields)
	if next.seen != op.meta.seen || next.start != op.meta.start || next.limits != op.meta.limits {
		op.change.ExpiresAt = millis(op.m.expiry(next, next.seen))
		b.keep(fieldLimits, op.rec.Fields)
	}
	op.change.Unset, op.change.If = b.unset, b.conds
	if op.change.Set, err = b.build(); err != nil {
		return false, fmt.Errorf("cloakroom: save: %w", err)
	}
	if op.exact {
		op.change.Base = &op.rec
	}
	return true, nil
}

// owesTicket reports whether the client needs its token anew though that does not change.
func (op *operation) owesTicket() bool {
	s := op.s
	s.mu.Lock()
	defer s.mu.Unlock()
	limits := op.want.limits.lifetime != 0 || op.want.limits.persistent != unset
	return s.owesToken() || limits && !s.late && !s.outdated
}

// save sends the change to the store, within the budget.
func (op *operation) save(key string) (version uint64, err error) {
	b := &op.s.budget
	if b.used >= b.total {
		return 0, op.m.storeError(op.ctx, "save", errNotTried)
	}
	call := &op.call
	if op.called {
		call = new(callContext)
	}
	op.called = true
	err = b.spend(call, op.ctx, 0, func(ctx context.Context) error {
		version, err = op.m.store.Save(ctx, key, op.change)
		return err
	})
	if err != nil {
		return 0, op.m.storeError(op.ctx, "save", err)
	}
	return version, nil
}

// updated takes over what was saved.
func (op *operation) updated(version uint64) error {
	want := op.want
	if version <= op.rec.Version && op.exact && op.change.Base != nil {
		op.m.warnStore(op.ctx, "Save did not raise the version of a record")
	}
	if want.secret != "" {
		op.token.Secret = want.secret
	}
	op.finish(version)
	if want.signIn {
		op.m.observe(op.ctx, SignedIn{ID: op.token.Key, Owner: want.owner})
	} else if want.renew {
		op.m.observe(op.ctx, Renewed{ID: op.token.Key})
	}
	if op.ticket {
		op.send()
	}
	return nil
}

// finish makes the view that of the store after the change.
func (op *operation) finish(version uint64) {
	c := &op.change
	rec := op.rec
	exact := op.exact && (version == rec.Version || version == rec.Version+1) || c.Create
	rec.Version = version
	if c.Owner != nil {
		rec.Owner = *c.Owner
	}
	if !c.ExpiresAt.IsZero() {
		rec.ExpiresAt = c.ExpiresAt
	}
	s := op.s
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.begun == op.begun {
		s.rec, s.meta, s.exact, s.token, s.landed, s.flying = rec, op.next, exact, op.token, c, nil
		if op.want.secret != "" {
			s.outdated = false
		}
	}
}

// fold brings the fields of rec up to date. It is put off because most requests look at
// nothing after their commit, and a large session is dear to copy. The caller holds mu.
func (s *Session) fold() {
	if c := s.landed; c != nil {
		s.rec.Fields = s.rec.Fields.With(c.Set, c.Unset...)
		s.landed = nil
	}
}

// create stores a new session.
func (op *operation) create() error {
	s, want := op.s, &op.want
	if err := op.rebase(store.Fields{}); err != nil {
		return err
	}
	b := changeBuilder{fields: op.fields[:0]}
	want.change(store.Fields{}, &b)
	if len(b.fields) == 0 && !want.signIn {
		s.mu.Lock()
		want.edits, want.cleared = nil, false // the limits are for what may come
		s.mu.Unlock()
		return nil // nothing is in it, so nothing is stored
	}
	if want.replaces != "" {
		if err := s.remove(op.ctx, want.replaces); err != nil {
			return err
		}
		op.m.observe(op.ctx, Ended{ID: want.replaces, Reason: ReasonReplaced})
		s.mu.Lock()
		want.replaces = ""
		s.mu.Unlock()
	}
	op.token = s.ensureToken()
	if op.token.Key == "" {
		return s.Err()
	}
	if want.secret != "" {
		op.token.Secret = want.secret // what Derive has promised, also under a new key
	}
	now := op.now
	op.next = meta{created: now, start: now, seen: now, limits: want.limits.applyTo(limits{})}
	b.set(fieldCreated, strconv.FormatInt(now, 10))
	if op.next.limits != (limits{}) {
		text, err := op.next.limits.format()
		if err != nil {
			return fmt.Errorf("cloakroom: save: encode %s: %w", fieldLimits, err)
		}
		b.set(fieldLimits, text)
	}
	if op.token.Secret != "" {
		b.set(fieldSecret, storedSecret(op.token.Secret))
	}
	set, err := b.build()
	if err != nil {
		return fmt.Errorf("cloakroom: save: %w", err)
	}
	op.rec = store.Record{}
	op.change = store.Change{Create: true, Set: set, ExpiresAt: millis(op.m.expiry(&op.next, now))}
	if want.signIn {
		op.change.Owner = &want.owner
	}
	version, err := op.save(op.token.Key)
	switch {
	case err == nil:
		return op.created(version)
	case errors.Is(err, store.ErrExists):
		return fmt.Errorf("cloakroom: save: the TokenScheme made the key of a live session, %q: keys must be unique: %w", op.token.Key, err)
	case errors.Is(err, errNotTried):
		return err
	}
	s.mu.Lock()
	s.forget() // a second try must not meet what the first one may have stored
	s.mu.Unlock()
	return op.doubt(err)
}

func (op *operation) created(version uint64) error {
	s := op.s
	if version == 0 {
		op.m.warnStore(op.ctx, "Save returned version 0")
		version = 1
	}
	signIn, owner := op.want.signIn, op.want.owner
	op.finish(version)
	s.mu.Lock()
	s.gone, s.ghost = "", ""
	s.mu.Unlock()
	if op.m.observing() {
		op.m.observe(op.ctx, Created{ID: op.token.Key})
		if signIn {
			op.m.observe(op.ctx, SignedIn{ID: op.token.Key, Owner: owner})
		}
	}
	op.send()
	return nil
}

// settle handles an update whose answer was lost. When it wrote a secret, the record
// says whether it landed.
func (op *operation) settle(cause error) error {
	if op.want.secret == "" {
		return op.doubt(cause)
	}
	rec, err := op.s.load(op.ctx, settleTime, op.token.Key)
	if err != nil {
		if errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrMalformed) {
			return op.ended(err)
		}
		return op.doubt(cause)
	}
	h, err := parseMeta(rec.Fields)
	if err != nil || !op.ours(rec.Fields) {
		return op.doubt(cause)
	}
	op.rec, op.meta, op.exact = rec, h, true
	op.change, op.next = store.Change{}, h
	return op.updated(rec.Version)
}

// doubt gives up what was wanted: it may have landed, so a second try could do it twice.
func (op *operation) doubt(cause error) error {
	s := op.s
	s.mu.Lock()
	dropped := op.want
	s.doubt, s.flying = cause, nil
	s.mu.Unlock()
	s.drop(op.ctx, &dropped, ReasonUncertain)
	return cause
}

// remove deletes a record.
func (s *Session) remove(ctx context.Context, key string) error {
	err := s.budget.spend(new(callContext), ctx, 0, func(ctx context.Context) error {
		return s.m.store.Delete(ctx, key)
	})
	if err != nil {
		return s.m.storeError(ctx, "delete", err)
	}
	return nil
}
