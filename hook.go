package cloakroom

import (
	"context"
	"errors"
	"fmt"
)

// errHook marks a function of the program that did not do its part: a panic, or no answer.
var errHook = errors.New("a function of the program failed")

// guard calls a function of the Config, and returns when it does or when ctx ends. A panic
// or an end without a result is an error: it must not take other requests along. It has a
// goroutine of its own because one that hangs cannot be stopped.
func guard(ctx context.Context, field string, f func(context.Context) error) error {
	done := make(chan error, 1)
	go func() {
		err := fmt.Errorf("the function Config.%s did not return: %w", field, errHook)
		defer func() {
			if p := recover(); p != nil {
				err = fmt.Errorf("the function Config.%s panicked: %v: %w", field, p, errHook)
			}
			done <- err
		}()
		err = f(ctx)
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return fmt.Errorf("the function Config.%s gave no answer: %w: %w", field, errHook, ctx.Err())
	}
}

// hook calls a function of the Config for this session, within the budget of the store.
// When it did not do its part, that is an outage. The caller holds op, or is the only one
// that has the session.
func (s *Session) hook(ctx context.Context, field, op string, f func(context.Context, *Session) error) error {
	err := s.budget.spend(new(callContext), ctx, 0, func(ctx context.Context) error {
		return guard(ctx, field, func(ctx context.Context) error { return f(ctx, s) })
	})
	if errors.Is(err, errHook) {
		return s.m.storeError(ctx, op, err)
	}
	return err
}

// newToken makes a token, which a Config.NewID may take its time for.
func (s *Session) newToken() (token Token, err error) {
	if s.m.cfg.NewID == nil {
		return s.m.cfg.Tokens.New(s.ctx)
	}
	ctx, cancel := context.WithTimeout(s.ctx, s.m.cfg.StoreTimeout)
	defer cancel()
	made := make(chan Token, 1) // a call that is given up on may still come to an end
	err = guard(ctx, "NewID", func(ctx context.Context) error {
		t, err := s.m.cfg.Tokens.New(ctx)
		made <- t
		return err
	})
	if err != nil {
		if errors.Is(err, errHook) {
			err = s.m.storeError(s.ctx, "new ID", err)
		}
		return Token{}, err
	}
	return <-made, nil
}

// validate asks Config.Validate whether the session that was loaded may be used, and ends
// it if not. valid is false then.
func (c *candidates) validate() (valid bool, err error) {
	s, m := c.s, c.s.m
	refusal := s.hook(c.ctx, "Validate", "validate", m.cfg.Validate)
	switch {
	case refusal == nil:
		return true, nil
	case errors.Is(refusal, ErrUnavailable), errors.Is(refusal, errHook):
		return false, refusal
	case errors.Is(refusal, context.Canceled), errors.Is(refusal, context.DeadlineExceeded):
		return false, m.storeError(c.ctx, "validate", refusal) // it could not say
	}
	key := s.token.Key
	if err := s.remove(c.ctx, key); err != nil {
		return false, err
	}
	c.events = append(c.events, Ended{ID: key, Reason: ReasonInvalid, Detail: refusal.Error()})
	s.mu.Lock()
	s.forget()
	s.draft, s.err, s.fatal = nil, nil, false
	s.mu.Unlock()
	return false, nil
}

// beforeSave lets Config.BeforeSave have its say. The caller holds op.
func (s *Session) beforeSave(ctx context.Context) error {
	f := s.m.cfg.BeforeSave
	if f == nil {
		return nil
	}
	err := s.hook(ctx, "BeforeSave", "before save", f)
	if err != nil && !errors.Is(err, ErrUnavailable) {
		return fmt.Errorf("cloakroom: save: Config.BeforeSave: %w", err)
	}
	return err
}
