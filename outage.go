package cloakroom

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"
)

// OutagePolicy says what requests do when the store cannot say. Make one with [Fail] or
// [Wait].
type OutagePolicy struct{ wait time.Duration }

// Fail has each request fail by itself, within Config.StoreTimeout. It is the default.
func Fail() OutagePolicy { return OutagePolicy{} }

// Wait has requests that load a session wait for a store that is about to recover, until d
// has passed since the outage began. They ask again and again meanwhile, and each try takes
// Config.StoreTimeout at most. When d is over, one request at a time goes on asking, and all
// others fail at once, until the store answers; the Observer then gets a [Recovered].
//
// Only loads are repeated: a Save or Delete whose answer is lost may have landed.
func Wait(d time.Duration) OutagePolicy { return OutagePolicy{wait: max(d, 0)} }

// An outage is what is known of the store's being there. The zero value is a store that
// answers.
type outage struct {
	mu      sync.Mutex
	since   time.Time // zero while the store answers
	probing bool      // a request is asking for all
}

// errDown: another request is finding out whether the store is there again.
var errDown = fmt.Errorf("the store has not answered for too long: %w", errNotTried)

// enter reports whether a call may be made, and if so whether it is the probe.
func (o *outage) enter(wait time.Duration) (probe bool, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case o.since.IsZero() || time.Since(o.since) < wait:
		return false, nil
	case o.probing:
		return false, errDown
	}
	o.probing = true
	return true, nil
}

// leave notes how a call went; one that was ended by its own request says nothing. It returns how long the outage was that is over now, and
// how long it is worth waiting for the end of the one that is not.
func (o *outage) leave(probe, failed, ended bool, wait time.Duration) (over, left time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if probe {
		o.probing = false
	}
	switch {
	case ended:
	case !failed && !o.since.IsZero():
		over = max(time.Since(o.since), 1)
		o.since = time.Time{}
	case failed && o.since.IsZero():
		o.since = time.Now()
		left = wait
	case failed:
		left = wait - time.Since(o.since)
	}
	return over, left
}

// attempt makes one store call under Config.Outage, for a request with the context ctx. left
// is how long a load may go on trying.
func (m *Manager) attempt(ctx context.Context, call func() error) (left time.Duration, err error) {
	wait := m.cfg.Outage.wait
	if wait == 0 {
		return 0, call()
	}
	probe, err := m.outage.enter(wait)
	if err != nil {
		return 0, err
	}
	failed, ended := true, false // also when the store panics
	defer func() {
		var over time.Duration
		over, left = m.outage.leave(probe, failed, ended, wait)
		if over > 0 {
			m.observe(ctx, Recovered{After: over})
		}
	}()
	err = call()
	failed = err != nil && !isAnswer(err)
	ended = failed && ctx.Err() != nil && errors.Is(err, ctx.Err())
	return 0, err
}

// persist repeats a load while it is worth it.
func (m *Manager) persist(ctx context.Context, load func() error) error {
	const shortest, longest = 20 * time.Millisecond, time.Second
	for pause := shortest; ; pause = min(2*pause, longest) {
		left, err := m.attempt(ctx, load)
		if err == nil || left <= 0 {
			return err
		}
		timer := time.NewTimer(min(pause, left))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return fmt.Errorf("%w: %w", ctx.Err(), err)
		}
	}
}

// AnonymousOnOutage returns a handler for pages that are worth showing without the session:
// when the store cannot say, Load gives next an empty session instead of an error. The
// client keeps its cookie. Nothing can be saved in such a session: edits fail the request,
// and methods that take a context return an error, which wrap [ErrUnavailable]. It needs
// [Manager.Handler] around it.
func (m *Manager) AnonymousOnOutage(next http.Handler) http.Handler {
	return &anonymousHandler{m, next}
}

type anonymousHandler struct {
	m    *Manager
	next http.Handler
}

func (h *anonymousHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if x, ok := r.Context().Value(managerKey{h.m}).(*exchange); ok {
		x.loading.Lock()
		x.anonymous = true
		x.loading.Unlock()
	}
	h.next.ServeHTTP(w, r)
}
