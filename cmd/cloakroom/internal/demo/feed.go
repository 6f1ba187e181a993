package demo

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/cloakroom-go/cloakroom"
)

// A feed is the Observer of the demo: it keeps the latest events, and hands each to the
// request that it happened in.
type feed struct {
	report func(string)

	mu     sync.Mutex
	latest []Told // the newest first
}

const feedLen = 20

// Told is an event in words.
type Told struct {
	At         time.Time
	Kind, Text string
	ID         string // of the session, or ""
}

// Observe implements [cloakroom.Observer].
func (f *feed) Observe(ctx context.Context, e cloakroom.Event) {
	if entry := entryOf(ctx); entry != nil {
		entry.mu.Lock()
		entry.events = append(entry.events, e)
		entry.mu.Unlock()
	}
	switch e.(type) {
	case cloakroom.Loaded, cloakroom.Saved: // so usual that nothing else would be in the list
		return
	}
	f.add(tell(e))
	if f.report == nil {
		return
	}
	switch e := e.(type) {
	case cloakroom.Outage:
		f.report("the session store failed in " + e.Op + ": " + e.Err.Error())
	case cloakroom.Warning:
		f.report("warning: " + e.Problem + ": " + e.Remedy)
	}
}

func (f *feed) add(told Told) {
	told.At = time.Now()
	f.mu.Lock()
	defer f.mu.Unlock()
	if told.Kind == "Rejected" && len(f.latest) > 0 {
		// The page looks again and again, and its cookie may be that of a session that ended.
		if last := f.latest[0]; last.Kind == told.Kind && last.ID == told.ID && last.Text == told.Text {
			return
		}
	}
	f.latest = slices.Insert(f.latest, 0, told)
	f.latest = f.latest[:min(len(f.latest), feedLen)]
}

func (f *feed) events() []Told {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.latest)
}

func tell(e cloakroom.Event) Told {
	switch e := e.(type) {
	case cloakroom.Created:
		return Told{Kind: "Created", Text: "a session was stored", ID: e.ID}
	case cloakroom.Renewed:
		return Told{Kind: "Renewed", Text: "it has a new secret", ID: e.ID}
	case cloakroom.SignedIn:
		return Told{Kind: "SignedIn", Text: "it belongs to " + e.Owner, ID: e.ID}
	case cloakroom.Ended:
		return Told{Kind: "Ended", Text: string(e.Reason), ID: e.ID}
	case cloakroom.Rejected:
		text := string(e.Reason)
		if e.Detail != "" {
			text += ": " + e.Detail
		}
		return Told{Kind: "Rejected", Text: text, ID: e.ID}
	case cloakroom.Dropped:
		return Told{Kind: "Dropped", Text: strings.Join(e.Names, ", ") + ": " + string(e.Reason), ID: e.ID}
	case cloakroom.Outage:
		return Told{Kind: "Outage", Text: "the store failed in " + e.Op}
	case cloakroom.Recovered:
		return Told{Kind: "Recovered", Text: "the store answers again"}
	case cloakroom.Warning:
		return Told{Kind: "Warning", Text: e.Problem + ": " + e.Remedy}
	}
	return Told{Kind: "Event"}
}
