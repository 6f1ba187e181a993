package main

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// A running command, in this process.
type running struct {
	url    string
	stop   context.CancelFunc
	code   chan int
	stderr *lockedBuffer
}

// lockedBuffer may be read while the command writes to it.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

var openLine = regexp.MustCompile(`Open (http://localhost:\d+)\n`)

func start(t *testing.T, args ...string) *running {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	r := &running{stop: stop, code: make(chan int, 1), stderr: new(lockedBuffer)}
	out, in := io.Pipe()
	go func() {
		r.code <- run(ctx, append([]string{"demo"}, args...), in, r.stderr)
		in.Close()
	}()
	t.Cleanup(stop)
	buf := make([]byte, 1024)
	n, _ := out.Read(buf)
	found := openLine.FindSubmatch(buf[:n])
	if found == nil {
		t.Fatalf("cloakroom demo %q says %q first, want an address; on stderr: %s", args, buf[:n], r.stderr)
	}
	r.url = string(found[1])
	go io.Copy(io.Discard, out)
	return r
}

// end stops the command and checks that it ends well.
func (r *running) end(t *testing.T) {
	t.Helper()
	r.stop()
	if code := <-r.code; code != 0 {
		t.Errorf("the command ended with code %d, want 0; on stderr: %s", code, r.stderr)
	}
}

func visit(t *testing.T, r *running) *http.Response {
	t.Helper()
	answer, err := http.Get(r.url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { answer.Body.Close() })
	if answer.StatusCode != http.StatusOK {
		t.Fatalf("GET %s: %s", r.url, answer.Status)
	}
	return answer
}

func TestDemoServesUntilItIsStopped(t *testing.T) {
	r := start(t, "-addr", "127.0.0.1:0", "-store", "memory:")
	cookie := visit(t, r).Header.Get("Set-Cookie")
	if !strings.HasPrefix(cookie, "__Host-session=") || !strings.Contains(cookie, "; Secure") {
		t.Errorf("Set-Cookie is %q, want a Secure __Host- cookie", cookie)
	}
	r.end(t)
	if r.stderr.String() != "" {
		t.Errorf("on stderr: %s", r.stderr)
	}
	if _, err := http.Get(r.url); err == nil {
		t.Errorf("%s still answers after the command has ended", r.url)
	}
}

func TestStoppingLetsRequestsUnderWayFinish(t *testing.T) {
	r := start(t, "-addr", "127.0.0.1:0", "-store", "sqlite:"+filepath.Join(t.TempDir(), "demo.db"))
	cookie := visit(t, r).Cookies()[0]
	request, err := http.NewRequest("POST", r.url+"/slow", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.AddCookie(cookie)
	request.Header.Set("Sec-Fetch-Site", "same-origin")
	answer := make(chan string, 1)
	go func() {
		a, err := http.DefaultClient.Do(request)
		if err != nil {
			answer <- err.Error()
			return
		}
		defer a.Body.Close()
		body, _ := io.ReadAll(a.Body)
		answer <- string(body)
	}()
	// The page lists a request as soon as the server has begun with it.
	for deadline := time.Now().Add(time.Minute); ; {
		page, err := io.ReadAll(visit(t, r).Body)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(page, []byte(`data-request="POST /slow"`)) {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the slow request does not begin")
		}
	}
	r.end(t)
	if body := <-answer; !strings.Contains(body, `"record":"live"`) {
		t.Errorf("the slow request was answered with %q, want it to be saved as usual", body)
	}
}

func TestAnAddressThatIsNotLoopbackMeansPlainCookiesAndIsSaid(t *testing.T) {
	const said = "0.0.0.0:0 is not a loopback address, so session cookies travel over plain HTTP"
	plain := start(t, "-addr", "0.0.0.0:0", "-store", "memory:")
	if cookie := visit(t, plain).Header.Get("Set-Cookie"); !strings.HasPrefix(cookie, "session=") || strings.Contains(cookie, "Secure") {
		t.Errorf("Set-Cookie is %q, want a cookie without prefix and Secure", cookie)
	}
	plain.end(t)
	if !strings.Contains(plain.stderr.String(), said) {
		t.Errorf("on stderr: %s\nwant: %s", plain.stderr, said)
	}

	secure := start(t, "-addr", "0.0.0.0:0", "-store", "memory:", "-secure")
	if cookie := visit(t, secure).Header.Get("Set-Cookie"); !strings.HasPrefix(cookie, "__Host-session=") {
		t.Errorf("with -secure Set-Cookie is %q, want a __Host- cookie", cookie)
	}
	secure.end(t)
	if secure.stderr.String() != "" {
		t.Errorf("with -secure on stderr: %s", secure.stderr)
	}
}

func TestAnAddressThatIsTakenIsAnErrorOnlyWhenItWasAskedFor(t *testing.T) {
	taken, err := net.Listen("tcp", defaultAddr)
	if err == nil { // else somebody else has it, which will do as well
		defer taken.Close()
	}
	t.Run("asked for", func(t *testing.T) {
		var stdout, stderr bytes.Buffer
		code := run(context.Background(), []string{"demo", "-addr", defaultAddr, "-store", "memory:"}, &stdout, &stderr)
		if code != exitFailed || !strings.Contains(stderr.String(), "in use; choose another") || strings.Count(stderr.String(), "\n") != 1 {
			t.Errorf("code %d, stderr %q, want code %d and one line that says so", code, stderr.String(), exitFailed)
		}
	})
	t.Run("the default", func(t *testing.T) {
		r := start(t, "-store", "memory:")
		visit(t, r)
		r.end(t)
		if want := defaultAddr + " is taken, so port "; !strings.Contains(r.stderr.String(), want) {
			t.Errorf("on stderr: %q, want %q", r.stderr, want)
		}
	})
}

func TestSessionsAreKeptInTheCacheDirectoryByDefault(t *testing.T) {
	home := t.TempDir()
	for _, name := range []string{"XDG_CACHE_HOME", "HOME", "LocalAppData"} {
		t.Setenv(name, home)
	}
	first := start(t, "-addr", "127.0.0.1:0")
	cookie := visit(t, first).Cookies()[0]
	first.end(t)

	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(filepath.Join(cache, "cloakroom", "demo.db"))
	if err != nil {
		t.Fatal(err)
	}
	if mode := info.Mode().Perm(); runtime.GOOS != "windows" && mode != 0o600 {
		t.Errorf("the file has mode %o, want 600: records say who is signed in", mode)
	}

	second := start(t, "-addr", "127.0.0.1:0")
	request, err := http.NewRequest("GET", second.url, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.AddCookie(cookie)
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	page, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(page, []byte(`id="visits">2<`)) {
		t.Error("after a restart the page does not show the second visit")
	}
	second.end(t)
}

func TestAddressesAreLoopbackOnlyWhenTheyAre(t *testing.T) {
	for addr, want := range map[string]bool{
		"127.0.0.1:80": true, "127.9.9.9:80": true, "[::1]:80": true, "localhost:80": true, "LOCALHOST:80": true,
		":80": false, "0.0.0.0:80": false, "[::]:80": false, "192.0.2.1:80": false, "example.com:80": false,
		"localhost.example.com:80": false, "nonsense": false,
	} {
		if got := loopback(addr); got != want {
			t.Errorf("loopback(%q) = %t, want %t", addr, got, want)
		}
	}
}
