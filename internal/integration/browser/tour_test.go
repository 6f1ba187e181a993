package browser_test

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// Every step of the tour, in one browser, from the first visit to the end of the program.
func TestTheTourShowsWhatItPromises(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "sessions.db")
	d, b := openDemo(t, path)
	step := func(name string, f func(t *testing.T)) {
		t.Helper()
		t.Run(name, func(t *testing.T) {
			whole := b.t
			b.t = t
			defer func() { b.t = whole }()
			f(t)
		})
	}

	step("visits are counted", func(t *testing.T) {
		b.open("/")
		b.wantText("#ticket", "VISIT 1 HELD BY nobody yet")
		b.leave(".under a")
		b.leave(".under a")
		b.wantText("#ticket", "VISIT 3")
	})

	step("script cannot read the cookie", func(t *testing.T) {
		id, secret := b.session()
		if id == "" || secret == "" {
			t.Fatal("the browser has no session cookie")
		}
		if got := eval[string](b, `document.cookie`); got != "" {
			t.Errorf("document.cookie is %q, want nothing", got)
		}
	})

	step("signing in gives the session an owner and a new secret", func(t *testing.T) {
		id, secret := b.session()
		b.signIn("Ada")
		b.wantText("#owner", "You are signed in as Ada.")
		if newID, newSecret := b.session(); newID != id || newSecret == secret {
			t.Error("want the same ID and a new secret")
		}
	})

	step("the session is described", func(t *testing.T) {
		id, _ := b.session()
		for _, want := range []string{
			"ID " + id, "Owner Ada", "Age ", "Created ", "Last seen ", "Cookie goes when the browser is closed",
			"Ends if unused in 23 h 59 min", "Ends in any case in 29 d 23 h",
		} {
			b.wantText("#session", want)
		}
	})

	step("who is remembered has a cookie that outlives the browser", func(t *testing.T) {
		if c := b.cookie(); !c.Session {
			t.Errorf("without the box ticked the cookie is %+v, want one that goes with the browser", c)
		}
		b.click("#remember")
		b.signIn("Ada")
		const days = 24 * 3600
		left := time.Until(time.Unix(int64(b.cookie().Expires), 0)).Seconds()
		if c := b.cookie(); c.Session || left < 29*days || left > 30*days {
			t.Errorf("with the box ticked the cookie is %+v, want one that stays for 30 days", c)
		}
		b.wantText("#owner", "Your cookie stays when the browser is closed.")
		b.wantText("#session", "Cookie stays when the browser is closed until ")
	})

	step("of 20 parallel requests none is lost", func(t *testing.T) {
		b.act("#parallel")
		b.wantText("#parallel-result", "20 of 20 kept.")
		b.wantText("#cart", "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 20 items in the cart.")
		b.leave(`form[action="/cart"] button`)
		b.wantText("#cart", "21 items in the cart.")
		b.leave(`form[action="/cart/empty"] button`)
		b.wantText("#cart", "0 items in the cart.")
	})

	step("the record has a hash of the secret and not the secret", func(t *testing.T) {
		id, secret := b.session()
		b.wantText(".cookie", id+strings.Repeat("•", len(secret)))
		for _, want := range []string{`"owner": "Ada"`, `"$secret": "`, `"cart": []`, `"visits": `} {
			b.wantText("#record-json", want)
		}
		if html := eval[string](b, `document.documentElement.outerHTML`); strings.Contains(html, secret) {
			t.Error("the page has the secret on it")
		}
		b.wantText("#record", "The SHA-256 of the secret half is $secret.")
		b.wantText("#record", "The secret half itself is nowhere in the record.")
	})

	step("the record is shown live", func(t *testing.T) {
		// Another window: this page is not told of it.
		b.do(chromedp.Evaluate[chromedp.Void](
			`fetch("/cart", {method: "POST", headers: {Accept: "application/json"}})`, chromedp.EvalAwaitPromise))
		b.until(`document.querySelector("#record-json").innerText.includes('"cart": [1]')`)
	})

	step("a message is shown once, after the redirect", func(t *testing.T) {
		b.wantText("#message", "No message was left for this visit.")
		b.leaveMessage("Mind the step.")
		b.wantText("#message", "Mind the step. That was it: the next visit will find it gone.")
		b.leave(".under a")
		b.wantText("#message", "No message was left for this visit.")
	})

	step("images and looks do not use a message up", func(t *testing.T) {
		b.do(chromedp.Evaluate[chromedp.Void](`(async () => {
			const headers = {Accept: "application/json"};
			await fetch("/message", {method: "POST", headers, body: new URLSearchParams({message: "Still here."})});
			const image = new Image();
			image.src = "/ticket.svg?again";
			await image.decode();
			await fetch("/live");
			await fetch("/coins");
		})()`, chromedp.EvalAwaitPromise))
		b.until(`document.querySelector("#record-json").innerText.includes("Still here.")`)
		b.wantText("#message", "No message was left for this visit.")
		b.leave(".under a")
		b.wantText("#message", "Still here.")
	})

	step("one value is read without loading the session", func(t *testing.T) {
		b.leave(`form[action="/coins"] button`)
		b.leave(`form[action="/coins"] button`)
		b.wantText("#coins", "2 coins in the tip jar.")
		b.act("#direct")
		if got := b.text("#direct-result"); !regexp.MustCompile(`^1 load moved (\d+) B of (\d+) B\.$`).MatchString(got) {
			t.Errorf("the result is %q, want one load and what it has moved", got)
		}
		b.wantText("#ledger tbody tr", "GET /coins 1 ")
	})

	step("an untouched route costs nothing", func(t *testing.T) {
		b.act("#untouched")
		b.wantText("#untouched-result", "0 loads, 0 saves, cookie: none.")
		b.wantText("#ledger tbody tr", "GET /untouched 0 0 0 0 B none")
	})

	step("a sign-out wins against a slow request", func(t *testing.T) {
		b.act("#race")
		b.wantText("#race-result", "The sign-out won.")
		line := regexp.MustCompile(`^0 ms The slow request is sent. \d+ ms It has loaded the session of Ada and edits it. ` +
			`\d+ ms You are signed out: the record is removed, the cookie cleared. ` +
			`1\d{3} ms The slow request is answered. Its edit of “note” was dropped: the session was ended by another request. ` +
			`\d+ ms Asked again: no record, no session, nobody signed in.$`)
		if got := b.text("#race-times"); !line.MatchString(got) {
			t.Errorf("the timeline is %q, want %s", got, line)
		}
		b.wantText("#owner", "You are not signed in.")
		b.wantText("#session", "You have none.")
		if id, _ := b.session(); id != "" {
			t.Errorf("the browser still has the cookie of session %s", id)
		}
		for _, want := range []string{"Dropped note: the session was ended by another request", "Ended destroyed", "SignedIn it belongs to Ada"} {
			b.wantText("#events", want)
		}
	})

	step("it wins also when nobody was signed in", func(t *testing.T) {
		b.act("#race")
		b.wantText("#race-result", "The sign-out won.")
		b.wantText("#race-times", "the session of Robin")
	})

	step("parallel requests begin a session when there is none", func(t *testing.T) {
		b.act("#parallel")
		b.wantText("#parallel-result", "20 of 20 kept.")
	})

	step("signing out by hand ends the session", func(t *testing.T) {
		b.open("/")
		b.signIn("Grace")
		id, _ := b.session()
		b.leave(`form[action="/sign-out"] button`)
		b.wantText("#owner", "You are not signed in.")
		b.wantText("#ticket", "VISIT 1 HELD BY nobody yet")
		if newID, _ := b.session(); newID == id || newID == "" {
			t.Errorf("after the sign-out and another visit the session is %q, and it was %q", newID, id)
		}
	})

	step("sessions outlive the program", func(t *testing.T) {
		b.leave(".under a")
		b.wantText("#ticket", "VISIT 2")
		b.wantQuiet()
		d.stop(t)
		b.until(`!document.querySelector("#offline").hidden`)
		d = startDemo(t, path)
		b.base = d.url // another port, and the same cookie: cookies do not know ports
		b.open("/")
		b.wantText("#ticket", "VISIT 3")
		d.stop(t)
	})
}

