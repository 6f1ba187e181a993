package kvstore

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/cloakroom-go/cloakroom/store"
)

// Encode returns the form in which [Store] keeps a record: one JSON object with the members
// version, owner, expires and fields. expires is Unix time in milliseconds, rounded down;
// fields is what [store.Fields.MarshalJSON] gives, values kept to the byte:
//
//	{"version":1767225600000000,"owner":"7","expires":1767312000000,"fields":{"visits":3}}
//
// The same record gives the same bytes.
func Encode(rec store.Record) string {
	fields, _ := rec.Fields.MarshalJSON() // never fails
	owner := quote(rec.Owner)
	b := make([]byte, 0, len(fields)+len(owner)+96)
	b = append(b, `{"version":`...)
	b = strconv.AppendUint(b, rec.Version, 10)
	b = append(b, `,"owner":`...)
	b = append(b, owner...)
	b = append(b, `,"expires":`...)
	b = strconv.AppendInt(b, rec.ExpiresAt.UnixMilli(), 10)
	b = append(b, `,"fields":`...)
	b = append(b, fields...)
	return string(append(b, '}'))
}

// Decode returns the record that value is the form of. Only the object of the fields may have
// white space and any order of members: nothing else is read twice, which for a large record
// is most of the cost. An error wraps [store.ErrMalformed] and says what is wrong without
// quoting a value.
func Decode(value string) (store.Record, error) {
	rec, err := decode(value)
	if err != nil {
		return store.Record{}, fmt.Errorf("%w: %w", store.ErrMalformed, err)
	}
	return rec, nil
}

func decode(value string) (rec store.Record, err error) {
	s := scanner{rest: value}
	s.literal(`{"version":`)
	version := s.number()
	s.literal(`,"owner":`)
	owner := s.quoted()
	s.literal(`,"expires":`)
	expires := s.number()
	s.literal(`,"fields":`)
	fields, whole := strings.CutSuffix(s.rest, "}")
	if s.failed || !whole {
		return rec, errors.New(`they are not of the form {"version":...,"owner":...,"expires":...,"fields":{...}}`)
	}
	rec.Version, err = strconv.ParseUint(version, 10, 64)
	if err != nil || rec.Version == 0 {
		return rec, errors.New("the version is not a whole number from 1 to 2^64-1")
	}
	if rec.Owner, err = unquote(owner); err != nil {
		return rec, err
	}
	ms, err := strconv.ParseInt(expires, 10, 64)
	if err != nil {
		return rec, errors.New("the expiry is not a whole number of milliseconds")
	}
	rec.ExpiresAt = time.UnixMilli(ms)
	return rec, rec.Fields.UnmarshalJSON([]byte(fields))
}

// A scanner takes a text apart from the front.
type scanner struct {
	rest   string
	failed bool
}

func (s *scanner) literal(text string) {
	rest, ok := strings.CutPrefix(s.rest, text)
	s.rest, s.failed = rest, s.failed || !ok
}

// number returns a JSON number, which may be none.
func (s *scanner) number() string {
	end := strings.IndexByte(s.rest, ',')
	if end < 1 || !json.Valid([]byte(s.rest[:end])) {
		s.failed = true
		return ""
	}
	return s.take(end)
}

// quoted returns a JSON string with its quotes, which may hold wrong escapes.
func (s *scanner) quoted() string {
	for i := 1; i < len(s.rest); i++ {
		switch s.rest[i] {
		case '\\':
			i++
		case '"':
			return s.take(i + 1)
		}
	}
	s.failed = true
	return ""
}

func (s *scanner) take(n int) string {
	text := s.rest[:n]
	s.rest = s.rest[n:]
	return text
}

// quote returns text as a JSON string, with no more escapes than JSON demands.
func quote(text string) string {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(text) // a string always encodes
	return strings.TrimSuffix(b.String(), "\n")
}

// unquote refuses a string that stands for no text, such as half a surrogate pair: another
// owner would come of it.
func unquote(quoted string) (text string, err error) {
	if err := json.Unmarshal([]byte(quoted), &text); err != nil || quoted[0] != '"' {
		return "", errors.New("the owner is not a string")
	}
	if strings.ContainsRune(text, utf8.RuneError) && quote(text) != quoted {
		return "", errors.New("the owner is not valid UTF-8")
	}
	return text, nil
}
