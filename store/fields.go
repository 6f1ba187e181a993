package store

import (
	"fmt"
	"iter"
	"slices"
	"strings"
	"unicode/utf8"
)

// maxName bounds names of fields and owners, in bytes.
const maxName = 256

// Fields is an immutable set of named values, sorted by name, in one compact piece of
// memory. Copying it is free; looking one value up decodes nothing and allocates
// nothing; and a million of them cost the garbage collector a million pointers, not
// twenty million. The zero Fields is empty. Fields are safe for concurrent use and
// can be compared with ==, which is true for the same names with the same bytes.
type Fields struct {
	// The layout, all numbers as varints: the count of fields, the length of the
	// table, the table, the values. The table holds for each field, in order of
	// names: the length of the name, the name, the length of the value. So a lookup
	// walks one short piece of memory and touches no value but the one it wants.
	//
	// The layout never leaves the process: what is stored is JSON or the store's own
	// form, so it can change with any release.
	data string
}

// NewFields returns the fields given, in any order. A name that is empty, longer than
// 256 bytes, not valid UTF-8 or given twice is an error. That values are JSON text is
// the caller's promise: nothing is decoded until somebody asks for a value.
func NewFields(fields ...Field) (Fields, error) {
	if !slices.IsSortedFunc(fields, byName) {
		fields = slices.Clone(fields)
		slices.SortFunc(fields, byName)
	}
	for i, f := range fields {
		if err := checkName(f.Name); err != nil {
			return Fields{}, err
		}
		if i > 0 && fields[i-1].Name == f.Name {
			return Fields{}, fmt.Errorf("store: the field %q is given twice", f.Name)
		}
	}
	var s sizer
	for _, f := range fields {
		s.add(f.Name, f.Value)
	}
	var b builder
	b.begin(s)
	for _, f := range fields {
		b.name(f.Name, f.Value)
	}
	for _, f := range fields {
		b.value(f.Value)
	}
	return b.fields(), nil
}

func byName(a, b Field) int { return strings.Compare(a.Name, b.Name) }

func checkName(name string) error {
	switch {
	case name == "":
		return fmt.Errorf("store: a field has an empty name: give it 1 to %d bytes", maxName)
	case len(name) > maxName:
		return fmt.Errorf("store: the field name %q... has %d bytes: at most %d are allowed", name[:16], len(name), maxName)
	case !utf8.ValidString(name):
		return fmt.Errorf("store: the field name %q is not valid UTF-8", name)
	}
	return nil
}

// Len returns the number of fields.
func (f Fields) Len() int {
	if f.data == "" {
		return 0
	}
	n, _ := uvarint(f.data, 0)
	return n
}

// Get returns the value of the named field, as it was set.
func (f Fields) Get(name string) (value string, ok bool) {
	if name == "" {
		return "", false
	}
	c := f.cursor()
	for c.next() {
		if len(c.name) == len(name) && c.name == name {
			return c.value(), true
		}
		if c.name[0] > name[0] { // sorted, so it cannot come any more; more would cost more than it saves
			break
		}
	}
	return "", false
}

// All yields names and values in the order of names.
func (f Fields) All() iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		c := f.cursor()
		for c.next() {
			if !yield(c.name, c.value()) {
				return
			}
		}
	}
}

// With returns f without the fields named by unset and with those of set: unset comes
// first, so a name in both is set. f is not altered.
func (f Fields) With(set Fields, unset ...string) Fields {
	if set.data == "" && len(unset) == 0 {
		return f
	}
	if f.data == "" {
		return set
	}
	var room [8]splice
	splices := room[:0]
	old, added := f.cursor(), set.cursor()
	begin := old
	adding := added.next()
	for adding || len(unset) > 0 {
		before := old
		more := old.next()
		for adding && (!more || added.name < old.name) {
			splices = append(splices, newSplice(&before, &before, added.name, added.value()))
			adding = added.next()
		}
		if !more {
			break
		}
		if adding && added.name == old.name {
			splices = append(splices, newSplice(&before, &old, added.name, added.value()))
			adding = added.next()
		} else if slices.Contains(unset, old.name) {
			splices = append(splices, newSplice(&before, &old, "", ""))
		}
	}

	size := sizer{f.Len(), begin.end - begin.at, len(f.data) - begin.valueEnd}
	for _, s := range splices {
		if s.tableFrom != s.tableTo {
			size.count--
			size.table -= s.tableTo - s.tableFrom
			size.values -= s.valueTo - s.valueFrom
		}
		if s.name != "" {
			size.add(s.name, s.value)
		}
	}
	var b builder
	b.begin(size)
	last := begin.at
	for _, s := range splices {
		b.text.WriteString(f.data[last:s.tableFrom])
		if s.name != "" {
			b.name(s.name, s.value)
		}
		last = s.tableTo
	}
	b.text.WriteString(f.data[last:begin.end])
	last = begin.valueEnd
	for _, s := range splices {
		b.text.WriteString(f.data[last:s.valueFrom])
		b.value(s.value)
		last = s.valueTo
	}
	b.text.WriteString(f.data[last:])
	return b.fields()
}

