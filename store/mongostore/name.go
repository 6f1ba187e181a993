package mongostore

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxName bounds names of fields, as package store does.
const maxName = 256

// possible reports whether a field can have the name. Changes may mention others: to remove
// what cannot be there, or to demand that it is or is not.
func possible(name string) bool {
	return name != "" && len(name) <= maxName && utf8.ValidString(name)
}

// escape returns the key by which a document holds the field of that name. MongoDB reads a dot
// in a path as a step into a document and a dollar sign at its beginning as an operator, no
// key can hold a NUL, and FerretDB takes none with white space around it. So these, and the
// percent sign that stands for them, are written as a percent sign and two digits for each
// byte. Everything else is left as it is, for people who read documents in the shell.
func escape(name string) string {
	left := len(name) - len(strings.TrimLeftFunc(name, unicode.IsSpace))
	right := len(strings.TrimRightFunc(name, unicode.IsSpace))
	if name[0] != '$' && !strings.ContainsAny(name, "%.\x00") && left == 0 && right == len(name) {
		return name
	}
	var b strings.Builder
	for i := range len(name) {
		switch c := name[i]; {
		case c == '%', c == '.', c == 0, c == '$' && i == 0, i < left, i >= right:
			fmt.Fprintf(&b, "%%%02X", c)
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// unescape is the inverse of escape. It refuses a key that escape does not return, since two
// keys would be one name.
func unescape(key string) (string, error) {
	name, err := url.PathUnescape(key)
	if err != nil || name == "" || escape(name) != key {
		return "", errors.New(`it is not a name in which "%", dots, NULs, a "$" at the beginning and white space around it are written as %25, %2E, %00, %24 and so on`)
	}
	return name, nil
}
