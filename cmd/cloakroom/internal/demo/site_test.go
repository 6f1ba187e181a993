package demo

import (
	"context"
	"errors"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/memstore"
)

func TestEveryPageForbidsInlineScriptAndStyleAndHasNone(t *testing.T) {
	v := newVisitor(t)
	v.get("/")
	v.signIn("Ada")
	v.post("/cart", nil)
	inline := regexp.MustCompile(`(?i)<style|\sstyle=|\son[a-z]+=|javascript:|<script(?: [^>]*)?>[^<]`)
	for _, path := range []string{"/", "/live", "/untouched", "/coins", "/stranger"} {
		w := v.get(path)
		if got := w.Header().Get("Content-Security-Policy"); !strings.Contains(got, "default-src 'none'") || strings.Contains(got, "unsafe") {
			t.Errorf("GET %s: Content-Security-Policy is %q", path, got)
		}
		if found := inline.FindString(w.Body.String()); found != "" {
			t.Errorf("GET %s: the page has %q, which its policy forbids", path, found)
		}
	}
}

func TestAssetsAreServedWithTheirTypes(t *testing.T) {
	v := newVisitor(t)
	for path, want := range map[string]string{
		"/style.css": "text/css", "/script.js": "text/javascript", "/ticket.svg": "image/svg+xml",
	} {
		if got := v.get(path).Header().Get("Content-Type"); !strings.HasPrefix(got, want) {
			t.Errorf("GET %s: Content-Type is %q, want %s", path, got, want)
		}
	}
	for _, path := range []string{"/assets/page.html", "/page.html", "/nothing"} {
		if w := v.send("GET", path, nil); w.Code != http.StatusNotFound {
			t.Errorf("GET %s: %d, want 404", path, w.Code)
		}
	}
}

func TestMarkupInANameIsShownAsText(t *testing.T) {
	v := newVisitor(t)
	const name = `<script>alert("1")</script>`
	v.signIn(name)
	if page := v.get("/live").Body.String(); strings.Contains(page, name) || !strings.Contains(page, "&lt;script&gt;") {
		t.Error("a name that is markup reaches the page as it is")
	}
}

// failing is a store that is out of order when broken is set.
type failing struct {
	store.Store
	mu     sync.Mutex
	broken error
}

func (f *failing) Load(ctx context.Context, key string) (store.Record, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.broken != nil {
		return store.Record{}, f.broken
	}
	return f.Store.Load(ctx, key)
}

func TestOutagesAreReportedAndAnswered(t *testing.T) {
	var reports []string
	s := &failing{Store: memstore.New(nil)}
	v := &visitor{t: t, site: newSite(t, s, &Options{Report: func(problem string) { reports = append(reports, problem) }})}
	v.get("/")
	s.broken = errors.New("the disk is gone")
	for _, path := range []string{"/", "/live"} {
		if w := v.send("GET", path, nil); w.Code != http.StatusServiceUnavailable || w.Header().Get("Set-Cookie") != "" {
			t.Errorf("GET %s in an outage: %d, Set-Cookie %q, want 503 and the cookie kept", path, w.Code, w.Header().Get("Set-Cookie"))
		}
	}
	v.get("/untouched") // needs no store
	if len(reports) != 2 || !strings.Contains(reports[0], "load: the disk is gone") {
		t.Errorf("the reports are %q, want one for each request that failed", reports)
	}
	s.broken = nil
	v.wantPage("Outage the store failed in load")
}

func TestInsecureSendsPlainCookiesAndWarns(t *testing.T) {
	var reports []string
	site := newSite(t, memstore.New(nil), &Options{Insecure: true, Report: func(problem string) { reports = append(reports, problem) }})
	v := &visitor{t: t, site: site}
	v.get("/")
	if v.cookie.Name != "session" || v.cookie.Secure {
		t.Errorf("the cookie is %v, want a plain one", v.cookie)
	}
	if len(reports) != 1 || !strings.HasPrefix(reports[0], "warning: Config.Insecure") {
		t.Errorf("the reports are %q, want the warning", reports)
	}
	v.wantPage("Your cookie session", "The secret half itself is nowhere in the record.")
}

func TestRunEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := newSite(t, memstore.New(nil), nil).Run(ctx); err != nil {
		t.Error(err)
	}
}
