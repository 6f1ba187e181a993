package demo

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cloakroom-go/cloakroom/store/memstore"
)

func TestEachLoadOfThePageIsAVisit(t *testing.T) {
	v := newVisitor(t)
	v.get("/")
	if v.cookie == nil || !strings.HasPrefix(v.cookie.Name, "__Host-") || !v.cookie.HttpOnly || !v.cookie.Secure {
		t.Fatalf("the cookie of the first visit is %v, want a Secure, HttpOnly __Host- cookie", v.cookie)
	}
	if w := v.get("/"); w.Header().Get("Set-Cookie") != "" {
		t.Error("the second visit sets a cookie")
	} else if got := text(w.Body.String()); !strings.Contains(got, "Visit 2 Held by") {
		t.Errorf("the second visit is not shown as such: %s", got)
	}
	if got := v.field("visits"); got != "2" {
		t.Errorf("2 visits are stored as %s", got)
	}
}

func TestVisitsGoOnAfterARestart(t *testing.T) {
	s := memstore.New(nil)
	v := &visitor{t: t, site: newSite(t, s, nil)}
	v.get("/")
	v.site = newSite(t, s, nil)
	v.get("/")
	v.wantPage("Visit 2 Held by")
}

func TestRefreshingIsNoVisitAndLeavesNoRecord(t *testing.T) {
	v := newVisitor(t)
	v.wantPage("No ticket: nothing is kept for you.", "You have none.", "The record as stored", "There is none.")
	if v.records() != 0 || v.cookie != nil {
		t.Errorf("after a look there are %d records and the cookie %v, want none", v.records(), v.cookie)
	}
}

func TestTheSessionIsShownWithItsDeadlines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := newVisitor(t)
		began := time.Now().UTC() // the bubble's clock: midnight of 1 Jan 2000
		v.get("/")
		id, _ := v.halves()
		v.wantPage(
			"ID "+id+" ", "Owner nobody yet", "Age 0 s", "Created 1 Jan 2000, 00:00:00 UTC", "Last seen 1 Jan 2000, 00:00:00 UTC",
			"Ends if unused in 1 d 2 Jan 2000, 00:00:00 UTC", "Ends in any case in 30 d 31 Jan 2000, 00:00:00 UTC",
		)
		time.Sleep(2*time.Hour + 30*time.Minute)
		v.get("/") // uses the session, which moves the one deadline
		v.wantPage(
			"Age 2 h 30 min", "Created 1 Jan 2000, 00:00:00 UTC", "Last seen 1 Jan 2000, 02:30:00 UTC",
			"Ends if unused in 1 d 2 Jan 2000, 02:30:00 UTC", "Ends in any case in 29 d 21 h 31 Jan 2000, 00:00:00 UTC",
		)
		v.signIn("Ada") // moves the other
		v.wantPage("Owner Ada", "Age 2 h 30 min", "Ends in any case in 30 d 31 Jan 2000, 02:30:00 UTC")
		time.Sleep(24*time.Hour - time.Second)
		v.wantPage("Owner Ada")
		time.Sleep(24 * time.Hour)
		v.wantPage("You have none.", "Rejected")
		if got := time.Since(began); got != 50*time.Hour+30*time.Minute-time.Second {
			t.Errorf("the test took %v of its clock", got)
		}
	})
}

func TestSpansAreShort(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Second: "0 s", 0: "0 s", 999 * time.Millisecond: "0 s", time.Second: "1 s", 61 * time.Second: "1 min 1 s",
		time.Hour: "1 h", time.Hour + time.Second: "1 h", 25*time.Hour + time.Minute: "1 d 1 h", 30 * 24 * time.Hour: "30 d",
	} {
		if got := span(d); got != want {
			t.Errorf("span(%v) = %q, want %q", d, got, want)
		}
	}
}
