package cloakroom

import (
	"context"
	"log/slog"
	"strings"
	"time"
)

// An Observer is told what happens to sessions: for metrics, audit logs and alarms.
//
// Observe may be called by many goroutines at once. It may block, and the request
// waits; its context is that of the request and may have been cancelled. It may read
// the session that it finds through [Manager.Load], but must not call a method that
// takes a context and must not edit: the commit it observes is still under way.
type Observer interface {
	Observe(ctx context.Context, e Event)
}

// An Event is one of [Created], [Loaded], [Saved], [Renewed], [SignedIn], [Ended],
// [Rejected], [Dropped], [Outage], [Recovered] and [Warning]. Events never hold a token, a secret or a value. An ID in
// them is public and may be logged.
type Event interface{ event() }

// Created: a new session was stored.
type Created struct{ ID string }

// Loaded: a request carries the token of a stored session, and was given it.
type Loaded struct{ ID string }

// Saved: edits of a stored session, or the time of its last use, were saved. A Save that
// makes, renews or signs in a session is told by the event for that.
type Saved struct{ ID string }

// Renewed: the session got a new secret, and the old one is refused from now on.
type Renewed struct{ ID string }

// SignedIn: the session belongs to Owner now.
type SignedIn struct{ ID, Owner string }

// Ended: the session was removed from the store. Detail is what Config.Validate said when
// Reason is [ReasonInvalid].
type Ended struct {
	ID     string
	Reason Reason
	Detail string
}

// Rejected: what the client carried did not open a session, so the request goes on
// with an empty one. ID is "" when the token was not well-formed. Detail says which
// rule was broken when Reason is [ReasonBadRecord] or [ReasonStoreRule].
type Rejected struct {
	ID     string
	Reason Reason
	Detail string
}

// Dropped: edits were not saved. Names are the fields meant, without values; the
// session's own settings are named "(clear)", "(limits)", "(renew)", "(restart)",
// "(sign-in)" and "(touch)".
type Dropped struct {
	ID     string
	Reason Reason
	Names  []string
}

// Outage: a call of the store failed in a way that leaves unknown what is there. Op is
// "load", "save", "delete" or "sweep".
type Outage struct {
	Op  string
	Err error
}

// Recovered: the store answers again, for the first time since the outage that began After
// ago. It is told with a Config.Outage that waits.
type Recovered struct{ After time.Duration }

// Warning: a mistake of the program. What is wrong with how something is set up is
// reported once by a manager, and what is wrong with a request each time.
type Warning struct{ Problem, Remedy string }

func (Created) event()   {}
func (Loaded) event()    {}
func (Saved) event()     {}
func (Renewed) event()   {}
func (SignedIn) event()  {}
func (Ended) event()     {}
func (Rejected) event()  {}
func (Dropped) event()   {}
func (Outage) event()    {}
func (Recovered) event() {}
func (Warning) event()   {}

// Reason says why something was ended, rejected or dropped.
type Reason string

// The reasons of [Rejected].
const (
	ReasonBadToken  Reason = "the token is malformed or forged"
	ReasonTooMany   Reason = "the request carries too many tokens"
	ReasonUnknown   Reason = "there is no such session"
	ReasonBadSecret Reason = "the secret is not that of the session"
	ReasonOldSecret Reason = "the secret was replaced a moment ago"
	ReasonIdle      Reason = "the session was idle for too long"
	ReasonLifetime  Reason = "the session has reached the end of its lifetime"
	ReasonBadRecord Reason = "the stored record is malformed"
	ReasonStoreRule Reason = "the store broke a rule of its contract"
)

// The reasons of [Ended].
const (
	ReasonDestroyed Reason = "destroyed"
	ReasonReplaced  Reason = "another owner signed in"
	ReasonRestarted Reason = "restarted"
	ReasonInvalid   Reason = "Config.Validate refused it"
)

// The reasons of [Dropped]. [ReasonOldSecret] is one too.
const (
	ReasonGone      Reason = "the session was ended by another request"
	ReasonNewEpoch  Reason = "another request signed in"
	ReasonRenewLost Reason = "another request renewed the session first"
	ReasonPopLost   Reason = "the value was changed or taken by another request"
	ReasonTooLate   Reason = "the response had begun: call Save before the first byte that is written, or with a context after it"
	ReasonFinished  Reason = "the handler had returned: wait for its goroutines before returning"
	ReasonUncertain Reason = "an earlier Save may have landed"
)

// logObserver is the default: what somebody must act on goes to slog.Default.
type logObserver struct{}

func (logObserver) Observe(ctx context.Context, e Event) {
	switch e := e.(type) {
	case Outage:
		slog.ErrorContext(ctx, "cloakroom: the session store failed", "op", e.Op, "error", e.Err)
	case Warning:
		slog.WarnContext(ctx, "cloakroom: "+e.Problem, "remedy", e.Remedy)
	case Dropped:
		// Only what a program can mend: the other reasons are races that were decided.
		if e.Reason == ReasonTooLate || e.Reason == ReasonFinished {
			slog.WarnContext(ctx, "cloakroom: edits of a session were lost: "+string(e.Reason),
				"session", e.ID, "fields", strings.Join(e.Names, ", "))
		}
	}
}
