package bag

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// A PathError says what is wrong with a path, or with what it leads to.
type PathError struct {
	Path    string
	Problem string // what is wrong, and what to do
}

func (e *PathError) Error() string {
	return fmt.Sprintf("cloakroom/bag: the path %.100q %s", e.Path, e.Problem)
}

// maxDepth bounds how deep a path may lead, so that no client can nest values without end.
const maxDepth = 64

// parse takes a path apart, by the grammar in the package comment.
func parse(path string) ([]string, error) {
	if !utf8.ValidString(path) {
		return nil, &PathError{path, "is not valid UTF-8"}
	}
	var segments []string
	var b strings.Builder
	for i := 0; i < len(path); i++ {
		switch path[i] {
		case '.':
			segments = append(segments, b.String())
			b.Reset()
		case '\\':
			i++
			if i == len(path) || path[i] != '.' && path[i] != '\\' {
				return nil, &PathError{path, `holds a \ with neither . nor \ behind it: write \\ for a \`}
			}
			fallthrough
		default:
			b.WriteByte(path[i])
		}
	}
	segments = append(segments, b.String())
	switch first := segments[0]; {
	case len(segments) > maxDepth:
		return nil, &PathError{path, fmt.Sprintf("has %d segments: at most %d are allowed", len(segments), maxDepth)}
	case first == "":
		return nil, &PathError{path, "begins with an empty segment, and no field has an empty name"}
	case len(first) > 256:
		return nil, &PathError{path, fmt.Sprintf("begins with a segment of %d bytes: names of fields have 256 at most", len(first))}
	case first[0] == '$':
		return nil, &PathError{path, "begins with $: such fields belong to the session manager"}
	}
	return segments, nil
}

// Escape returns name as one segment of a path, with a \ before each . and \ in it: for
// names that come from somewhere else.
func Escape(name string) string { return strings.NewReplacer(`\`, `\\`, `.`, `\.`).Replace(name) }

// index reads a segment as the index of a list.
func index(segment string) (n int, ok bool) {
	if segment == "" || len(segment) > 9 || len(segment) > 1 && segment[0] == '0' {
		return 0, false
	}
	for i := range len(segment) {
		if segment[i] < '0' || segment[i] > '9' {
			return 0, false
		}
		n = n*10 + int(segment[i]-'0')
	}
	return n, true
}
