package browser_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
)

// chromium returns the path of the browser. Where there is none the test is skipped, but
// for CI, where it fails.
func chromium(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	const missing = "Chromium is missing: install it with apt-get install chromium, or the like of your system"
	if os.Getenv("CI") == "true" {
		t.Fatal(missing)
	}
	t.Skip(missing)
	return ""
}

// A tab is one page in a browser of its own.
type tab struct {
	t    *testing.T
	ctx  context.Context
	base string

	mu       sync.Mutex
	problems []string // what the console had to complain about
}

// openDemo starts the command and a browser for it; see startDemo.
func openDemo(t *testing.T, path string) (*demo, *tab) {
	t.Helper()
	program := chromium(t) // first: without one there is nothing to build for
	d := startDemo(t, path)
	return d, openTab(t, program, d.url)
}

// openTab starts a browser with an empty profile, and with extra flags. It ends with the
// test.
func openTab(t *testing.T, program, base string, extra ...chromedp.ExecAllocatorOption) *tab {
	t.Helper()
	dir := t.TempDir()
	opts := []chromedp.ExecAllocatorOption{
		chromedp.ExecPath(program), chromedp.Headless, chromedp.NoFirstRun, chromedp.DisableGPU,
		chromedp.UserDataDir(filepath.Join(dir, "profile")), chromedp.Env("TMPDIR=" + dir),
	}
	for _, flag := range []string{"disable-quic", "disable-background-networking", "disable-component-update", "disable-sync"} {
		opts = append(opts, chromedp.Flag(flag, true))
	}
	opts = append(opts, extra...)
	if os.Geteuid() == 0 {
		opts = append(opts, chromedp.NoSandbox) // Chromium has no sandbox for root
	}
	allocator, stopAllocator := chromedp.NewExecAllocator(context.Background(), opts...) // t.Context ends before the browser is closed
	ctx, stop := chromedp.NewContext(allocator)
	b := &tab{t: t, ctx: ctx, base: base}
	messages := chromedp.Console(ctx)
	read := make(chan struct{})
	go func() {
		defer close(read)
		for m, err := range messages {
			if err != nil {
				return
			}
			switch m.Type {
			case "error", "warning", "exception", "assert":
				b.mu.Lock()
				b.problems = append(b.problems, m.String())
				b.mu.Unlock()
			}
		}
	}()
	t.Cleanup(func() {
		// Gracefully, so that no process is left to write into the folder that goes away.
		closing, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		if err := chromedp.Cancel(closing); err != nil {
			t.Logf("close the browser: %v", err)
		}
		stop()
		stopAllocator()
		<-read
	})
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("start the browser: %v", err)
	}
	b.look(1280, 900, "light")
	return b
}

// do runs actions that have no value.
func (b *tab) do(actions ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, actions...); err != nil {
		b.t.Fatal(err)
	}
}

func get[T any](b *tab, action chromedp.Action[T]) T {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	v, err := chromedp.Run(ctx, action)
	if err != nil {
		b.t.Fatal(err)
	}
	return v
}

// eval returns the value of a JavaScript expression.
func eval[T any](b *tab, expression string) T {
	b.t.Helper()
	return get(b, chromedp.Evaluate[T](expression))
}

// until waits for a JavaScript expression to be true. It survives navigations.
func (b *tab) until(expression string) {
	b.t.Helper()
	deadline := time.Now().Add(patience)
	for {
		ctx, cancel := context.WithTimeout(b.ctx, patience)
		ok, err := chromedp.Run(ctx, chromedp.Evaluate[bool]("Boolean("+expression+")"))
		cancel()
		if err == nil && ok {
			return
		}
		if time.Now().After(deadline) {
			b.t.Fatalf("waited in vain for %s (last error: %v); the page says:\n%s", expression, err, b.text("body"))
		}
		time.Sleep(20 * time.Millisecond) // the browser is another process: there is no clock to inject
	}
}

// open navigates to a path of the demo and waits for the script to be ready.
func (b *tab) open(path string) {
	b.t.Helper()
	b.do(chromedp.Navigate(b.base + path))
	b.until(`document.readyState === "complete"`)
}

// The selectors below are looked up by script each time. The package's own queries keep a
// copy of the page's nodes, and right after a navigation that a click began they can find
// those of the page before.

// click clicks the middle of what the selector finds, as a mouse would, once that has come
// to rest.
func (b *tab) click(selector string) {
	b.t.Helper()
	type point struct{ X, Y float64 }
	var before point
	for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		at := eval[*point](b, `(() => {
			const e = document.querySelector(`+strconv.Quote(selector)+`);
			if (!e) return null;
			const box = e.getBoundingClientRect();
			const at = {X: box.x + box.width / 2, Y: box.y + box.height / 2};
			if (e.contains(document.elementFromPoint(at.X, at.Y))) return at;
			e.scrollIntoView({block: "center", behavior: "instant"});
			return null;
		})()`)
		if at != nil && *at == before {
			b.do(chromedp.MouseClickXY(at.X, at.Y))
			return
		}
		if time.Now().After(deadline) {
			b.t.Fatalf("%s is not on the page, or not where a mouse reaches it", selector)
		}
		before = point{}
		if at != nil {
			before = *at
		}
	}
}

