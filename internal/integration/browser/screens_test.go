package browser_test

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/chromedp/chromedp"
)

// Whether it looks right is for people to judge, from the screenshots; that nothing sticks
// out sideways, and that the colours follow the system, is checked here.
func TestPageFitsEveryScreenInLightAndDark(t *testing.T) {
	t.Parallel()
	_, b := openDemo(t, filepath.Join(t.TempDir(), "sessions.db"))
	b.open("/")
	b.signIn("Ada")
	b.leaveMessage("Bring the umbrella back on Tuesday.")
	b.act("#parallel")
	b.act("#race")
	b.keep("demo-signed-out")
	// The results stay on the page while the session gets an owner and visits again.
	b.do(chromedp.Evaluate[chromedp.Void](`(async () => {
		await fetch("/sign-in", {method: "POST", headers: {Accept: "application/json"}, body: new URLSearchParams({name: "Ada", remember: "yes"})});
		await fetch("/coins", {method: "POST", headers: {Accept: "application/json"}});
		for (let i = 0; i < 12; i++) await fetch("/");
	})()`, chromedp.EvalAwaitPromise))
	b.act("#parallel")
	b.act("#direct")
	b.act("#untouched")
	b.until(`document.querySelector("#visits").innerText === "12"`)

	backgrounds := make(map[string]string)
	for _, screen := range []struct {
		name          string
		width, height int64
	}{{"desktop", 1280, 900}, {"tablet", 800, 1100}, {"phone", 360, 740}} {
		for _, scheme := range []string{"light", "dark"} {
			b.look(screen.width, screen.height, scheme)
			b.wantNoSidewaysScroll(screen.width)
			backgrounds[scheme] = eval[string](b, `getComputedStyle(document.documentElement).backgroundColor`)
			b.keep(fmt.Sprintf("demo-%s-%s", screen.name, scheme))
		}
	}
	b.look(320, 640, "light") // what 400 % zoom leaves of a desktop: WCAG 2.2, 1.4.10
	b.wantNoSidewaysScroll(320)
	if backgrounds["light"] == backgrounds["dark"] {
		t.Errorf("the background is %s in light and in dark", backgrounds["light"])
	}
	b.wantQuiet()
}

func (b *tab) wantNoSidewaysScroll(width int64) {
	b.t.Helper()
	wide := eval[int64](b, `document.documentElement.scrollWidth`)
	if wide <= width {
		return
	}
	widest := eval[string](b, `[...document.querySelectorAll("body *")]
		.filter((e) => e.getBoundingClientRect().right > innerWidth)
		.map((e) => e.tagName + (e.id && "#" + e.id)).join(", ")`)
	b.t.Errorf("the page is %d pixels wide on a screen of %d; what sticks out: %s", wide, width, widest)
}
