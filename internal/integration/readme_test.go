package integration

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// The program that a newcomer copies from the README is built as a program of its own,
// started, and visited.
func TestTheProgramInTheReadmeCountsVisits(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	block := regexp.MustCompile("(?s)```go\n(package main\n.*?)```").FindSubmatch(page)
	if block == nil {
		t.Fatal("the README has no program")
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := free.Addr().String()
	free.Close()
	program := strings.Replace(string(block[1]), `":8080"`, fmt.Sprintf("%q", address), 1)
	if program == string(block[1]) {
		t.Fatal("the program listens elsewhere than the test thinks")
	}
	dir := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("main.go", program)
	write("go.mod", "module visits\n\ngo 1.25.0\n\nrequire github.com/cloakroom-go/cloakroom v0.0.0\n\nreplace github.com/cloakroom-go/cloakroom => "+root+"\n")
	binary := filepath.Join(dir, "visits")
	build := exec.Command("go", "build", "-o", binary, ".")
	build.Dir = dir
	build.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=-mod=mod")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("it does not build: %v\n%s", err, out)
	}
	server := exec.Command(binary)
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = server.Process.Kill()
		_ = server.Wait()
	}()

	visit := func(cookie string) (body, next string) {
		req, err := http.NewRequest("GET", "http://"+address+"/", nil)
		if err != nil {
			t.Fatal(err)
		}
		if cookie != "" {
			req.Header.Set("Cookie", cookie)
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			return "", ""
		}
		defer res.Body.Close()
		text, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range res.Cookies() {
			next = c.Name + "=" + c.Value
		}
		return string(text), next
	}
	var body, cookie string
	for deadline := time.Now().Add(30 * time.Second); body == "" && time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		body, cookie = visit("") // until the program listens
	}
	if body != "visit 1\n" || !strings.HasPrefix(cookie, "__Host-session=") {
		t.Fatalf("the first visit: %q with the cookie %q", body, cookie)
	}
	for n := 2; n <= 3; n++ {
		if body, _ := visit(cookie); body != fmt.Sprintf("visit %d\n", n) {
			t.Errorf("visit %d: %q", n, body)
		}
	}
}
