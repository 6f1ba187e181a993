package demo

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/memstore"
)

func TestEachRequestIsListedWithItsCost(t *testing.T) {
	v := newVisitor(t)
	for _, c := range []struct {
		do   func()
		want string // loads, saves, deletes, cookie
	}{
		{func() { v.get("/") }, "GET / 0 1 0 sent"},
		{func() { v.get("/") }, "GET / 1 1 0 none"},
		{func() { v.get("/untouched") }, "GET /untouched 0 0 0 none"},
		{func() { v.signIn("Ada") }, "POST /sign-in 1 1 0 sent"},
		{func() { v.send("POST", "/sign-in", url.Values{}) }, "POST /sign-in 1 0 0 none"},
		{func() { v.post("/cart", nil) }, "POST /cart 1 1 0 none"},
		{func() { v.post("/cart/empty", nil) }, "POST /cart/empty 1 1 0 none"},
		{func() { v.post("/cart/empty", nil) }, "POST /cart/empty 1 0 0 none"}, // a value set to what it was
		{func() { v.post("/sign-out", nil) }, "POST /sign-out 1 0 1 cleared"},
		{func() { v.get("/untouched") }, "GET /untouched 0 0 0 none"},
	} {
		c.do()
		if got := v.latest(); got != c.want {
			t.Errorf("the latest request is listed as %q, want %q", got, c.want)
		}
	}
}

func TestAnUntouchedRouteLeavesNoTraceInItsAnswer(t *testing.T) {
	v := newVisitor(t)
	v.get("/")
	w := v.get("/untouched")
	for _, name := range []string{"Set-Cookie", "Vary"} {
		if got := w.Header().Get(name); got != "" {
			t.Errorf("%s is %q, want none", name, got)
		}
	}
}

func TestAPageLeavesItselfAndRefreshesOutOfTheList(t *testing.T) {
	v := newVisitor(t)
	v.get("/live")
	if page := text(v.get("/").Body.String()); !strings.Contains(page, "No request was made before this one.") {
		t.Errorf("the first page lists requests: %s", page)
	}
}

func TestTheListIsBoundedAndSoAreItsLines(t *testing.T) {
	v := newVisitor(t)
	for n := range ledgerLen + 5 {
		v.send("GET", fmt.Sprintf("/%d/%s", n, strings.Repeat("x", 1000)), nil)
	}
	page := v.get("/live").Body.String()
	if got := strings.Count(page, "data-request="); got != ledgerLen {
		t.Errorf("%d requests are listed, want %d", got, ledgerLen)
	}
	if strings.Contains(page, strings.Repeat("x", 30)) {
		t.Error("a path of 1000 bytes is listed in full")
	}
	if got := len(v.site.ledger.entries); got > ledgerLen+1 {
		t.Errorf("%d entries are kept", got)
	}
}

func TestTheCounterLeavesOptionalInterfacesInReach(t *testing.T) {
	if _, ok := store.As[store.Sweeper](&counter{memstore.New(nil)}); !ok {
		t.Error("the counter hides the store's Sweep, so expired sessions would stay")
	}
}
