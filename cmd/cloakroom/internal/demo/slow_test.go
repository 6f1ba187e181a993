package demo

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cloakroom-go/cloakroom"
)

// runSlow runs the slow request, and something else while it is under way.
func runSlow(t *testing.T, v *visitor, meanwhile func()) (slowAnswer, *httptest.ResponseRecorder) {
	t.Helper()
	answers := make(chan *httptest.ResponseRecorder)
	go func() { answers <- v.send("POST", "/slow", nil) }()
	synctest.Wait() // the slow request waits
	start := time.Now()
	meanwhile()
	w := <-answers
	if took := time.Since(start); took != slowness {
		t.Errorf("the slow request took %v, want %v", took, slowness)
	}
	var a slowAnswer
	if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil {
		t.Fatalf("the slow request was answered with %d %q: %v", w.Code, w.Body, err)
	}
	return a, w
}

func TestASignOutWinsAgainstASlowRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := newVisitor(t)
		v.get("/")
		v.signIn("Ada")
		id, _ := v.halves()
		before := *v.cookie
		answer, w := runSlow(t, v, func() {
			v.wantPage("under way")
			if got := v.latest(); got != "POST /slow 1 0 0 " {
				t.Errorf("while it waits the slow request is listed as %q", got)
			}
			v.post("/sign-out", nil)
		})
		if answer.Owner != "Ada" || !slices.Equal(answer.Dropped, []string{"note"}) ||
			answer.Reason != string(cloakroom.ReasonGone) || answer.Record != "none" {
			t.Errorf("the slow request says %+v, want the note dropped and no record", answer)
		}
		if cookie := w.Header().Get("Set-Cookie"); cookie != "" {
			t.Errorf("the slow request sets the cookie %q", cookie)
		}
		v.wantPage("You are not signed in", "Dropped note: the session was ended by another request "+id)
		(&visitor{t: t, site: v.site, cookie: &before}).wantPage("You are not signed in", "You have none.")
		if v.records() != 0 {
			t.Errorf("%d records are left", v.records())
		}
	})
}

func TestASlowRequestIsSavedWhenNobodySignsOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := newVisitor(t)
		v.get("/")
		answer, _ := runSlow(t, v, func() { v.post("/cart", nil) })
		if len(answer.Dropped) > 0 || answer.Record != "live" {
			t.Errorf("the slow request says %+v, want nothing dropped and a live record", answer)
		}
		if got := v.field("note"); got != `"written by the slow request"` {
			t.Errorf("the note is %s", got)
		}
		v.wantPage("1 item in the cart")
	})
}

func TestASlowRequestNeedsASession(t *testing.T) {
	v := newVisitor(t)
	if w := v.send("POST", "/slow", nil); w.Code != http.StatusConflict || v.records() != 0 {
		t.Errorf("without a session: %d and %d records, want 409 and none", w.Code, v.records())
	}
}