// focus puts the keyboard focus on what the selector finds.
func (b *tab) focus(selector string) {
	b.t.Helper()
	if !eval[bool](b, `(() => {
		const e = document.querySelector(`+strconv.Quote(selector)+`);
		e?.focus();
		return e !== null && document.activeElement === e;
	})()`) {
		b.t.Fatalf("%s is not on the page, or takes no focus", selector)
	}
}

// leave clicks something that leads to another page, and waits until that is there.
func (b *tab) leave(selector string) {
	b.t.Helper()
	b.leaveBy(func() { b.click(selector) })
}

func (b *tab) leaveBy(act func()) {
	b.t.Helper()
	b.do(chromedp.Evaluate[chromedp.Void](`window.old = true`))
	act()
	b.until(`!window.old && document.readyState === "complete"`)
	// A page that was opened at a place of its own scrolls there, in its own time.
	b.until(`(() => {
		const place = location.hash && document.querySelector(location.hash);
		const end = document.documentElement.scrollHeight - innerHeight;
		return !place || place.getBoundingClientRect().top < innerHeight / 2 || scrollY >= end - 1;
	})()`)
}

// text returns what an element shows, with runs of white space made one space.
func (b *tab) text(selector string) string {
	b.t.Helper()
	text := eval[string](b, `document.querySelector(`+strconv.Quote(selector)+`)?.innerText ?? "nothing found"`)
	return strings.Join(strings.Fields(text), " ")
}

func (b *tab) wantText(selector, want string) {
	b.t.Helper()
	if text := b.text(selector); !strings.Contains(text, want) {
		b.t.Errorf("%s says %q, want it to say %q", selector, text, want)
	}
}

// session returns the ID and the secret of the cookie, "" without one, and checks how
// the cookie was set.
func (b *tab) session() (id, secret string) {
	b.t.Helper()
	c := b.cookie()
	if c == nil {
		return "", ""
	}
	if !c.HTTPOnly || !c.Secure || c.Path != "/" || c.SameSite != network.CookieSameSiteLax {
		b.t.Errorf("the cookie is set as %+v, want HttpOnly, Secure, Path=/ and SameSite=Lax", c)
	}
	const idLen = 20
	return c.Value[:idLen], c.Value[idLen:]
}

// cookie returns the only cookie that the demo sets, or nil.
func (b *tab) cookie() *network.Cookie {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	all, err := chromedp.Call(ctx, network.GetCookies, network.GetCookiesParams{})
	if err != nil {
		b.t.Fatal(err)
	}
	var found *network.Cookie
	for _, c := range all.Cookies {
		if c.Name != "__Host-session" {
			b.t.Errorf("the cookie %q is set, and only __Host-session is expected", c.Name)
			continue
		}
		found = c
	}
	return found
}

// wantQuiet fails the test when the console had something to complain about, other than
// lines that have expected in them.
func (b *tab) wantQuiet(expected ...string) {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, problem := range b.problems {
		if !slices.ContainsFunc(expected, func(text string) bool { return strings.Contains(problem, text) }) {
			b.t.Errorf("the console says: %s", problem)
		}
	}
}

// look makes the page that of a device: its width and height in CSS pixels, and "light"
// or "dark".
func (b *tab) look(width, height int64, scheme string) {
	b.t.Helper()
	b.do(chromedp.EmulateViewport(width, height))
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	_, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{
			{Name: "prefers-color-scheme", Value: scheme},
			{Name: "prefers-reduced-motion", Value: "reduce"},
		},
	})
	if err != nil {
		b.t.Fatal(err)
	}
}

// keep writes a screenshot of the whole page, and of what is seen first, to the folder
// for test output.
func (b *tab) keep(name string) {
	b.t.Helper()
	dir := os.Getenv("CLOAKROOM_OUT")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "out")
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		b.t.Fatal(err)
	}
	b.do(chromedp.Evaluate[chromedp.Void](`scrollTo(0, 0)`))
	for suffix, shot := range map[string]chromedp.Action[[]byte]{
		"": chromedp.CaptureScreenshot(), "-whole": chromedp.FullScreenshot(100),
	} {
		path, err := filepath.Abs(filepath.Join(dir, name+suffix+".png"))
		if err != nil {
			b.t.Fatal(err)
		}
		if err := os.WriteFile(path, get(b, shot), 0o644); err != nil {
			b.t.Fatal(err)
		}
		b.t.Logf("kept %s", path)
	}
}
