package release_test

import (
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// A program as a newcomer writes it, with its own test of a handler.
const (
	program = `package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/store/memstore"
)

var visits = cloakroom.NewKey[int]("visits")

func main() {
	sessions, err := cloakroom.New(memstore.New(nil), nil)
	if err != nil {
		panic(err)
	}
	h := sessions.Handler(sessions.Func(func(w http.ResponseWriter, r *http.Request, s *cloakroom.Session) {
		fmt.Fprint(w, "visit ", visits.Update(s, func(n int) int { return n + 1 }))
	}))
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", "https://example.com/", nil))
	fmt.Println(w.Body)
}
`
	programTest = `package main

import (
	"net/http/httptest"
	"testing"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/cloakroomtest"
	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/memstore"
	"github.com/cloakroom-go/cloakroom/store/sqlstore"
	"github.com/cloakroom-go/cloakroom/store/storetest"
)

var _ store.Store = (*sqlstore.Store)(nil)

func TestStore(t *testing.T) {
	storetest.Run(t, func(*testing.T) store.Store { return memstore.New(nil) })
}

func TestSignedIn(t *testing.T) {
	sessions, err := cloakroom.New(memstore.New(nil), nil)
	if err != nil {
		t.Fatal(err)
	}
	cloakroomtest.SignedIn(t, sessions, httptest.NewRequest("GET", "https://example.com/", nil), "u1", nil)
}
`
)

// strangerEnv is the environment of somebody who has nothing of ours: no go.work, and an
// empty module cache. Modules come from the proxies given, then from what this machine has
// downloaded already, and then from where it would get them.
func strangerEnv(t *testing.T, proxies ...string) []string {
	t.Helper()
	here := checkout{t, ".", os.Environ()}
	set := strings.Split(here.run("go", "env", "GOCACHE", "GOMODCACHE", "GOPROXY"), "\n")
	home := t.TempDir()
	proxies = append(proxies, "file://"+filepath.ToSlash(set[1])+"/cache/download", set[2])
	return append(gitEnv(),
		"GOENV=off", "GOWORK=off", "GOTOOLCHAIN=local",
		"GOPATH="+home, "GOMODCACHE="+filepath.Join(home, "mod"), "GOBIN="+filepath.Join(home, "bin"), "GOCACHE="+set[0],
		"GOPROXY="+strings.Join(proxies, ","),
		"GOPRIVATE=", "GONOPROXY=", "GONOSUMDB=",
		// What others publish is compared with our go.sum below; ours is known nowhere yet.
		"GOSUMDB=off",
		// With -trimpath the build cache knows a module by its version, not by its folder.
		"GOFLAGS=-trimpath -modcacherw", "CGO_ENABLED=0",
	)
}

func TestStrangersCanUseARelease(t *testing.T) {
	c := readyToRelease(t, version)
	head := c.run("git", "rev-parse", "main")
	said := c.run("scripts/release", version)
	t.Run("tags are in lockstep", func(t *testing.T) { checkTags(t, c, head, said) })
	t.Run("main is as it was", func(t *testing.T) { checkMainIsAsItWas(t, c, head) })

	env := strangerEnv(t, moduleProxy(t, c))
	bin := ""
	for _, v := range env {
		if dir, ok := strings.CutPrefix(v, "GOBIN="); ok {
			bin = dir
		}
	}

	t.Run("the library", func(t *testing.T) {
		s := checkout{t, t.TempDir(), env}
		s.write("main.go", program)
		s.write("main_test.go", programTest)
		s.run("go", "mod", "init", "example.com/stranger")
		s.run("go", "get", rootModule+"@"+version)
		if out := s.run("go", "run", "."); out != "visit 1" {
			t.Errorf("the program printed %q", out)
		}
		s.run("go", "test", ".")
		if all := s.lines("go", "list", "-m", "all"); !slices.Equal(all, []string{"example.com/stranger", rootModule, version}) {
			t.Errorf("the library brings modules along: %q", all)
		}
	})
	released, all := modules(c)
	for _, dir := range released {
		m := path.Join(rootModule, dir)
		t.Run(dir+" as a dependency", func(t *testing.T) {
			s := checkout{t, t.TempDir(), env}
			s.run("go", "mod", "init", "example.com/stranger")
			s.run("go", "get", m+"@"+version)
			s.run("go", "build", m+"/...")
			if v := s.run("go", "list", "-m", "-f", "{{.Version}}", rootModule); v != version {
				t.Errorf("it comes with %s of the library, want %s", v, version)
			}
		})
		t.Run(dir+" from its tag", func(t *testing.T) {
			s := checkout{t, t.TempDir(), env}
			s.run("git", "clone", "--quiet", "--branch", dir+"/"+version, c.dir, ".")
			s.dir = filepath.Join(s.dir, dir)
			s.run("go", "vet", "./...") // go.sum has to be complete for this, and true
		})
	}
	t.Run("the command", func(t *testing.T) {
		s := checkout{t, t.TempDir(), env}
		s.run("go", "install", rootModule+"/cmd/cloakroom@"+version)
		command := filepath.Join(bin, "cloakroom")
		if out := s.run(command, "help"); !strings.Contains(out, "demo") {
			t.Errorf("cloakroom help printed %q", out)
		}
		built := s.run("go", "version", "-m", command)
		for _, want := range []string{"mod\t" + rootModule + "/cmd/cloakroom\t" + version, "dep\t" + rootModule + "\t" + version} {
			if !strings.Contains(built, want) {
				t.Errorf("the command is built of\n%s\nwant %q", built, want)
			}
		}
	})
	for _, dir := range all {
		t.Run(dir+" from a clone of main", func(t *testing.T) {
			s := checkout{t, filepath.Join(c.dir, dir), env}
			s.run("go", "vet", "./...") // without go.work.sum, its go.sum has to be complete
			s.run("go", "mod", "tidy", "-diff")
		})
	}
}

func (c checkout) write(name, content string) {
	c.t.Helper()
	if err := os.WriteFile(filepath.Join(c.dir, name), []byte(content), 0o666); err != nil {
		c.t.Fatal(err)
	}
}
