package demo

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/cloakroom-go/cloakroom/store"
)

func TestSigningInKeepsTheSessionAndRenewsItsSecret(t *testing.T) {
	v := newVisitor(t)
	v.get("/")
	v.post("/cart", nil)
	idBefore, secretBefore := v.halves()
	planted := *v.cookie
	v.signIn("  Ada  ")
	id, secret := v.halves()
	if id != idBefore || secret == secretBefore {
		t.Errorf("the cookie went from %s|%s to %s|%s, want the same ID and another secret", idBefore, secretBefore, id, secret)
	}
	v.wantPage("signed in as Ada", "Held by Ada", "1 item in the cart")

	thief := &visitor{t: t, site: v.site, cookie: &planted}
	thief.wantPage("You are not signed in", "You have none.")
}

func TestSigningInOverSomebodyElseInheritsNothing(t *testing.T) {
	v := newVisitor(t)
	v.get("/")
	v.signIn("Ada")
	v.post("/cart", nil)
	before, _ := v.halves()
	v.signIn("Bob")
	if after, _ := v.halves(); after == before {
		t.Error("Bob has Ada's session")
	}
	v.wantPage("signed in as Bob", "0 items in the cart", "Ended another owner signed in "+before)
}

func TestOnlyWhoWantsToBeRememberedHasACookieThatStays(t *testing.T) {
	v := newVisitor(t)
	v.get("/")
	if v.cookie.MaxAge != 0 || !v.cookie.Expires.IsZero() {
		t.Errorf("the cookie of a visit is %v, want one that goes with the browser", v.cookie)
	}
	for _, c := range []struct {
		remember string
		maxAge   int
		says     string
	}{
		{"", 0, "goes when the browser is closed"},
		{"yes", 30 * 24 * 3600, "stays when the browser is closed until"},
		{"", 0, "goes when the browser is closed"}, // asked again, and not wanted any more
	} {
		v.post("/sign-in", url.Values{"name": {"Ada"}, "remember": {c.remember}})
		if v.cookie.MaxAge != c.maxAge {
			t.Errorf("with remember=%q the cookie is %v, want Max-Age %d", c.remember, v.cookie, c.maxAge)
		}
		v.wantPage("Cookie "+c.says, "signed in as Ada")
	}
	v.post("/sign-in", url.Values{"name": {"Ada"}, "remember": {"yes"}})
	v.signIn("Bob")
	if v.cookie.MaxAge != 0 {
		t.Errorf("Bob is remembered because Ada was: %v", v.cookie)
	}
}

func TestNamesThatCannotBeShownAreRefusedWithTheReason(t *testing.T) {
	v := newVisitor(t)
	v.get("/")
	for name, want := range map[string]string{
		"":                       "Type a name first",
		" \t ":                   "Type a name first",
		"a\x00b":                 "cannot be shown",
		"a\nb":                   "cannot be shown",
		"\xff":                   "cannot be shown",
		strings.Repeat("ä", 41):  "too long",
		strings.Repeat("x", 1e5): "could not be read",
	} {
		w := v.send("POST", "/sign-in", url.Values{"name": {name}})
		if w.Code != http.StatusUnprocessableEntity || !strings.Contains(w.Body.String(), want) {
			t.Errorf("the name %.20q: %d, want 422 and %q on the page", name, w.Code, want)
		}
	}
	v.wantPage("You are not signed in")
	v.signIn(strings.Repeat("ä", 40))
	v.wantPage("signed in as " + strings.Repeat("ä", 40))
}

func TestSigningOutRemovesTheRecordAndTheCookie(t *testing.T) {
	v := newVisitor(t)
	v.get("/")
	v.signIn("Ada")
	id, _ := v.halves()
	v.post("/sign-out", nil)
	if v.cookie != nil {
		t.Errorf("after the sign-out the visitor has the cookie %v", v.cookie)
	}
	if _, err := v.site.store.Load(context.Background(), id); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("after the sign-out the store says %v, want ErrNotFound", err)
	}
	v.wantPage("You are not signed in", "You have none.", "Ended destroyed "+id)
}

func TestTwentyParallelRequestsKeepEveryItem(t *testing.T) {
	v := newVisitor(t)
	v.post("/cart/empty", nil)
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if w := v.send("POST", "/cart", nil, "Accept", "application/json"); w.Code != http.StatusNoContent {
				t.Errorf("POST /cart: %d, want 204", w.Code)
			}
		})
	}
	wg.Wait()
	if got, want := v.field("cart"), "[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20]"; got != want {
		t.Errorf("the cart holds %s, want %s", got, want)
	}
	v.wantPage("20 items in the cart")
	v.post("/cart/empty", nil)
	v.wantPage("0 items in the cart")
}

func TestTheCartIsBounded(t *testing.T) {
	v := newVisitor(t)
	for range maxItems + 3 {
		v.post("/cart", nil)
	}
	v.wantPage("60 items in the cart")
}
