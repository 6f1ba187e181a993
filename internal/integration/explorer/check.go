package explorer

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
)

// A promise is something that holds in every schedule.
type promise string

const (
	final    promise = "final: a session that was destroyed, or that another owner signed in over, is never seen again"
	notLost  promise = "nothing lost: what was saved is there, and what nothing had cut off is saved"
	boundary promise = "boundary: nothing from before a sign-in is written after it"
	signIn   promise = "a sign-in is never dropped"
	apart    promise = "owners apart: nobody sees what is another's"
	renewed  promise = "renewed: of renewals at once one wins, and a replaced secret opens and writes nothing"
	kept     promise = "kept in: a client that follows the responses is not locked out"
	quiet    promise = "quiet: who is told that the session has ended sends no cookie, and only Destroy clears one"
	deadline promise = "deadline: use and renewals do not move the end of the lifetime"
	alive    promise = "alive: a session in use lives as long as its idle timeout says"
	expiry   promise = "expiry: an expired session is never seen again"
	sweeping promise = "sweeping: it never removes a live record"
	oneByOne promise = "one Load and one Save for a request that meets no conflict"
	ends     promise = "ends: every request comes to an end, without a panic"
	answered promise = "answered: a store that works is no outage"
)

// check compares store and manager with the model, after a step.
func (s *schedule) check(st step) {
	if st.r.finished.Load() && st.r.panicked != nil {
		s.fail(ends, "%s panicked: %v", st.r.name, st.r.panicked)
	}
	if st.what == calls || st.what == leaps { // others change nothing there
		s.checkRefused(st.r)
		for _, x := range s.sessions {
			s.checkRecord(st.r, x)
		}
		for _, token := range s.tokens {
			s.checkToken(token)
		}
	}
	if st.r.finished.Load() {
		s.checkFinished(st.r)
	}
}

// checkRefused looks at a Save that met a conflict. Somebody must have written since the
// request has loaded: else it would be refused for ever.
func (s *schedule) checkRefused(r *request) {
	calls := r.happened()
	if len(calls) == 0 {
		return
	}
	last := calls[len(calls)-1]
	x := s.byID(last.key)
	if _, err, _ := last.answer(); x == nil || !errors.Is(err, store.ErrConflict) {
		return
	}
	for _, c := range slices.Backward(calls) {
		if c.verb == "load" && c.key == last.key {
			if version, _, _ := c.answer(); version == x.version {
				s.fail(ends, "%s cannot save: it was refused, and nobody has written since it has loaded", r.name)
			}
			return
		}
	}
}

func (s *schedule) checkRecord(by *request, x *session) {
	rec, err := s.store.Load(context.Background(), x.id)
	before := x.version
	x.version = rec.Version
	switch {
	case errors.Is(err, store.ErrNotFound):
		switch {
		case x.ended != "":
		case by.program[0] == sweep:
			s.fail(sweeping, "%s was removed", s.name(x.id))
		default:
			s.fail(alive, "%s is gone, and nothing had ended it", s.name(x.id))
		}
		return
	case err != nil:
		s.fail(answered, "load %s: %v", s.name(x.id), err)
		return
	case x.ended == byTime:
		s.fail(expiry, "%s is back", s.name(x.id))
		return
	case x.ended != "":
		s.fail(final, "%s was %s and is there", s.name(x.id), x.ended)
		return
	}
	if rec.Version != before {
		if v := &by.view; (v.session == x || v.ghost == x) && v.cutOff(by) {
			s.fail(trespass(v), "%s wrote to %s though it was cut off", by.name, s.name(x.id))
		}
	}
	if rec.Owner != x.owner {
		s.fail(apart, "%s belongs to %q instead of %q", s.name(x.id), rec.Owner, x.owner)
	}
	if got := contentOf(rec.Fields); got != x.content {
		s.fail(notLost, "%s holds %v instead of %v", s.name(x.id), got, x.content)
	}
	if end := x.start.Add(lifetime); rec.ExpiresAt.After(end.Add(time.Second)) {
		s.fail(deadline, "%s lives %v longer than its lifetime", s.name(x.id), rec.ExpiresAt.Sub(end))
	} else if least := x.seen.Add(idleTimeout - touchInterval); rec.ExpiresAt.Before(least) && rec.ExpiresAt.Before(end.Add(-time.Second)) {
		s.fail(alive, "%s was used, and ends %v too soon", s.name(x.id), least.Sub(rec.ExpiresAt))
	}
}

// checkToken asks the manager what a token opens.
func (s *schedule) checkToken(token string) {
	x := s.byToken(token)
	opens := x.ended == "" && x.token == token
	view, err := s.manager.Open(context.Background(), token)
	switch {
	case err != nil:
		s.fail(answered, "open a session: %v", err)
	case opens && view.IsNew():
		s.fail(kept, "%s, sent last, does not open its session", s.tokenName(token))
	case !opens && !view.IsNew():
		s.fail(refusal(x), "%s opens the session though it must not any more", s.tokenName(token))
	case opens && (view.ID() != x.id || view.Owner() != x.owner):
		s.fail(apart, "%s opens %s of %q", s.tokenName(token), s.name(view.ID()), view.Owner())
	}
}

// checkFinished looks at what a request did as a whole.
func (s *schedule) checkFinished(r *request) {
	var loads, saves, refused int
	for _, c := range r.happened() {
		switch c.verb {
		case "load":
			loads++
		case "save":
			saves++
			if _, err, _ := c.answer(); err != nil {
				refused++
			}
		}
	}
	commits := 1
	for _, o := range r.program {
		if o == saveNow {
			commits++
		}
	}
	if loads > 1+refused || saves > commits+refused {
		s.fail(oneByOne, "%s made %d loads and %d saves, of which %d were refused", r.name, loads, saves, refused)
	}
	destroys := slices.Contains(r.program, destroy)
	switch {
	case r.answer.clear && !destroys:
		s.fail(quiet, "%s clears the cookie, and did not destroy the session", r.name)
	case destroys && r.presented != "" && r.answer.empty():
		s.fail(quiet, "%s destroyed the session and leaves the client its cookie", r.name)
	case r.view.denied && r.answer.token != "":
		s.fail(quiet, "%s was told that its session has ended, and sends %s", r.name, s.tokenName(r.answer.token))
	}
	for _, x := range s.sessions {
		if x.ended == byRunningCall && x.ender == r {
			s.fail(notLost, "%s deleted %s, and nobody had asked for it", r.name, s.name(x.id))
		}
	}
}

// checkClients looks at what the clients hold when all responses have arrived. One that
// got them in the order in which they were made must be able to go on; one that only
// renewed must be in any order.
func (s *schedule) checkClients() {
	for c := range s.jars {
		var sent []*request
		inOrder, boundaries := true, false
		for _, r := range s.arrived {
			if r.client == client(c) {
				inOrder = inOrder && (len(sent) == 0 || sent[len(sent)-1].endedAt < r.endedAt)
				sent = append(sent, r)
				boundaries = boundaries || slices.ContainsFunc(r.program, func(o op) bool { return o == destroy || o.owner() != "" })
			}
		}
		token := s.jars[c]
		x := s.byToken(token)
		if len(sent) == 0 || token == "" || !inOrder && boundaries || x == nil || x.ended != "" || x.token == token {
			continue
		}
		if slices.ContainsFunc(sent, func(r *request) bool { return r.answer.token == x.token }) {
			s.fail(kept, "%s followed all responses and holds %s, while %s opens the session",
				client(c), s.tokenName(token), s.tokenName(x.token))
		}
	}
}
