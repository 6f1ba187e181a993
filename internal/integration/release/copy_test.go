package release_test

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// top is the repository's folder.
const top = "../../.."

// need skips a test where a program is missing, but for CI, where the test fails.
func need(t *testing.T, programs ...string) {
	t.Helper()
	for _, name := range programs {
		if _, err := exec.LookPath(name); err == nil {
			continue
		}
		if os.Getenv("CI") == "true" {
			t.Fatalf("%s is missing", name)
		}
		t.Skipf("%s is missing", name)
	}
}

// A checkout is a folder with a git repository, and the environment in which commands run
// there.
type checkout struct {
	t   *testing.T
	dir string
	env []string
}

// gitEnv is the environment without what a git hook or somebody's settings add to it.
func gitEnv() []string {
	var env []string
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "GIT_") {
			env = append(env, v)
		}
	}
	return append(env, "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_NOSYSTEM=1",
		"GIT_AUTHOR_NAME=release test", "GIT_AUTHOR_EMAIL=release@example.com",
		"GIT_COMMITTER_NAME=release test", "GIT_COMMITTER_EMAIL=release@example.com")
}

// readyToRelease copies the tree as it is, with what was not committed yet, commits it to
// a new repository, and gives CHANGELOG.md a section for the version.
func readyToRelease(t *testing.T, version string) checkout {
	t.Helper()
	need(t, "git", "sh")
	c := checkout{t, t.TempDir(), gitEnv()}
	copyTree(t, c.dir)
	c.edit("CHANGELOG.md", func(log string) string {
		heading := regexp.MustCompile(`(?m)^## Unreleased.*$`)
		if !heading.MatchString(log) {
			t.Fatal(`CHANGELOG.md has no heading "## Unreleased"`)
		}
		return heading.ReplaceAllLiteralString(log, "## Unreleased\n\n## "+strings.TrimPrefix(version, "v")+" - 2000-01-01")
	})
	c.run("git", "init", "--quiet", "--initial-branch=main")
	c.run("git", "add", "--all")
	c.run("git", "commit", "--quiet", "-m", "Everything")
	return c
}

func copyTree(t *testing.T, to string) {
	t.Helper()
	err := filepath.WalkDir(top, func(from string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(top, from)
		if err != nil {
			return err
		}
		switch {
		case d.Name() == ".git":
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		case name == "out": // what other tests write, perhaps just now
			return fs.SkipDir
		case d.IsDir():
			return os.MkdirAll(filepath.Join(to, name), 0o777)
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		content, err := os.ReadFile(from)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, name), content, info.Mode().Perm())
	})
	if err != nil {
		t.Fatal(err)
	}
}

// edit rewrites a file.
func (c checkout) edit(name string, f func(string) string) {
	c.t.Helper()
	name = filepath.Join(c.dir, name)
	old, err := os.ReadFile(name)
	if err == nil {
		err = os.WriteFile(name, []byte(f(string(old))), 0o666)
	}
	if err != nil {
		c.t.Fatal(err)
	}
}

// run runs a command that has to succeed, and returns its standard output.
func (c checkout) run(name string, args ...string) string {
	c.t.Helper()
	out, errOut, err := c.try(name, args...)
	if err != nil {
		c.t.Fatalf("%s %s: %v\n%s%s", name, strings.Join(args, " "), err, out, errOut)
	}
	return strings.TrimSpace(out)
}

// try runs a command, and returns its standard output and its standard error.
func (c checkout) try(name string, args ...string) (out, errOut string, err error) {
	cmd := exec.CommandContext(c.t.Context(), name, args...)
	cmd.Dir = c.dir
	cmd.Env = c.env
	var outB, errB strings.Builder
	cmd.Stdout, cmd.Stderr = &outB, &errB
	err = cmd.Run()
	return outB.String(), errB.String(), err
}

// lines runs a command and returns the lines it prints.
func (c checkout) lines(name string, args ...string) []string {
	c.t.Helper()
	return strings.Fields(c.run(name, args...))
}
