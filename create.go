package cloakroom

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/cloakroom-go/cloakroom/store"
)

// create stores a new session.
func (op *operation) create() error {
	s, want := op.s, &op.want
	if err := op.rebase(store.Fields{}); err != nil {
		return err
	}
	b := changeBuilder{fields: op.fields[:0]}
	want.change(store.Fields{}, false, &b)
	replaced := want.replaces != ""
	if replaced {
		if err := s.remove(op.ctx, want.replaces); err != nil {
			return err
		}
		op.m.observe(op.ctx, Ended{ID: want.replaces, Reason: want.ends})
		s.mu.Lock()
		want.replaces = ""
		s.mu.Unlock()
	}
	s.mu.Lock()
	empty := len(b.fields) == 0 && !want.signIn && !want.force && !s.keepsEmpty()
	if empty {
		want.edits, want.cleared, want.touch, want.restart = nil, false, false, false // the limits are for what may come
	}
	clear := empty && replaced && s.presents && !s.late
	s.presents = s.presents && !clear
	s.mu.Unlock()
	if clear {
		s.deliver(Ticket{Clear: true})
	}
	if empty {
		return nil // nothing is in it, so nothing is stored
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
		if err := b.setLimits(op.next.limits); err != nil {
			return err
		}
	}
	if op.token.Secret != "" {
		b.set(fieldSecret, storedSecret(op.token.Secret))
	}
	set, err := b.build()
	if err != nil {
		return fmt.Errorf("cloakroom: save: %w", err)
	}
	op.rec = record{}
	op.change = store.Change{Create: true, Set: set, ExpiresAt: millis(op.m.expiry(&op.next, now))}
	if want.signIn {
		op.change.Owner = &want.owner
	}
	if err := op.conceal(op.token.Key); err != nil {
		return err
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
	s.gone, s.ghost, s.ended = "", "", false
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