func TestSigningInNeedsNoMouse(t *testing.T) {
	t.Parallel()
	d, b := openDemo(t, filepath.Join(t.TempDir(), "sessions.db"))
	b.open("/")
	var order []string
	for range 12 {
		b.do(chromedp.KeyEvent(kb.Tab))
		order = append(order, eval[string](b, `(document.activeElement.id || document.activeElement.innerText)`))
		if ring := eval[string](b, `getComputedStyle(document.activeElement).outlineStyle`); ring == "none" {
			t.Errorf("after %q the focus cannot be seen", order)
		}
		if order[len(order)-1] == "name" {
			break
		}
	}
	if want := []string{"Skip to the tour", "Visit again", "name"}; fmt.Sprint(order) != fmt.Sprint(want) {
		t.Fatalf("Tab goes to %q, want %q", order, want)
	}
	b.do(chromedp.KeyEvent("Ada"))
	b.keep("demo-keyboard")
	b.leaveBy(func() { b.do(chromedp.KeyEvent(kb.Enter)) })
	b.wantText("#owner", "You are signed in as Ada.")

	// And out again, with the space bar on the button.
	b.focus("#name")
	b.leaveBy(func() {
		b.do(chromedp.KeyEvent(kb.Tab, chromedp.KeyModifiers(chromedp.ModifierShift)), chromedp.KeyEvent(" "))
	})
	b.wantText("#owner", "You are not signed in.")
	b.wantQuiet()
	d.stop(t)
}

