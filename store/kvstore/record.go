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

// Decode returns the record that value is the form of. Members may come in another order and
// with white space between them. An error wraps [store.ErrMalformed] and says what is wrong
// without quoting a value of a field.
func Decode(value string) (store.Record, error) {
	rec, err := decode(value)
	if err != nil {
		return store.Record{}, fmt.Errorf("%w: %w", store.ErrMalformed, err)
	}
	return rec, nil
}

func decode(value string) (rec store.Record, err error) {
	var members store.Fields // an object is an object
	if err := members.UnmarshalJSON([]byte(value)); err != nil {
		return rec, err
	}
	version, _ := members.Get("version")
	owner, _ := members.Get("owner")
	expires, _ := members.Get("expires")
	fields, _ := members.Get("fields")
	if version == "" || owner == "" || expires == "" || fields == "" || members.Len() != 4 {
		return rec, errors.New("its members are not version, owner, expires and fields")
	}
	if rec.Version, err = strconv.ParseUint(version, 10, 64); err != nil || rec.Version == 0 {
		return rec, errors.New("its version is not a positive whole number")
	}
	if rec.Owner, err = unquote(owner); err != nil {
		return rec, err
	}
	ms, err := strconv.ParseInt(expires, 10, 64)
	if err != nil {
		return rec, errors.New("its expires is not a whole number of milliseconds")
	}
	rec.ExpiresAt = time.UnixMilli(ms)
	return rec, rec.Fields.UnmarshalJSON([]byte(fields))
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
		return "", errors.New("its owner is not a string")
	}
	if strings.ContainsRune(text, utf8.RuneError) && quote(text) != quoted {
		return "", errors.New("its owner is not valid UTF-8")
	}
	return text, nil
}