// A splice is a place in a Fields where something else comes: a field in place of another
// one, a new field (the piece is empty), or nothing (the name is). What is between
// splices is copied in one piece.
type splice struct {
	tableFrom, tableTo, valueFrom, valueTo int
	name, value                            string
}

func newSplice(from, to *cursor, name, value string) splice {
	return splice{from.at, to.at, from.valueEnd, to.valueEnd, name, value}
}

// Pick returns the fields of f that are named; names that f lacks are left out.
func (f Fields) Pick(names ...string) Fields {
	picked := make([]Field, 0, len(names))
	for name, value := range f.All() {
		if slices.Contains(names, name) {
			picked = append(picked, Field{name, value})
		}
	}
	out, _ := NewFields(picked...) // names of f are good names, each once
	return out
}

// A cursor walks the table of a Fields.
type cursor struct {
	data            string
	at, end         int // in the table
	start, valueEnd int // of the current value
	name            string
}

func (f Fields) cursor() cursor {
	if f.data == "" {
		return cursor{}
	}
	_, at := uvarint(f.data, 0)
	table, at := uvarint(f.data, at)
	return cursor{data: f.data, at: at, end: at + table, valueEnd: at + table}
}

func (c *cursor) next() bool {
	if c.at >= c.end {
		return false
	}
	n, at := uvarint(c.data, c.at)
	c.name = c.data[at : at+n]
	n, c.at = uvarint(c.data, at+n)
	c.start, c.valueEnd = c.valueEnd, c.valueEnd+n
	return true
}

func (c *cursor) value() string { return c.data[c.start:c.valueEnd] }

// uvarint reads a number at data[at:] and returns it with the place behind it. The
// one-byte case is written out, since it is nearly every case.
func uvarint(data string, at int) (n, next int) {
	if b := data[at]; b < 0x80 {
		return int(b), at + 1
	}
	for shift := 0; ; shift += 7 {
		b := data[at]
		at++
		n |= int(b&0x7f) << shift
		if b < 0x80 {
			return n, at
		}
	}
}

func uvarintLen(n int) (bytes int) {
	for bytes = 1; n >= 0x80; n >>= 7 {
		bytes++
	}
	return bytes
}

// A sizer measures Fields before they are built, so that building allocates once.
type sizer struct{ count, table, values int }

func (s *sizer) add(name, value string) {
	s.count++
	s.table += uvarintLen(len(name)) + len(name) + uvarintLen(len(value))
	s.values += len(value)
}

// A builder makes the Fields that were measured, in one allocation.
type builder struct {
	text  strings.Builder
	empty bool
}

func (b *builder) begin(s sizer) {
	b.empty = s.count == 0
	if b.empty {
		return
	}
	b.text.Grow(uvarintLen(s.count) + uvarintLen(s.table) + s.table + s.values)
	b.uvarint(s.count)
	b.uvarint(s.table)
}

func (b *builder) uvarint(n int) {
	for ; n >= 0x80; n >>= 7 {
		b.text.WriteByte(byte(n) | 0x80)
	}
	b.text.WriteByte(byte(n))
}

func (b *builder) name(name, value string) {
	b.uvarint(len(name))
	b.text.WriteString(name)
	b.uvarint(len(value))
}

func (b *builder) value(value string) { b.text.WriteString(value) }

func (b *builder) fields() Fields {
	if b.empty {
		return Fields{}
	}
	return Fields{data: b.text.String()}
}
