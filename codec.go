package cloakroom

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf8"
)

// encode returns v as JSON text. Strings, numbers and booleans take the short way,
// without reflection.
func encode[T any](v T) (string, error) {
	switch x := any(v).(type) {
	case string:
		return encodeString(x)
	case bool:
		return strconv.FormatBool(x), nil
	case int:
		return strconv.FormatInt(int64(x), 10), nil
	case int64:
		return strconv.FormatInt(x, 10), nil
	case int32:
		return strconv.FormatInt(int64(x), 10), nil
	case uint:
		return strconv.FormatUint(uint64(x), 10), nil
	case uint64:
		return strconv.FormatUint(x, 10), nil
	case uint32:
		return strconv.FormatUint(uint64(x), 10), nil
	}
	return encodeAny(v)
}

func encodeString(s string) (string, error) {
	plain := true
	for i := range len(s) {
		if c := s[i]; c < 0x20 || c == '"' || c == '\\' || c >= utf8.RuneSelf {
			plain = false
			break
		}
	}
	if plain {
		return `"` + s + `"`, nil
	}
	// encoding/json would write U+FFFD and lose the bytes without a word.
	if !utf8.ValidString(s) {
		return "", errors.New("the string is not valid UTF-8: keep it as a []byte")
	}
	return encodeAny(s)
}

func encodeAny(v any) (string, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false) // records are read by people and other programs, not by browsers
	if err := enc.Encode(v); err != nil {
		return "", err
	}
	return strings.TrimSuffix(buf.String(), "\n"), nil
}

// decode returns the value of JSON text. A string without escapes is a piece of text,
// not a copy.
func decode[T any](text string) (T, error) {
	var v T
	switch p := any(&v).(type) {
	case *string:
		if n := len(text); n >= 2 && text[0] == '"' && text[n-1] == '"' && strings.IndexByte(text, '\\') < 0 {
			*p = text[1 : n-1]
			return v, nil
		}
	case *bool:
		if text == "true" || text == "false" {
			*p = text == "true"
			return v, nil
		}
	case *int:
		if n, err := strconv.Atoi(text); err == nil {
			*p = n
			return v, nil
		}
	case *int64:
		if n, err := strconv.ParseInt(text, 10, 64); err == nil {
			*p = n
			return v, nil
		}
	case *uint64:
		if n, err := strconv.ParseUint(text, 10, 64); err == nil {
			*p = n
			return v, nil
		}
	}
	return decodeAny[T](text)
}

// decodeAny has a variable of its own because json.Unmarshal moves it to the heap.
func decodeAny[T any](text string) (T, error) {
	var v T
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		var zero T
		return zero, err
	}
	return v, nil
}

// codecError names the field and the type, never the value.
func codecError(doing, name string, t reflect.Type, err error) error {
	// Errors of encoding/json may quote input; keep their kind and drop the text.
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		return fmt.Errorf("cloakroom: %s the field %q as %v: the stored value is not JSON", doing, name, t)
	case errors.As(err, &kind):
		return fmt.Errorf("cloakroom: %s the field %q as %v: the stored value is of another type", doing, name, t)
	}
	return fmt.Errorf("cloakroom: %s the field %q as %v: %w", doing, name, t, err)
}
