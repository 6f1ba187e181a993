package docs

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// Page is the file, as seen from a package of this folder.
const Page = "../../../docs/STORES.md"

// Read returns a text.
func Read(t testing.TB, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

var dump = regexp.MustCompile("(?s)<!-- dump: ([^\n]+) -->\n```\n(.*?)```\n")

// Compare reports an error when a dump on the page is of another form than the one that was
// just taken.
func Compare(t testing.TB, name, taken string) {
	t.Helper()
	for _, m := range dump.FindAllStringSubmatch(Read(t, Page), -1) {
		if m[1] == name {
			if shape(m[2]) != shape(taken) {
				t.Errorf("the page shows\n%s\nand there is\n%s", m[2], taken)
			}
			return
		}
	}
	t.Errorf("the page has no dump of %s. There is\n%s", name, taken)
}

var (
	date   = regexp.MustCompile(`\d{4}-\d\d-\d\dT[0-9:.]+Z`)
	number = regexp.MustCompile(`\d{13,}`)
	rule   = regexp.MustCompile(`-{5,}`)
	blanks = regexp.MustCompile(`(?m)[ \t]+$`)
	word   = regexp.MustCompile(`[A-Za-z0-9_-]{20,}`)
	folder = regexp.MustCompile(`\b[0-9a-f]{2}/<word>`)
)

// shape replaces what differs each time: times, keys, secrets, hashes and the folders that
// are named after them, and the lines of a table that are as long as those.
func shape(text string) string {
	text = blanks.ReplaceAllString(text, "")
	text = date.ReplaceAllString(text, "<date>")
	text = rule.ReplaceAllString(text, "-----")
	text = word.ReplaceAllStringFunc(text, func(w string) string {
		if strings.ContainsAny(w, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") {
			return "<word>"
		}
		return w // the name of something
	})
	text = folder.ReplaceAllString(text, "<folder>/<word>")
	text = number.ReplaceAllString(text, "<number>") // after words, since hashes can have that many digits
	return strings.TrimSpace(text)
}
