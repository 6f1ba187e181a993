package docs_test

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/cloakroom-go/cloakroom/internal/integration/docs"
)

// Where the setups of the page are compiled.
var sources = []string{"setup_test.go", "../ferret/setup_test.go"}

var (
	pageSetup = regexp.MustCompile("(?s)<!-- setup: ([^\n]+) -->\n```go\n(.*?)```\n")
	codeSetup = regexp.MustCompile(`(?s)\t// page: ([^\n]+)\n(.*?)\t// end\n`)
)

func TestThePageShowsSetupsThatAreTested(t *testing.T) {
	tested := map[string]string{}
	for _, name := range sources {
		for _, m := range codeSetup.FindAllStringSubmatch(docs.Read(t, name), -1) {
			tested[m[1]] = strings.TrimPrefix(strings.ReplaceAll("\n"+m[2], "\n\t", "\n"), "\n")
		}
	}
	text := docs.Read(t, docs.Page)
	shown := pageSetup.FindAllStringSubmatch(text, -1)
	for _, m := range shown {
		want, ok := tested[m[1]]
		if !ok {
			t.Errorf("%s: no test has this setup, or it is shown twice", m[1])
		} else if m[2] != want {
			t.Errorf("%s: the page differs from the test, which has:\n%s", m[1], want)
		}
		delete(tested, m[1])
	}
	for _, name := range slices.Sorted(maps.Keys(tested)) {
		t.Errorf("%s is not on the page", name)
	}
	if n := strings.Count(text, "```go"); n != len(shown) {
		t.Errorf("the page has %d blocks of Go, of which %d are tested", n, len(shown))
	}
}
