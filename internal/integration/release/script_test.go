package release_test

import (
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const (
	rootModule = "github.com/cloakroom-go/cloakroom"
	version    = "v0.999.0" // never a real one
)

// pageRow is a row of the table in docs/RELEASING.md: a module's folder, and its tag or none.
var pageRow = regexp.MustCompile("(?m)^\\| `([^`]+)` \\| (?:`([^`]+)`|none: .+) \\|$")

// modules returns the folders of the nested modules that docs/RELEASING.md says are
// released, and of all of them.
func modules(c checkout) (released, all []string) {
	page, err := os.ReadFile(filepath.Join(c.dir, "docs/RELEASING.md"))
	if err != nil {
		c.t.Fatal(err)
	}
	for _, row := range pageRow.FindAllStringSubmatch(string(page), -1) {
		dir, tag := row[1], row[2]
		if tag != "" && tag != path.Join(dir, "vX.Y.Z") {
			c.t.Errorf("docs/RELEASING.md: the tag of %s is %s", dir, tag)
		}
		if dir == "." {
			continue
		}
		all = append(all, dir)
		if tag != "" {
			released = append(released, dir)
		}
	}
	if len(released) == 0 {
		c.t.Fatal("docs/RELEASING.md names no nested module that is released")
	}
	return released, all
}

func TestReleasingPageKnowsAllModules(t *testing.T) {
	c := readyToRelease(t, version)
	var want []string
	for _, file := range c.lines("git", "ls-files", "*/go.mod") {
		want = append(want, path.Dir(file))
	}
	_, all := modules(c)
	slices.Sort(all)
	slices.Sort(want)
	if !slices.Equal(all, want) {
		t.Errorf("docs/RELEASING.md has the nested modules %q, want %q", all, want)
	}
}

// checkTags is told the commit of main before the release, and what the script printed.
func checkTags(t *testing.T, c checkout, head, said string) {
	released, _ := modules(c)
	want := []string{version}
	for _, dir := range released {
		want = append(want, dir+"/"+version)
	}
	slices.Sort(want)
	if tags := c.lines("git", "tag", "--sort=refname"); !slices.Equal(tags, want) {
		t.Errorf("tags %q, want %q", tags, want)
	}
	for _, tag := range want {
		if !strings.Contains(said, " "+tag) {
			t.Errorf("it does not say how to push %s: %q", tag, said)
		}
	}
	if c.run("git", "rev-parse", version+"^{commit}") != head {
		t.Errorf("%s is not the commit on main, which was tested", version)
	}
	for _, dir := range released {
		for _, file := range c.lines("git", "diff", "--name-only", version, dir+"/"+version) {
			if name, at := path.Base(file), path.Dir(file); name != "go.mod" && name != "go.sum" || !slices.Contains(released, at) {
				t.Errorf("%s differs from %s in %s", dir+"/"+version, version, file)
			}
		}
	}
}

func checkMainIsAsItWas(t *testing.T, c checkout, head string) {
	if c.run("git", "rev-parse", "main") != head || c.run("git", "status", "--porcelain") != "" {
		t.Error("the release changed main")
	}
	if b := c.run("git", "branch"); b != "* main" {
		t.Errorf("branches: %s", b)
	}
	c.leftNoWorktree()
}

func TestReleaseRefusesWhatWouldBeWrong(t *testing.T) {
	for _, tc := range []struct {
		name, version string
		spoil         func(checkout)
		want          string
	}{
		{"no version", "", func(checkout) {}, "usage: scripts/release vX.Y.Z"},
		{"version without v", "0.999.0", func(checkout) {}, "is no version"},
		{"half a version", "v1", func(checkout) {}, "is no version"},
		{"another branch", version, func(c checkout) { c.run("git", "switch", "--quiet", "-c", "feature") }, "git switch main"},
		{"a change that is not committed", version, func(c checkout) { c.edit("LICENSE", func(string) string { return "" }) }, "git status"},
		{"no section in the changelog", "v0.998.0", func(checkout) {}, `CHANGELOG.md has no heading "## 0.998.0 - date"`},
		{"a tag that exists", version, func(c checkout) { c.run("git", "tag", "cmd/cloakroom/"+version) }, "the tag cmd/cloakroom/" + version + " exists"},
		{"a go.mod that cannot be resolved", version, func(c checkout) {
			c.edit("cmd/cloakroom/go.mod", func(string) string { return "module x\n\nnonsense\n" })
			c.run("git", "commit", "--quiet", "-am", "Spoil")
		}, "go.mod"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := readyToRelease(t, version)
			tc.spoil(c)
			before := c.run("git", "tag")
			_, errOut, err := c.try("scripts/release", strings.Fields(tc.version)...)
			if err == nil || !strings.Contains(errOut, tc.want) {
				t.Errorf("%v: %q, want %q", err, errOut, tc.want)
			}
			if after := c.run("git", "tag"); after != before {
				t.Errorf("tags %q became %q", before, after)
			}
			c.leftNoWorktree()
		})
	}
}

func (c checkout) leftNoWorktree() {
	c.t.Helper()
	if trees := c.run("git", "worktree", "list"); strings.Contains(trees, "\n") {
		c.t.Errorf("a worktree is left:\n%s", trees)
	}
}
