package cloakroom

import (
	"fmt"
	"reflect"
	"unicode/utf8"
)

// A Key is the typed name of a field. Declare keys as package variables:
//
//	var Visits = cloakroom.NewKey[int]("visits")
//
// Values are kept as JSON, by the rules of encoding/json, and decoded when they are
// asked for. Keys are safe for concurrent use.
type Key[T any] struct{ name string }

// NewKey returns the key for the field with the given name, of 1 to 256 bytes of UTF-8.
// It panics when the name is empty, too long, not UTF-8, or begins with "$", which is
// the manager's, as regexp.MustCompile panics: names are part of the program.
func NewKey[T any](name string) Key[T] {
	if err := checkFieldName(name); err != nil {
		panic("cloakroom: NewKey: " + err.Error())
	}
	return Key[T]{name}
}

func checkFieldName(name string) error {
	switch {
	case name == "":
		return fmt.Errorf("the name of a field is empty: give it 1 to 256 bytes")
	case len(name) > 256:
		return fmt.Errorf("the name of a field has %d bytes: at most 256 are allowed", len(name))
	case !utf8.ValidString(name):
		return fmt.Errorf("the name %q of a field is not valid UTF-8", name)
	case reserved(name):
		return fmt.Errorf("the name %q of a field begins with $: such fields belong to the manager, choose another name", name)
	}
	return nil
}

// Name returns the name of the field.
func (k Key[T]) Name() string { return k.name }

// Get returns the value, or the zero value when there is none. A stored value of another
// type gives the zero value too, and sets [Session.Err].
func (k Key[T]) Get(s *Session) T {
	v, _ := k.Lookup(s)
	return v
}

// Lookup is Get, and reports whether there is a value of type T.
func (k Key[T]) Lookup(s *Session) (T, bool) {
	var zero T
	text, ok := s.lookup(k.name)
	if !ok {
		return zero, false
	}
	v, err := decode[T](text)
	if err != nil {
		s.fail(k.error("decode", err), false)
		return zero, false
	}
	return v, true
}

// Set sets the value. It is encoded at once, so what is later done to a map or a slice
// in it does not show. A value that cannot be encoded sets [Session.Err]; so does a string
// that is not UTF-8, but inside other values encoding/json replaces what is not.
func (k Key[T]) Set(s *Session, v T) {
	text, err := encode(v)
	if err != nil {
		s.fail(k.error("encode", err), true)
		return
	}
	s.edit(edit{name: k.name, value: text, present: true})
}

// Update sets the value to what f makes of it, and returns that. When another request
// changed the same value meanwhile, f is called again with the new one at the Save, so
// that no change is lost: f must only compute, and what is stored may then differ from
// what Update returned; a handler that answers with the value calls [Session.Save] and
// then Get. A stored value of another type is left
// alone, f is not called, and [Session.Err] is set.
func (k Key[T]) Update(s *Session, f func(T) T) T {
	apply := func(text string, ok bool) (v T, _ string, err error) {
		if ok {
			if v, err = decode[T](text); err != nil {
				return v, "", k.error("decode", err)
			}
		}
		v = f(v)
		if text, err = encode(v); err != nil {
			return v, "", k.error("encode", err)
		}
		return v, text, nil
	}
	again := func(text string, ok bool) (string, error) {
		_, text, err := apply(text, ok)
		return text, err
	}
	for {
		old, ok := s.lookup(k.name)
		v, text, err := apply(old, ok)
		if err != nil {
			s.fail(err, true)
			var zero T
			return zero
		}
		e := edit{
			name: k.name, value: text, present: true,
			guarded: true, old: old, oldPresent: ok, steps: []step{{compute: again}},
		}
		// f ran without a lock, so another goroutine of this request may have been faster.
		if s.editIf(e) {
			return v
		}
	}
}

// Pop returns the value and deletes it, if it is still the one returned when the edit is
// saved: of two requests that pop, one removes it. For one-time use call [Session.Save]
// next, and act on the value only when that returned nil. A stored value of another type
// is left alone and sets [Session.Err].
func (k Key[T]) Pop(s *Session) (T, bool) {
	for {
		text, ok := s.lookup(k.name)
		if !ok {
			var zero T
			return zero, false
		}
		v, err := decode[T](text)
		if err != nil {
			s.fail(k.error("decode", err), false)
			return v, false
		}
		e := edit{name: k.name, guarded: true, old: text, oldPresent: true, steps: []step{{popped: text}}}
		if s.editIf(e) {
			return v, true
		}
	}
}

// Delete deletes the value.
func (k Key[T]) Delete(s *Session) { s.edit(edit{name: k.name}) }

func (k Key[T]) error(doing string, err error) error {
	return codecError(doing, k.name, reflect.TypeFor[T](), err)
}
