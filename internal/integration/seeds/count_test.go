package seeds

import (
	"bufio"
	"flag"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/cloakroom-go/cloakroom/internal/integration/servers"
)

func TestMain(m *testing.M) { servers.Main(m) }

// A row is a case, or a defect, that is shown by a function.
type row struct {
	id   string
	show func(t *testing.T)
}

// A reason says in one line why a case has no meaning here, or a defect cannot exist.
type reason struct{ id, why string }

func TestSeeds(t *testing.T)   { run(t, shownCases()) }
func TestDefects(t *testing.T) { run(t, shownDefects()) }

// run runs the rows, and fails when one that was not deselected did not run.
func run(t *testing.T, rows []row) {
	ran := map[string]bool{}
	for _, r := range rows {
		t.Run(r.id, func(t *testing.T) {
			ran[r.id] = true
			r.show(t)
		})
	}
	if flag.Lookup("test.run").Value.String() != "" || flag.Lookup("test.skip").Value.String() != "" {
		return
	}
	for _, r := range rows {
		if !ran[r.id] {
			t.Errorf("%s is listed and did not run", r.id)
		}
	}
}

func shownCases() []row {
	return slices.Concat(genericRows(), socketRows(), expressRows(), expressCookieRows(), koaRows(), koaStoreRows(), koaRedisRows(), nodeRows(), nodeStoreRows(), altRows())
}

var casesLeftOut = slices.Concat(genericLeftOut, socketLeftOut, expressLeftOut, expressCookieLeftOut, koaLeftOut, koaRedisLeftOut, nodeLeftOut)

func shownDefects() []row {
	return slices.Concat(genericDefects(), socketDefects(), expressDefects(), koaDefects(), nodeDefects(), altDefects())
}

var defectsLeftOut = []reason{
	{"1.3-10", "removed functions of a JavaScript runtime: what a Go program calls is there, or it does not compile"},
	{"4.3-11", "how much was reported about an abandoned package, and how old its dependencies are, is no behaviour"},
	{"5.3-3", "how an npm package was put together: a Go module with a missing import does not build, and go.mod says which versions"},
	{"5.3-9", "that a library has no tests is answered by having them"},
}

// caseIDs is the form of the IDs.
var (
	caseID   = regexp.MustCompile(`^(GS|LV)-[BF]\d\d$|^(RS|E1|E19C|KS|KD|KR|KO|KT|KX|NI|NM|NS|NE|NF|NY|ND|NU)-\d\d$|^E19-\d\d\d?$|^ALT-\d\d?$`)
	defectID = regexp.MustCompile(`^(1\.3|2\.3|2b\.4|3\.4|4\.3|5\.3)-\d\d?$`)
)

func TestEveryCaseIsAnswered(t *testing.T) {
	check(t, "testdata/cases.txt", caseID, 407, shownCases(), casesLeftOut)
	check(t, "testdata/defects.txt", defectID, 61, shownDefects(), defectsLeftOut)
}

// check compares a list of everything there is with what is shown and left out.
func check(t *testing.T, file string, form *regexp.Regexp, total int, shown []row, leftOut []reason) {
	t.Helper()
	listed := list(t, file, form)
	if len(listed) != total {
		t.Errorf("%s lists %d, and there are %d", file, len(listed), total)
	}
	answers := map[string]string{}
	answer := func(id, how string) {
		if listed[id] == "" {
			t.Errorf("%s is %s, and %s does not list it", id, how, file)
		}
		if before := answers[id]; before != "" {
			t.Errorf("%s is %s, and %s already", id, how, before)
		}
		answers[id] = how
	}
	for _, r := range shown {
		answer(r.id, "shown")
		if r.show == nil {
			t.Errorf("%s has no test", r.id)
		}
	}
	for _, r := range leftOut {
		answer(r.id, "left out")
		if len(r.why) < 20 || strings.Contains(r.why, "\n") {
			t.Errorf("%s is left out for no reason of one line: %q", r.id, r.why)
		}
	}
	for id, title := range listed {
		if answers[id] == "" {
			t.Errorf("%s (%s) is neither shown nor left out", id, title)
		}
	}
	t.Logf("%s: %d shown, %d left out", file, len(shown), len(leftOut))
}

// list reads lines of an ID and a title.
func list(t *testing.T, file string, form *regexp.Regexp) map[string]string {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	listed := map[string]string{}
	for lines := bufio.NewScanner(f); lines.Scan(); {
		id, title, _ := strings.Cut(lines.Text(), "\t")
		switch {
		case !form.MatchString(id) || title == "":
			t.Errorf("%s: %q is not an ID and a title", file, lines.Text())
		case listed[id] != "":
			t.Errorf("%s lists %s twice", file, id)
		}
		listed[id] = title
	}
	return listed
}