func TestResultsDoNotMoveTheFocus(t *testing.T) {
	t.Parallel()
	d, b := openDemo(t, filepath.Join(t.TempDir(), "sessions.db"))
	b.open("/")
	for _, id := range []string{"parallel", "race", "direct", "untouched"} {
		b.focus("#" + id)
		b.do(chromedp.KeyEvent(kb.Enter))
		b.until(fmt.Sprintf(`document.querySelector("#%s-result").matches(".good")`, id))
		if got := eval[string](b, `document.activeElement.id`); got != id {
			t.Errorf("after %s the focus is on %q", id, got)
		}
		if got := eval[string](b, fmt.Sprintf(`document.querySelector("#%s-result").getAttribute("role")`, id)); got != "status" {
			t.Errorf("the result of %s has the role %q, want status, so that it is read out", id, got)
		}
	}
	b.wantQuiet()
	d.stop(t)
}

func TestFormsWorkWithoutScript(t *testing.T) {
	t.Parallel()
	d, b := openDemo(t, filepath.Join(t.TempDir(), "sessions.db"))
	if _, err := chromedp.Call(b.ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true}); err != nil {
		t.Fatal(err)
	}
	b.open("/")
	b.wantText("main", "Twenty requests at once need JavaScript")
	b.signIn("Ada")
	b.wantText("#owner", "You are signed in as Ada.")
	b.leave(`form[action="/cart"] button`)
	b.wantText("#cart", "1 item in the cart.")
	b.leave(`form[action="/cart/empty"] button`)
	b.wantText("#cart", "0 items in the cart.")
	b.leave("#untouched")
	b.wantText("main", "This page did not look at your session.")
	b.leave("main a")
	b.wantText("#ledger tbody tr", "GET /untouched 0 0 0 0 B none")
	b.leaveMessage("By hand.")
	b.wantText("#message-shown", "By hand.")
	b.leave(`form[action="/coins"] button`)
	b.leave("#direct")
	b.wantText("main", "1 coin in the tip jar.")
	b.leave("main a")
	b.click(`[value="5m"]`)
	b.leave(`form[action="/timeout"] button`)
	b.wantText("#left", ":")
	b.wantText("#timeout", "Without JavaScript the clock stands still")
	b.leave(`form[action="/sign-out"] button`)
	b.wantText("#owner", "You are not signed in.")
	b.wantQuiet()
	d.stop(t)
}

// signIn signs in by form.
func (b *tab) signIn(name string) {
	b.t.Helper()
	b.click("#name")
	b.do(chromedp.KeyEvent(name))
	b.leave(".fields button")
}

// leaveMessage leaves one by form.
func (b *tab) leaveMessage(text string) {
	b.t.Helper()
	b.click("#message-text")
	b.do(chromedp.KeyEvent(text))
	b.leave(`form[action="/message"] button`)
}

// act clicks a button that shows its result beneath it, and waits for that.
func (b *tab) act(button string) {
	b.t.Helper()
	result := fmt.Sprintf("document.querySelector(%q)", button+"-result")
	b.do(chromedp.Evaluate[chromedp.Void](result + `.classList.remove("good", "bad")`))
	b.click(button)
	b.until(result + `.matches(".good, .bad")`)
}
