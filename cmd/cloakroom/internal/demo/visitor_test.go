package demo

import (
	"context"
	"html"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/memstore"
)

func newSite(t *testing.T, s store.Store, opts *Options) *Site {
	t.Helper()
	site, err := New(s, opts)
	if err != nil {
		t.Fatal(err)
	}
	return site
}

// A visitor is a browser as far as the demo can tell: it keeps the cookie. Its methods
// may be called by several goroutines.
type visitor struct {
	t    *testing.T
	site *Site

	mu     sync.Mutex
	cookie *http.Cookie
}

func newVisitor(t *testing.T) *visitor {
	return &visitor{t: t, site: newSite(t, memstore.New(nil), nil)}
}

func (v *visitor) send(method, path string, form url.Values, header ...string) *httptest.ResponseRecorder {
	v.t.Helper()
	r := httptest.NewRequest(method, "http://localhost"+path, strings.NewReader(form.Encode()))
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	v.mu.Lock()
	if v.cookie != nil {
		r.AddCookie(v.cookie)
	}
	v.mu.Unlock()
	w := httptest.NewRecorder()
	v.site.ServeHTTP(w, r)
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, c := range w.Result().Cookies() {
		if v.cookie = c; c.MaxAge < 0 {
			v.cookie = nil
		}
	}
	return w
}

func (v *visitor) get(path string) *httptest.ResponseRecorder {
	v.t.Helper()
	w := v.send("GET", path, nil)
	if w.Code != http.StatusOK {
		v.t.Fatalf("GET %s: %d %s", path, w.Code, w.Body)
	}
	return w
}

// post sends a form and checks that it leads back to the page.
func (v *visitor) post(path string, form url.Values) *httptest.ResponseRecorder {
	v.t.Helper()
	w := v.send("POST", path, form)
	if to := w.Header().Get("Location"); w.Code != http.StatusSeeOther || !strings.HasPrefix(to, "/#") {
		v.t.Fatalf("POST %s: %d to %q, want 303 to a place on the page", path, w.Code, to)
	}
	return w
}

func (v *visitor) signIn(name string) { v.t.Helper(); v.post("/sign-in", url.Values{"name": {name}}) }

// page returns what the page says now, without a visit: its text without tags, with one
// space between words.
func (v *visitor) page() string { v.t.Helper(); return text(v.get("/live").Body.String()) }

var (
	tags  = regexp.MustCompile(`<[^>]*>`)
	space = regexp.MustCompile(`\s+`)
)

func text(page string) string {
	return space.ReplaceAllString(html.UnescapeString(tags.ReplaceAllString(page, " ")), " ")
}

func (v *visitor) wantPage(wants ...string) {
	v.t.Helper()
	page := v.page()
	for _, want := range wants {
		if !strings.Contains(page, want) {
			v.t.Errorf("the page does not say %q; it says:\n%s", want, page)
		}
	}
}

var listed = regexp.MustCompile(`data-request="([^"]*)" data-loads="(\d+)" data-saves="(\d+)" data-deletes="(\d+)" data-moved="([^"]*)" data-cookie="([^"]*)"`)

// latest returns what the page says of the latest request: its loads, saves and deletes, and
// what was done with the cookie.
func (v *visitor) latest() string {
	v.t.Helper()
	request, _ := v.cost()
	return request
}

// cost is latest, and how much was moved.
func (v *visitor) cost() (request, moved string) {
	v.t.Helper()
	row := listed.FindStringSubmatch(v.get("/live").Body.String())
	if row == nil {
		v.t.Fatal("the page lists no request")
	}
	return html.UnescapeString(strings.Join([]string{row[1], row[2], row[3], row[4], row[6]}, " ")), row[5]
}

// halves returns the two parts of the visitor's cookie.
func (v *visitor) halves() (id, secret string) {
	v.t.Helper()
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.cookie == nil {
		v.t.Fatal("the visitor has no cookie")
	}
	const idLen = 20
	return v.cookie.Value[:idLen], v.cookie.Value[idLen:]
}

// field returns a field of the stored record.
func (v *visitor) field(name string) string {
	v.t.Helper()
	id, _ := v.halves()
	rec, err := v.site.store.Load(context.Background(), id)
	if err != nil {
		v.t.Fatal(err)
	}
	value, _ := rec.Fields.Get(name)
	return value
}

func (v *visitor) records() int { return v.site.store.(*memstore.Store).Len() }
