package demo

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/cloakroom-go/cloakroom/csrf"
)

var field = regexp.MustCompile(`<form method="post"[^>]*>(<input type="hidden" name="csrf_token" value="([^"]*)">)?`)

// token returns the one of the page's forms, each of which must have one.
func (v *visitor) token() (token string) {
	v.t.Helper()
	forms := field.FindAllStringSubmatch(v.get("/live").Body.String(), -1)
	if len(forms) < 6 {
		v.t.Fatalf("the page has %d forms", len(forms))
	}
	for _, form := range forms {
		if token = form[2]; token == "" {
			v.t.Errorf("the form %s has no token", form[0])
		}
	}
	return token
}

var formPaths = []string{"/sign-in", "/sign-out", "/cart", "/cart/empty", "/slow", "/timeout", "/use", "/message", "/coins"}

func TestFormsOfOtherSitesAreRefused(t *testing.T) {
	v := newVisitor(t)
	v.get("/")
	v.signIn("Ada")
	id, _ := v.halves()
	before, err := v.site.store.Load(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	form := url.Values{"name": {"Eve"}, "message": {"x"}, "idle": {"30s"}, csrf.FieldName: {v.token()}}
	for _, path := range formPaths {
		for _, site := range []string{"cross-site", "same-site"} {
			w := v.send("POST", path, form, "Sec-Fetch-Site", site)
			if page := text(w.Body.String()); w.Code != http.StatusForbidden || !strings.Contains(page, "Your browser has said so: Sec-Fetch-Site: "+site) {
				t.Errorf("POST %s, %s: %d, want 403 and the reason: %s", path, site, w.Code, page)
			}
			if got := v.latest(); got != "POST "+path+" 0 0 0 none" {
				t.Errorf("POST %s, %s is listed as %q, want no call of the store", path, site, got)
			}
		}
	}
	v.wantPage("signed in as Ada", "0 items in the cart", "POST /coins refused")
	if after, err := v.site.store.Load(t.Context(), id); err != nil || after.Version != before.Version {
		t.Errorf("the record was written to (%v)", err)
	}
}

// Over plain HTTP browsers send no Sec-Fetch-Site, and old ones never do.
func TestFormsWithoutFetchMetadataNeedAToken(t *testing.T) {
	v := newVisitor(t)
	v.get("/")
	v.signIn("Ada")
	quiet := []string{"Sec-Fetch-Site", "", "Origin", "http://localhost"}
	for _, path := range formPaths {
		w := v.send("POST", path, url.Values{"name": {"Eve"}}, quiet...)
		if page := text(w.Body.String()); w.Code != http.StatusForbidden || !strings.Contains(page, "it carries no token that is good now") {
			t.Errorf("POST %s: %d, want 403 and the reason: %s", path, w.Code, page)
		}
	}
	w := v.send("POST", "/cart", url.Values{csrf.FieldName: {v.token()}}, "Sec-Fetch-Site", "", "Origin", "http://elsewhere.example")
	if page := text(w.Body.String()); w.Code != http.StatusForbidden || !strings.Contains(page, "Origin: http://elsewhere.example") {
		t.Errorf("from another origin: %d, want 403 and the reason: %s", w.Code, page)
	}
	v.wantPage("0 items in the cart")

	old := v.token()
	if w := v.send("POST", "/cart", url.Values{csrf.FieldName: {old}}, quiet...); w.Code != http.StatusSeeOther {
		t.Errorf("with the token of the form: %d, want 303", w.Code)
	}
	if w := v.send("POST", "/cart", nil, append(quiet, csrf.HeaderName, v.token(), "Accept", "application/json")...); w.Code != http.StatusNoContent {
		t.Errorf("with the token in the header: %d, want 204", w.Code)
	}
	v.wantPage("2 items in the cart")
	v.signIn("Ada")
	if w := v.send("POST", "/cart", url.Values{csrf.FieldName: {old}}, quiet...); w.Code != http.StatusForbidden {
		t.Errorf("with a token from before the sign-in: %d, want 403", w.Code)
	}
}

func TestNoFormReachesThePageItself(t *testing.T) {
	v := newVisitor(t)
	for _, path := range []string{"/", "/live", "/nothing"} {
		if w := v.send("POST", path, nil, "Sec-Fetch-Site", "cross-site"); w.Code != http.StatusForbidden {
			t.Errorf("POST %s of another site: %d, want 403", path, w.Code)
		}
		if w := v.send("POST", path, nil); w.Code != http.StatusMethodNotAllowed && w.Code != http.StatusNotFound {
			t.Errorf("POST %s: %d, want 404 or 405", path, w.Code)
		}
	}
}

func TestAScriptIsRefusedWithoutAPage(t *testing.T) {
	v := newVisitor(t)
	v.get("/")
	w := v.send("POST", "/cart", nil, "Sec-Fetch-Site", "same-site", "Accept", "application/json")
	if w.Code != http.StatusForbidden || strings.Contains(w.Body.String(), "<") {
		t.Errorf("%d %s, want 403 and a line of text", w.Code, w.Body)
	}
}

func TestTheStrangerIsInASandboxAndCostsNothing(t *testing.T) {
	v := newVisitor(t)
	v.get("/")
	w := v.get("/stranger")
	if got := w.Header().Get("Content-Security-Policy"); !strings.HasSuffix(got, "; sandbox allow-forms") {
		t.Errorf("Content-Security-Policy is %q, want a sandbox that may send forms", got)
	}
	if strings.Contains(w.Body.String(), csrf.FieldName) {
		t.Error("the stranger's form has a token")
	}
	if got := v.latest(); got != "GET /stranger 0 0 0 none" {
		t.Errorf("the stranger is listed as %q", got)
	}
}
