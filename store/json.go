package store

import (
	"bytes"
	"encoding/json"
	"fmt"
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
	s := scanner{text: data}
	if first := s.peek(); first != '{' {
		if !s.value(0) || !s.ended() {
			return errNotJSON
		}
		return fmt.Errorf("store: the fields are not a JSON object but begin with %q", first)
	}
	var room [16]Field
	fields, err := s.fields(string(data), room[:0])
	if err != nil {
		return err
	}
	parsed, err := NewFields(fields...)
	if err != nil {
		return err
	}
	*f = parsed
	return nil
}

// fields appends those of the object that begins at s.at and has to be all that is left.
// text is s.text.
func (s *scanner) fields(text string, fields []Field) ([]Field, error) {
	s.at++
	for first := true; !s.take('}'); first = false {
		if !first && !s.take(',') {
			return nil, errNotJSON
		}
		s.peek()
		begin := s.at
		if !s.quoted() {
			return nil, errNotJSON
		}
		name, err := unquote(text[begin:s.at])
		if err != nil {
			return nil, err
		}
		if !s.take(':') {
			return nil, errNotJSON
		}
		s.peek()
		begin = s.at
		if !s.value(1) {
			return nil, errNotJSON
		}
		fields = append(fields, Field{name, text[begin:s.at]})
	}
	if !s.ended() {
		return nil, errNotJSON
	}
	return fields, nil
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
	for i := range len(name) {
		if c := name[i]; c < ' ' || c == '"' || c == '\\' {
			return appendEscaped(b, name)
		}
	}
	b = append(b, '"')
	b = append(b, name...)
	return append(b, '"')
}

func appendEscaped(b []byte, name string) []byte {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(name) // a string always encodes
	return append(b, bytes.TrimSuffix(buf.Bytes(), []byte("\n"))...)
}
