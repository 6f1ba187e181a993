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
		return "", errNotUTF8
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
		if n := len(text); n >= 2 && text[0] == '"' && text[n-1] == '"' && plainString(text[1:n-1]) {
			*p = text[1 : n-1]
			return v, nil
		}
	case *bool:
		if text == "true" || text == "false" {
			*p = text == "true"
			return v, nil
		}
	case *int:
		if n, err := strconv.Atoi(text); err == nil && plainInteger(text) {
			*p = n
			return v, nil
		}
	case *int64:
		if n, err := strconv.ParseInt(text, 10, 64); err == nil && plainInteger(text) {
			*p = n
			return v, nil
		}
	case *uint64:
		if n, err := strconv.ParseUint(text, 10, 64); err == nil && plainInteger(text) {
			*p = n
			return v, nil
		}
	}
	return decodeAny[T](text)
}

// plainString reports whether the inside of a JSON string stands for itself.
func plainString(inside string) bool {
	for i := range len(inside) {
		if c := inside[i]; c < 0x20 || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}

// plainInteger tells integers of JSON from what strconv takes besides: no plus sign, no
// zeros in front.
func plainInteger(text string) bool {
	digits := strings.TrimPrefix(text, "-")
	return digits != "" && digits[0] != '+' && (digits[0] != '0' || digits == "0")
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

// errNotUTF8 is an encoding error of our own.
var errNotUTF8 = errors.New("the string is not valid UTF-8: keep it as a []byte")

// codecError names the field and the type, never the value: errors of encoding/json and
// of a type's own methods may quote it, so only their kind is told.
func codecError(doing, name string, t reflect.Type, err error) error {
	why := fmt.Sprintf("a method of the type failed with a %T", err)
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	var unsupported *json.UnsupportedTypeError
	var impossible *json.UnsupportedValueError
	switch {
	case errors.As(err, &syntax):
		why = "the stored value is not JSON"
	case errors.As(err, &kind):
		why = "the stored value is of another type"
	case errors.As(err, &unsupported):
		why = "JSON has nothing for the type " + unsupported.Type.String()
	case errors.As(err, &impossible):
		why = "JSON has nothing for NaN, infinity, or a value that contains itself"
	case errors.Is(err, errNotUTF8):
		why = err.Error()
	}
	return fmt.Errorf("cloakroom: %s the field %q as %v: %s", doing, name, t, why)
}
