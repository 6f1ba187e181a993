package cloakroom

import (
	"context"
	"errors"
	"fmt"
)

// The methods that do something now.

// Save saves all edits now. Before the response has begun it also sets the cookie; after
// that an edit that needs a new token, such as Renew, is an error. The error is [ErrEnded]
// when the session was ended meanwhile; wraps [store.ErrConflict] when a Pop came too
// late, with all other edits saved; and wraps [ErrUnavailable] when the store cannot say.
// Then the edits may have landed, so they are not tried again, and further ones are
// refused until Reload has shown what is there.
func (s *Session) Save(ctx context.Context) error {
	return s.operate(ctx, s.commit)
}

// Destroy ends the session: it removes the record, and then clears the cookie. It is the
// sign-out, and final: no request that was under way can bring the session back.
// Afterwards this is an empty session, and edits make a new one. On an error, which wraps
// [ErrUnavailable], the view is as it was and the cookie stays. A request whose secret was
// replaced a moment ago sees an empty session, and ends the one that it was of.
func (s *Session) Destroy(ctx context.Context) error {
	return s.operate(ctx, s.destroy)
}

func (s *Session) destroy(ctx context.Context) error {
	s.mu.Lock()
	if s.blind {
		defer s.mu.Unlock()
		return s.doubt
	}
	keys := []string{s.ghost}
	if p := s.pending(); p != nil {
		keys = append(keys, p.replaces)
	}
	if s.stored() {
		keys = append(keys, s.token.Key)
	}
	presents, late := s.presents, s.late
	s.mu.Unlock()
	for _, key := range keys {
		if key == "" {
			continue
		}
		if err := s.remove(ctx, key); err != nil {
			return err
		}
		s.m.observe(ctx, Ended{ID: key, Reason: ReasonDestroyed})
	}
	now := s.m.now()
	s.mu.Lock()
	s.forget()
	s.draft, s.gone, s.ghost = nil, "", ""
	s.err, s.fatal, s.doubt = nil, false, nil
	s.now = now
	s.presents, s.ended = false, true
	s.mu.Unlock()
	if presents && !late {
		s.deliver(Ticket{Clear: true})
	}
	return nil
}

// Reload reads the session again and puts the pending edits on top, calling the functions
// of Updates again. It is [ErrEnded] when the session was ended or signed in elsewhere;
// the edits are dropped then, but for a SignIn, which makes a new session. It wraps
// [ErrUnavailable] when the store cannot say. A new session has nothing to read.
func (s *Session) Reload(ctx context.Context) error {
	return s.operate(ctx, s.reload)
}

func (s *Session) reload(ctx context.Context) error {
	s.mu.Lock()
	if s.blind {
		defer s.mu.Unlock()
		return s.doubt
	}
	if s.gone != "" {
		return s.giveUp(ctx)
	}
	if !s.stored() {
		s.doubt = nil
		s.mu.Unlock()
		return nil
	}
	op := s.newOperation(ctx)
	s.mu.Unlock()
	_, err := op.reload()
	if saysGone(err) {
		return op.lose(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.putBack()
	if err != nil {
		return err
	}
	if s.begun == op.begun {
		s.rec, s.meta, s.exact, s.doubt = op.rec, op.meta, op.exact, nil
	}
	return nil
}

// lose gives the session up when a reload found it ended, but for a sign-in, which is
// never dropped: it makes a new session at the commit.
func (op *operation) lose(err error) error {
	if !op.want.signIn {
		_ = op.ended(err) // says ErrEnded, or nothing when nothing was pending
		return ErrEnded
	}
	s := op.s
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.begun == op.begun {
		s.gone, s.ghost = ReasonGone, op.token.Key
		s.forget()
	}
	s.putBack()
	return ErrEnded
}

// operate runs one operation at a time. Until the response has begun, all of them share
// the budget of the request.
func (s *Session) operate(ctx context.Context, do func(context.Context) error) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("cloakroom: %w", err)
	}
	s.op.Lock()
	defer s.op.Unlock()
	s.mu.Lock()
	if s.late || s.budget == &s.own {
		s.budget.reset()
	}
	finished := s.finished
	s.mu.Unlock()
	if finished {
		return errors.New("cloakroom: " + string(ReasonFinished))
	}
	err := do(detach(ctx))
	if s.budget == &s.own {
		s.budget.reset() // no answer waits for the next operation too
	}
	return err
}
