package cloakroom_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// What a library writes to a log its user cannot take back.
func TestNoLibraryCodeLogs(t *testing.T) {
	root := os.DirFS(".")
	err := fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if _, err := fs.Stat(root, path.Join(name, "go.mod")); name != "." && err == nil {
				return fs.SkipDir // programs, not the library
			}
			if strings.HasPrefix(name, ".") && name != "." || name == "testdata" {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		source, err := fs.ReadFile(root, name)
		if err != nil {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, source, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, imported := range file.Imports {
			if p := strings.Trim(imported.Path.Value, `"`); p == "log" || p == "log/slog" && name != "event.go" && name != "redact.go" {
				t.Errorf("%s imports %s: only the default Observer, in event.go, may log", name, p)
			}
		}
		for _, word := range []string{"os.Exit(", "os.Stderr", "fmt.Print"} {
			if strings.Contains(string(source), word) {
				t.Errorf("%s contains %s", name, word)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// A page that names a test which is not there promises what nobody shows.
func TestPagesNameTestsThatExist(t *testing.T) {
	tests := map[string][]string{} // files by name
	declared := regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`)
	root := os.DirFS(".")
	err := fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(name, "_test.go") {
			return err
		}
		source, err := fs.ReadFile(root, name)
		for _, m := range declared.FindAllStringSubmatch(string(source), -1) {
			tests[m[1]] = append(tests[m[1]], name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	linked := regexp.MustCompile(`\[(Test\w+)\]\(([^)]*_test\.go)\)`)
	named := regexp.MustCompile(`\bTest[A-Z]\w+`)
	fenced := regexp.MustCompile("(?s)```.*?```")
	code := regexp.MustCompile("(?s)```.*?```|`[^`]*`")
	links := regexp.MustCompile(`\]\(([^)#:]+)(?:#[^)]*)?\)`)
	for _, page := range []string{"README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "docs/DESIGN.md", "docs/RECIPES.md", "docs/RELEASING.md", "docs/FROM-GO.md", "docs/FROM-NODE.md"} {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Error(err)
			continue
		}
		for _, test := range named.FindAllString(string(fenced.ReplaceAll(text, nil)), -1) {
			if tests[test] == nil {
				t.Errorf("%s names %s, which does not exist", page, test)
			}
		}
		text = code.ReplaceAll(text, nil)
		for _, m := range linked.FindAllStringSubmatch(string(text), -1) {
			if !slices.Contains(tests[m[1]], path.Join(path.Dir(page), m[2])) {
				t.Errorf("%s links %s to %s: it is in %q", page, m[1], m[2], tests[m[1]])
			}
		}
		for _, m := range links.FindAllStringSubmatch(string(text), -1) {
			if _, err := os.Stat(path.Join(path.Dir(page), m[1])); err != nil {
				t.Errorf("%s links to %s, which does not exist", page, m[1])
			}
		}
	}
}

// Whoever comes from another library must find an answer to everything.
func TestPagesForNewcomersLeaveNothingOpen(t *testing.T) {
	verdict := regexp.MustCompile(`^(same|better|left out)\b`)
	for page, least := range map[string]int{"docs/FROM-NODE.md": 200, "docs/FROM-GO.md": 45} {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		rows := 0
		lines := strings.Split(string(text), "\n")
		for i, line := range lines {
			cells := strings.Split(strings.Trim(line, "|"), "|")
			heading := i+1 < len(lines) && strings.HasPrefix(lines[i+1], "|---")
			if !strings.HasPrefix(line, "|") || len(cells) != 4 || heading || strings.HasPrefix(line, "|---") {
				continue
			}
			rows++
			for i, cell := range cells {
				if strings.TrimSpace(cell) == "" {
					t.Errorf("%s: cell %d is empty in %s", page, i+1, line)
				}
			}
			if !verdict.MatchString(strings.TrimSpace(cells[2])) {
				t.Errorf("%s: neither same nor better nor left out: %s", page, line)
			}
			if strings.TrimSpace(cells[2]) == "left out" {
				t.Errorf("%s: left out without a reason: %s", page, line)
			}
		}
		if rows < least {
			t.Errorf("%s has %d rows, and had %d", page, rows, least)
		}
	}
}
