package browser_test

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// looks is how often the page has asked the server how things stand.
const looks = `performance.getEntriesByType("resource").filter((e) => e.name.endsWith("/live")).length`

func TestTheCountdownRunsOutAndThePageSaysSo(t *testing.T) {
	t.Parallel()
	d, b := openDemo(t, filepath.Join(t.TempDir(), "sessions.db"))
	b.open("/")
	b.signIn("Ada")
	b.until(`document.querySelector("#left").innerText.startsWith("23:59:")`)
	b.click(`[value="30s"]`)
	b.leave(`form[action="/timeout"] button`)
	const seconds = `Number(document.querySelector("#left").innerText.replace("0:", ""))`
	b.until(seconds + ` <= 27`)
	b.leave(`[formaction="/use"]`)
	if got := eval[float64](b, seconds); got <= 27 || got > 30 {
		t.Errorf("after a use %v seconds are left, want more than before", got)
	}
	id, _ := b.session()

	// From here on the page is on its own.
	b.do(chromedp.Evaluate[chromedp.Void](`window.sameDocument = true`))
	b.do(chromedp.Evaluate[chromedp.Void](`
		window.read = [];
		new MutationObserver(() => window.read.push(document.querySelector("#left-said").textContent))
			.observe(document.querySelector("#left-said"), {childList: true, characterData: true, subtree: true});
		window.values = new Set();
		new MutationObserver(() => window.values.add(document.querySelector("#left")?.textContent))
			.observe(document.querySelector("#countdown"), {childList: true, characterData: true, subtree: true});`))
	b.until(seconds + ` <= 9`)
	b.keep("demo-countdown")
	const result = `document.querySelector("#timeout-result").innerText`
	b.until(result + ` !== ""`)
	if got := b.text("#timeout-result"); got != "Your session has ended: it was not used for 30 s." {
		t.Errorf("the page says %q", got)
	}
	if got := eval[int](b, looks); got < 5 {
		t.Errorf("the page has looked %d times in 30 seconds, so the test shows nothing", got)
	}
	if got := eval[int](b, `window.values.size`); got < 20 {
		t.Errorf("the clock has shown %d different times, want one each second", got)
	}
	if got := eval[string](b, `window.read.filter(Boolean).join()`); got != "10 seconds left." {
		t.Errorf("%q was read out, want the last ten seconds and nothing else", got)
	}
	if role := eval[string](b, `document.querySelector("#timeout-result").role`); role != "status" {
		t.Errorf("the end has the role %q, want status, so that it is read out", role)
	}
	b.wantText("#countdown", "There is no session now. Visit again to begin one.")
	b.wantText("#ticket", "No ticket: nothing is kept for you.")
	b.wantText("#session", "You have none.")
	b.wantText("#owner", "You are not signed in.")
	b.wantText("#events", "Rejected there is no such session "+id)
	b.keep("demo-ended")

	// It stays so: the page is not loaded again, and looks no more often than before.
	before, start := eval[int](b, looks), time.Now()
	b.until(fmt.Sprintf(`%s > %d`, looks, before))
	if got, most := eval[int](b, looks)-before, 1+int(time.Since(start)/(2*time.Second)); got > most {
		t.Errorf("the page has looked %d times in %v", got, time.Since(start))
	}
	if !eval[bool](b, `window.sameDocument === true`) {
		t.Error("the page was loaded again")
	}
	b.wantText("#timeout-result", "Your session has ended")
	b.leave("#countdown a")
	b.wantText("#ticket", "VISIT 1 HELD BY nobody yet")
	b.until(`document.querySelector("#left").innerText.startsWith("23:59:")`)
	b.wantQuiet()
	d.stop(t)
}
