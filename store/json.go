package store

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// MarshalJSON returns the readable form: one JSON object, names sorted, values kept to
// the byte. Call it directly to keep values to the byte: [json.Marshal] rewrites the
// white space of what it gets, and its escapes. It never fails.
func (f Fields) MarshalJSON() ([]byte, error) {
	b := make([]byte, 0, len(f.data)+4*f.Len()+2)
	b = append(b, '{')
	c := f.cursor()
	for first := true; c.next(); first = false {
		if !first {
			b = append(b, ',')
		}
		b = appendName(b, c.name)
		b = append(b, ':')
		b = append(b, c.value()...)
	}
	return append(b, '}'), nil
}

// UnmarshalJSON reads the readable form: one JSON object, values kept to the byte. It
// is an error when data is anything else, or has a name that [NewFields] refuses.
func (f *Fields) UnmarshalJSON(data []byte) error {
	if !json.Valid(data) {
		return errors.New("store: the fields are not JSON")
	}
	text := strings.TrimSpace(string(data))
	if text[0] != '{' {
		return fmt.Errorf("store: the fields are not a JSON object but begin with %q", text[0])
	}
	// Valid JSON from here on, so the walk below needs no checks of its own.
	fields := make([]Field, 0, 16)
	for at := skipSpace(text, 1); text[at] != '}'; {
		if text[at] == ',' {
			at = skipSpace(text, at+1)
		}
		end := skipValue(text, at)
		name, err := unquote(text[at:end])
		if err != nil {
			return err
		}
		at = skipSpace(text, skipSpace(text, end)+1) // past the colon
		end = skipValue(text, at)
		fields = append(fields, Field{name, text[at:end]})
		at = skipSpace(text, end)
	}
	parsed, err := NewFields(fields...)
	if err != nil {
		return err
	}
	*f = parsed
	return nil
}

func skipSpace(text string, at int) int {
	for text[at] == ' ' || text[at] == '\t' || text[at] == '\n' || text[at] == '\r' {
		at++
	}
	return at
}

// skipValue returns the end of the JSON value that begins at text[at].
func skipValue(text string, at int) int {
	depth := 0
	for {
		switch text[at] {
		case '"':
			for at++; text[at] != '"'; at++ {
				if text[at] == '\\' {
					at++
				}
			}
			at++
		case '{', '[':
			depth++
			at++
		case '}', ']':
			depth--
			at++
		case ',', ':', ' ', '\t', '\n', '\r':
			at++ // only inside an object or array
			continue
		default: // a number or literal
			for at < len(text) && !strings.ContainsRune(",:]} \t\n\r", rune(text[at])) {
				at++
			}
		}
		if depth == 0 {
			return at
		}
	}
}

func unquote(quoted string) (string, error) {
	plain := quoted[1 : len(quoted)-1]
	if strings.IndexByte(plain, '\\') < 0 {
		return plain, nil // NewFields refuses what is not UTF-8
	}
	var name string
	if err := json.Unmarshal([]byte(quoted), &name); err != nil {
		return "", fmt.Errorf("store: the field name %s: %w", quoted, err)
	}
	if strings.ContainsRune(name, utf8.RuneError) && !strings.ContainsRune(plain, utf8.RuneError) &&
		!strings.Contains(strings.ToLower(plain), `\ufffd`) {
		return "", fmt.Errorf("store: the field name %s holds half a surrogate pair", quoted)
	}
	return name, nil
}

// appendName quotes a name with the escapes that JSON demands and no others.
func appendName(b []byte, name string) []byte {
	plain := func(r rune) bool { return r >= 0x20 && r != '"' && r != '\\' }
	if !slices.ContainsFunc([]rune(name), func(r rune) bool { return !plain(r) }) {
		b = append(b, '"')
		b = append(b, name...)
		return append(b, '"')
	}
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(name) // a string always encodes
	return append(b, bytes.TrimSuffix(buf.Bytes(), []byte("\n"))...)
}
