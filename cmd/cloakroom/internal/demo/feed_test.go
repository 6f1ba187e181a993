package demo

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom"
)

func TestEveryEventHasWords(t *testing.T) {
	for _, c := range []struct {
		event cloakroom.Event
		want  Told
	}{
		{cloakroom.Created{ID: "i"}, Told{Kind: "Created", Text: "a session was stored", ID: "i"}},
		{cloakroom.Renewed{ID: "i"}, Told{Kind: "Renewed", Text: "it has a new secret", ID: "i"}},
		{cloakroom.SignedIn{ID: "i", Owner: "Ada"}, Told{Kind: "SignedIn", Text: "it belongs to Ada", ID: "i"}},
		{cloakroom.Ended{ID: "i", Reason: cloakroom.ReasonDestroyed}, Told{Kind: "Ended", Text: "destroyed", ID: "i"}},
		{cloakroom.Rejected{ID: "i", Reason: cloakroom.ReasonUnknown}, Told{Kind: "Rejected", Text: "there is no such session", ID: "i"}},
		{cloakroom.Rejected{Reason: cloakroom.ReasonBadRecord, Detail: "d"}, Told{Kind: "Rejected", Text: "the stored record is malformed: d"}},
		{cloakroom.Dropped{ID: "i", Reason: cloakroom.ReasonGone, Names: []string{"a", "b"}}, Told{Kind: "Dropped", Text: "a, b: the session was ended by another request", ID: "i"}},
		{cloakroom.Outage{Op: "load", Err: errors.New("x")}, Told{Kind: "Outage", Text: "the store failed in load"}},
		{cloakroom.Recovered{After: time.Second}, Told{Kind: "Recovered", Text: "the store answers again"}},
		{cloakroom.Warning{Problem: "p", Remedy: "r"}, Told{Kind: "Warning", Text: "p: r"}},
	} {
		if got := tell(c.event); got != c.want {
			t.Errorf("tell(%#v) = %+v, want %+v", c.event, got, c.want)
		}
	}
}

func TestTheLatestEventsAreKept(t *testing.T) {
	var f feed
	for range feedLen {
		f.Observe(context.Background(), cloakroom.Created{ID: "old"})
	}
	f.Observe(context.Background(), cloakroom.Created{ID: "new"})
	told := f.events()
	if len(told) != feedLen || told[0].ID != "new" || told[1].ID != "old" {
		t.Errorf("%d events are kept, the first of %q, want %d and the newest", len(told), told[0].ID, feedLen)
	}
}

func TestWhatHappensWithEveryRequestIsNotListed(t *testing.T) {
	v := newVisitor(t)
	v.get("/")
	for range 3 {
		v.get("/")
		v.post("/cart", nil)
	}
	told := v.site.feed.events()
	if len(told) != 1 || told[0].Kind != "Created" {
		t.Errorf("the list is %+v, want the one session that was made", told)
	}
}

func TestTheVisitorSeesEvents(t *testing.T) {
	v := newVisitor(t)
	v.get("/")
	v.signIn("Ada")
	id, _ := v.halves()
	v.wantPage("SignedIn it belongs to Ada " + id)
	if page := v.page(); strings.Index(page, "SignedIn") > strings.Index(page, "Created a session was stored") {
		t.Error("the newest event is not the first")
	}
}
