package browser_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// A stranger is a site on another port, whose page has a form for each of some paths of the
// demo, and what to fill in.
type stranger struct {
	url string
	// carried is whether the request for its page had the session cookie of the demo on it.
	carried chan bool
}

func newStranger(t *testing.T, target string, forms map[string]url.Values) *stranger {
	t.Helper()
	s := &stranger{carried: make(chan bool, 10)}
	var page strings.Builder
	page.WriteString("<!doctype html><title>Elsewhere</title><link rel=icon href=data:,>\n")
	for path, fields := range forms {
		fmt.Fprintf(&page, `<form method="post" action="%s%s">`, target, path)
		for name, values := range fields {
			fmt.Fprintf(&page, `<input type="hidden" name="%s" value="%s">`, name, values[0])
		}
		fmt.Fprintf(&page, "<button>%s</button></form>\n", path)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, err := r.Cookie("__Host-session")
		s.carried <- err == nil
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprint(w, page.String())
	}))
	t.Cleanup(server.Close)
	s.url = server.URL // of 127.0.0.1
	return s
}

func TestFormsOfAPageOnAnotherPortAreRefused(t *testing.T) {
	t.Parallel()
	d, b := openDemo(t, filepath.Join(t.TempDir(), "sessions.db"))
	b.open("/")
	b.signIn("Ada")
	b.leave(`form[action="/cart"] button`)
	b.wantText("#cart", "1 item in the cart.") // the own form is accepted
	id, secret := b.session()
	token := eval[string](b, `document.querySelector("[name=csrf_token]").value`)

	forms := map[string]url.Values{
		"/cart":     {},
		"/sign-out": {},
		"/sign-in":  {"name": {"Eve"}},
		"/message":  {"message": {"Gotcha"}, "csrf_token": {token}}, // not even with the visitor's own token
	}
	for _, host := range []struct {
		name, site string
		cookie     bool // it comes with what the page asks for
	}{
		{"localhost", "same-site", true}, // cookies do not know ports, and SameSite does not know them either
		{"127.0.0.1", "cross-site", false},
	} {
		s := newStranger(t, d.url, forms)
		page := strings.Replace(s.url, "127.0.0.1", host.name, 1)
		b.do(chromedp.Navigate(page))
		if carried := <-s.carried; carried != host.cookie {
			t.Errorf("%s: the cookie of the demo came along: %v, want %v", page, carried, host.cookie)
		}
		for path := range forms {
			b.do(chromedp.Navigate(page))
			b.leave(fmt.Sprintf(`form[action$="%s"] button`, path))
			if at := eval[string](b, `location.href`); at != d.url+path {
				t.Fatalf("the form has led to %s, want %s", at, d.url+path)
			}
			if got := eval[int](b, `performance.getEntriesByType("navigation")[0].responseStatus`); got != http.StatusForbidden {
				t.Errorf("%s to %s: status %d, want 403", host.name, path, got)
			}
			b.wantText("main", "Refused: this form was not sent by our own page. Your browser has said so: Sec-Fetch-Site: "+host.site+".")
		}
		// A script there does not get further.
		b.do(chromedp.Navigate(page), chromedp.Evaluate[chromedp.Void](
			fmt.Sprintf(`fetch("%s/cart", {method: "POST", mode: "no-cors", credentials: "include"})`, d.url), chromedp.EvalAwaitPromise))
	}

	// What the stranger's page in the tour shows is the same.
	b.open("/")
	b.leave(`#stranger a`)
	b.wantText("main", "This page is another site.")
	b.leave(`form button`)
	b.wantText("main", "Your browser has said so: Sec-Fetch-Site: cross-site.")
	b.wantText("main", "Loads: 0, saves: 0.")
	b.keep("demo-refused")
	b.leave("main a")

	b.wantText("#ledger", "POST /cart refused 0 0 0 0 B none")
	b.wantText("#owner", "You are signed in as Ada.")
	b.wantText("#cart", "1 item in the cart.")
	b.wantText("#message", "No message was left for this visit.")
	if nowID, nowSecret := b.session(); nowID != id || nowSecret != secret {
		t.Error("the cookie is another one")
	}
	b.leave(`form[action="/cart"] button`)
	b.wantText("#cart", "2 items in the cart.")
	b.wantQuiet("status of 403")
	d.stop(t)
}

// Over plain HTTP, and not from this machine, browsers do not say where a form comes from:
// then the tokens alone decide.
func TestTokensDoWhereTheBrowserDoesNotSay(t *testing.T) {
	t.Parallel()
	program := chromium(t)
	d := startDemo(t, filepath.Join(t.TempDir(), "sessions.db"), "-addr", "0.0.0.0:0")
	base := strings.Replace(d.url, "localhost", "demo.test", 1)
	b := openTab(t, program, base, chromedp.Flag("host-resolver-rules", "MAP demo.test 127.0.0.1"))
	b.open("/stranger")
	b.leave("form button")
	b.wantText("main", "Your browser has said so: Origin: null.") // and nothing else

	b.open("/")
	b.signIn("Ada")
	b.wantText("#owner", "You are signed in as Ada.")
	b.act("#parallel")
	b.wantText("#parallel-result", "20 of 20 kept.")
	b.act("#race") // and then there is no session
	b.wantText("#race-result", "The sign-out won.")
	b.act("#parallel") // begins one
	b.wantText("#parallel-result", "20 of 20 kept.")
	b.leave(`form[action="/cart"] button`)
	b.wantText("#cart", "21 items in the cart.")

	b.do(chromedp.Evaluate[chromedp.Void](`document.querySelector('form[action="/cart"] [name=csrf_token]').remove()`))
	b.leave(`form[action="/cart"] button`)
	b.wantText("main", "Your browser does not say where it comes from, and it carries no token that is good now.")
	b.leave("main a")
	b.wantText("#cart", "21 items in the cart.")
	b.wantQuiet("status of 403")
}
