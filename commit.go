package cloakroom

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
)

// An operation collects what is pending, and then saves it. While it does, the session's
// op lock is held.
type operation struct {
	s    *Session
	m    *Manager
	ctx  context.Context
	now  int64   // milliseconds; of the commit
	want pending // s.flying points here, so that the view shows it

	rec   record // what the store held last
	meta  meta
	exact bool
	token Token

	begun  int          // the session this is about
	next   meta         // what change makes of meta
	ticket bool         // the client gets one
	change store.Change // what is sent
	set    store.Fields // change.Set in the clear
	lost   []string     // fields whose Pop came too late
	leave  func()       // of the gate
	again  int          // how often a Save was sent again whose answer was lost

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
	doubt, gone := s.doubt, s.hopeless()
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
	return edited || touch || s.owesToken() || s.keepsEmpty() && !s.late, nil
}

// owesToken reports whether the client is to get its token again, because that needs
// another form or by Config.RollCookie, and can get it. The caller holds mu.
func (s *Session) owesToken() bool {
	rolls := s.m.cfg.RollCookie == RollAlways && !s.rolled && s.stored()
	return (s.resend || rolls) && !s.late && !s.outdated
}

// keepsEmpty reports whether the session is stored though nothing is in it. The caller
// holds mu.
func (s *Session) keepsEmpty() bool {
	return s.m.cfg.KeepEmpty && !s.stored() && !s.ended && !s.blind && s.gone == ""
}

// hopeless reports whether the session is gone, and nothing pending begins a new one. The
// caller holds mu.
func (s *Session) hopeless() bool {
	p := s.pending()
	return s.gone != "" && (p == nil || !p.signIn)
}

// giveUp drops what is pending in a session that is gone. The caller holds mu, which is
// released.
func (s *Session) giveUp(ctx context.Context) error {
	dropped, reason := s.takePending(), s.gone
	s.mu.Unlock()
	s.drop(ctx, &dropped, reason)
	return ErrEnded
}

// carry is a commit that has something to do.
func (s *Session) carry(ctx context.Context) error {
	s.mu.Lock()
	if s.hopeless() {
		return s.giveUp(ctx)
	}
	s.mu.Unlock()
	if err := s.beforeSave(ctx); err != nil {
		return err
	}
	s.mu.Lock()
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
	return !s.stored() || p.renew || p.signIn || p.limits.inTicket()
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
				op.nothing()
				op.finish(op.rec.Version) // a mere touch; whoever was faster has touched it too
				return nil
			}
			if err := op.back(attempt); err != nil {
				return op.unsure(err)
			}
			landed, err := op.reload()
			switch {
			case landed:
				return op.landed()
			case saysGone(err):
				return op.ended(err)
			case err != nil:
				return op.unsure(err)
			}
		case saysGone(err):
			return op.ended(err)
		case errors.Is(err, errNotTried):
			return op.unsure(err)
		default:
			if again, err := op.settle(err); !again {
				return err
			}
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
		return wait(ctx, time.Duration(rand.Int64N(int64(limit))))
	})
	if err != nil {
		return op.m.storeError(op.ctx, "save", fmt.Errorf("other requests kept changing the same values: %w", err))
	}
	return nil
}

// reload reads the record again and puts the edits on it, unless they are there: a Save
// of theirs that was given up has landed. ErrNotFound means that the session has ended, and
// errEpoch that another request signed in.
func (op *operation) reload() (landed bool, err error) {
	s := op.s
	rec, err := s.load(op.ctx, 0, op.token.Key)
	if err != nil {
		return false, err
	}
	meta, err := parseMeta(rec.Fields)
	if err != nil || rec.Version == 0 {
		return false, fmt.Errorf("cloakroom: load: the record was replaced by something else: %w", store.ErrNotFound)
	}
	if op.ours(rec.Fields) {
		op.found(rec, meta)
		return true, nil
	}
	if !same(fieldEpoch, rec.Fields, op.rec.Fields) {
		return false, errEpoch
	}
	if !same(fieldSecret, rec.Fields, op.rec.Fields) {
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
		return false, err
	}
	op.found(rec, meta)
	return false, nil
}

// found notes what the store holds.
func (op *operation) found(rec record, meta meta) {
	op.rec, op.meta, op.exact = rec, meta, op.s.names == nil
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

// saysGone reports whether err means that this session cannot be written any more.
func saysGone(err error) bool {
	return errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrMalformed) || errors.Is(err, errEpoch)
}

// errNotTried: there was no time left, so nothing was sent to the store.
var errNotTried = errors.New("no time was left")

// ended handles a session that is gone: a sign-in goes on as a new session, and all else
// is dropped.
func (op *operation) ended(err error) error {
	reason := ReasonGone
	if errors.Is(err, errEpoch) {
		reason = ReasonNewEpoch
	}
	s := op.s
	if op.want.signIn {
		s.mu.Lock()
		if s.begun == op.begun {
			s.forget()
		}
		s.mu.Unlock()
		op.rec, op.meta, op.exact, op.token = record{}, meta{}, false, Token{}
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
