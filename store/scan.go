package store

import (
	"encoding/binary"
	"errors"
)

// errNotJSON is what a text gets that is not JSON as RFC 8259 has it.
var errNotJSON = errors.New("store: the fields are not JSON")

// maxDepth bounds how deep values may nest, as encoding/json does.
const maxDepth = 10000

// A scanner walks a JSON text, eight bytes of a string at a time, and checks it on the way.
// To check with encoding/json first took several times as long as all of it, at every load
// from a store that keeps records as text.
type scanner struct {
	text []byte
	at   int
}

// peek skips white space and returns the byte behind it, 0 at the end.
func (s *scanner) peek() byte {
	for s.at < len(s.text) {
		switch c := s.text[s.at]; c {
		case ' ', '\t', '\n', '\r':
			s.at++
		default:
			return c
		}
	}
	return 0
}

// take skips c, white space before it aside, and reports whether it was there.
func (s *scanner) take(c byte) bool {
	s.peek()
	return s.is(c)
}

// ended reports whether nothing but white space is left.
func (s *scanner) ended() bool {
	s.peek()
	return s.at == len(s.text)
}

// value skips the value that begins at s.at and reports whether it is one.
func (s *scanner) value(depth int) bool {
	if s.at == len(s.text) {
		return false
	}
	switch s.text[s.at] {
	case '"':
		return s.quoted()
	case '{':
		return s.items('}', depth)
	case '[':
		return s.items(']', depth)
	case 't':
		return s.literal("true")
	case 'f':
		return s.literal("false")
	case 'n':
		return s.literal("null")
	}
	return s.number()
}

// items skips an object or array, of which end is the last byte.
func (s *scanner) items(end byte, depth int) bool {
	s.at++
	if depth++; depth > maxDepth {
		return false
	}
	if s.take(end) {
		return true
	}
	for {
		s.peek()
		if end == '}' && !(s.quoted() && s.take(':')) {
			return false
		}
		s.peek()
		if !s.value(depth) {
			return false
		}
		if !s.take(',') {
			return s.take(end)
		}
	}
}

func (s *scanner) literal(word string) bool {
	if len(s.text)-s.at < len(word) || string(s.text[s.at:s.at+len(word)]) != word {
		return false
	}
	s.at += len(word)
	return true
}

func (s *scanner) number() bool {
	s.is('-')
	switch {
	case s.is('0'):
	case !s.digits():
		return false
	}
	if s.is('.') && !s.digits() {
		return false
	}
	if s.is('e') || s.is('E') {
		if !s.is('+') {
			s.is('-')
		}
		return s.digits()
	}
	return true
}

// is skips c if it is next and reports whether it was.
func (s *scanner) is(c byte) bool {
	if s.at == len(s.text) || s.text[s.at] != c {
		return false
	}
	s.at++
	return true
}

func (s *scanner) digits() bool {
	start := s.at
	for s.at < len(s.text) && '0' <= s.text[s.at] && s.text[s.at] <= '9' {
		s.at++
	}
	return s.at > start
}

// quoted skips a string. Like encoding/json it takes bytes that are no UTF-8.
func (s *scanner) quoted() bool {
	if !s.is('"') {
		return false
	}
	text, at := s.text, s.at
	for at < len(text) {
		if len(text)-at >= 8 && plain(binary.LittleEndian.Uint64(text[at:])) {
			at += 8
			continue
		}
		switch c := text[at]; {
		case c == '"':
			s.at = at + 1
			return true
		case c < ' ':
			return false
		case c == '\\':
			n := escape(text[at+1:])
			if n == 0 {
				return false
			}
			at += n
		}
		at++
	}
	return false
}

// plain reports whether none of eight bytes is a control character, a quote or a
// backslash: none of them gets its highest bit set by taking away 0x20, or 1 from what
// differs, without having had it.
func plain(eight uint64) bool {
	const ones, high = 0x0101010101010101, 0x8080808080808080
	quote, backslash := eight^ones*'"', eight^ones*'\\'
	return ((eight-ones*' ')&^eight|(quote-ones)&^quote|(backslash-ones)&^backslash)&high == 0
}

// escape returns how many bytes behind a backslash belong to it; 0 if that is no escape.
func escape(text []byte) int {
	if len(text) == 0 {
		return 0
	}
	switch text[0] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 1
	case 'u':
		if len(text) < 5 {
			return 0
		}
		for _, c := range text[1:5] {
			if !('0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F') {
				return 0
			}
		}
		return 5
	}
	return 0
}
