package cloakroom_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const (
	recipesPage     = "docs/RECIPES.md"
	recipesExamples = "example_recipes_test.go"
)

// A recipe on the page: heading, prose, the name of the example in a comment that readers
// do not see, code.
var recipeForm = regexp.MustCompile("(?s)^[^\n]+\n\n[^<].*?\n\n<!-- (\\w+) -->\n```go\n(.*?)```\n")

func TestRecipesPageQuotesTheExamples(t *testing.T) {
	page, err := os.ReadFile(recipesPage)
	if err != nil {
		t.Fatal(err)
	}
	examples := recipeExamples(t)
	sections := strings.Split(string(page), "\n## ")
	if strings.Contains(sections[0], "```go") {
		t.Error("the page has Go code before its first recipe, which nothing checks")
	}
	for _, section := range sections[1:] {
		title, _, _ := strings.Cut(section, "\n")
		entry := "- [" + title + "](#" + strings.ToLower(strings.ReplaceAll(title, " ", "-")) + ")\n"
		if !strings.Contains(sections[0]+"\n", entry) {
			t.Errorf("%s: the list at the top lacks %s", title, entry)
		}
		m := recipeForm.FindStringSubmatch(section)
		if m == nil || strings.Count(section, "```go") != 1 {
			t.Errorf("%s: a recipe is a heading, prose, <!-- the name of its example -->, and one block of Go", title)
			continue
		}
		name, code := m[1], m[2]
		want, ok := examples[name]
		if !ok {
			t.Errorf("%s: %s has no example %s, or it is quoted twice", title, recipesExamples, name)
			continue
		}
		delete(examples, name)
		if code != want {
			t.Errorf("%s: the page differs from %s in %s, which has:\n%s", title, name, recipesExamples, want)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(examples)) {
		t.Errorf("%s is not on the page", name)
	}
}

// recipeExamples returns what the page is to quote, by function: of an example the body
// without its last paragraph and its output, and a test as a whole.
func recipeExamples(t *testing.T) map[string]string {
	t.Helper()
	source, err := os.ReadFile(recipesExamples)
	if err != nil {
		t.Fatal(err)
	}
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, recipesExamples, source, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	text := func(from, to token.Pos) string {
		return string(source[files.Position(from).Offset:files.Position(to).Offset])
	}
	quotes := map[string]string{}
	for _, d := range file.Decls {
		f, ok := d.(*ast.FuncDecl)
		if !ok {
			continue
		}
		switch name := f.Name.Name; {
		case strings.HasPrefix(name, "Test"):
			quotes[name] = text(f.Pos(), f.End()) + "\n"
		case strings.HasPrefix(name, "Example"):
			body, output, checked := strings.Cut(text(f.Body.Lbrace+2, f.Body.Rbrace), "\t// Output:")
			if !checked || output == "" {
				t.Errorf("%s has no output to check", name)
			}
			recipe := body[:strings.LastIndex(body, "\n\n")+1]
			quotes[name] = strings.TrimPrefix(strings.ReplaceAll("\n"+recipe, "\n\t", "\n"), "\n")
		}
	}
	return quotes
}
