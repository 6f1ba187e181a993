package cloakroom

import (
	"context"
	"fmt"
	"strconv"

	"github.com/cloakroom-go/cloakroom/store"
)

// prepare builds the edit of a stored record, and reports whether there is anything to do.
func (op *operation) prepare() (something bool, err error) {
	want, now := &op.want, op.now
	b := changeBuilder{conds: op.conds[:0], fields: op.fields[:0]}
	want.change(op.rec.Fields, op.s.names != nil, &b)

	op.nothing()
	next := &op.next
	if want.limits != (limitEdits{}) {
		next.limits = want.limits.applyTo(next.limits)
		if next.limits != op.meta.limits {
			if err := b.setLimits(next.limits); err != nil {
				return false, err
			}
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
	} else if want.touch || want.force || op.m.touchDue(&op.meta, now) {
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
	} else if op.owesTicket(next.seen != op.meta.seen) {
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
		op.change.Base = op.rec.base(op.m.sealer != nil)
	}
	return true, op.conceal(op.token.Key)
}

// nothing makes the change one that does nothing.
func (op *operation) nothing() {
	op.change, op.set, op.next = store.Change{}, store.Fields{}, op.meta
}

// owesTicket reports whether the client is to get its token anew though that does not
// change. touched says that the commit counts as a use of the session.
func (op *operation) owesTicket(touched bool) bool {
	s := op.s
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.owesToken() || !s.late && !s.outdated &&
		(op.want.limits.inTicket() || touched && op.m.cfg.RollCookie == RollOnTouch)
}

// save sends the change to the store, within the budget.
func (op *operation) save(key string) (version uint64, err error) {
	b := op.s.budget
	if b.left() <= 0 {
		return 0, op.m.storeError(op.ctx, "save", errNotTried)
	}
	call := &op.call
	if op.called {
		call = new(callContext)
	}
	op.called = true
	err = b.spend(call, op.ctx, 0, func(ctx context.Context) error {
		_, err := op.m.attempt(op.ctx, func() (err error) {
			version, err = op.m.store.Save(ctx, op.m.cfg.KeyPrefix+key, op.change)
			return err
		})
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
	} else if op.m.observing() {
		op.m.observe(op.ctx, Saved{ID: op.token.Key})
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
		s.rec, s.meta, s.exact, s.token, s.landed, s.flying = rec, op.next, exact, op.token, op, nil
		if op.want.secret != "" {
			s.outdated = false
		}
	}
}

// fold brings the fields of rec up to date. It is put off because most requests look at
// nothing after their commit, and a large session is dear to copy. The caller holds mu.
func (s *Session) fold() {
	if op := s.landed; op != nil {
		s.rec.with(op.set, op.change.Set, op.change.Unset)
		s.landed = nil
	}
}
