// Package bag gives sessions the dynamic interface that web frameworks of other languages
// have: any value under dotted paths, such as "user.teams.0". It is for programs that come
// from there, and for values whose shape is known at run time only. What has a type belongs
// under a [cloakroom.Key], which costs less and cannot be mistyped.
//
// # Paths
//
//	path    = segment *( "." segment )
//	segment = *( any character but "." and "\" / "\." / "\\" )
//
// The first segment is the name of a field of the session: 1 to 256 bytes that do not begin
// with "$". Each further one is the name of
// a member when it leads into an object, whatever it looks like, and a decimal index from 0,
// without zeros in front, when it leads into a list. So "a\.b.0" is the member "0", or the
// first value, of the field "a.b". Use [Escape] for names from elsewhere. A path is data:
// nothing in it is ever evaluated, and names that mean something in other languages, such as
// __proto__, are names like any other. At most 64 segments are allowed.
//
// # Values
//
// Values are those of JSON: nil, bool, string, int64, float64, []any and map[string]any; a
// number that fits neither int64 nor float64 is a [json.Number]. False, 0, "" and an empty
// list are values like others. What Get returns is a copy.
//
// Edits of one field by parallel requests are all kept: each is made again on what the field
// holds by then. When that makes it impossible, as with a Push onto what another request has
// made a string, the commit fails.
package bag

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/cloakroom-go/cloakroom"
)

// A Bag is a session seen by paths. Its edits are edits of the session: the commit of the
// request saves them. It is as safe for concurrent use as the session is.
type Bag struct{ s *cloakroom.Session }

// Of returns the bag of s.
func Of(s *cloakroom.Session) Bag { return Bag{s} }

// Get returns the value at path. When there is none it returns the first of missing, or
// nil. A path that is malformed leads nowhere: it may come from a visitor.
func (b Bag) Get(path string, missing ...any) any {
	tree, ok := b.look(path)
	if !ok {
		return first(missing)
	}
	return plain(tree)
}

// Has reports whether there is a value at path; null is one. A malformed path leads nowhere.
func (b Bag) Has(path string) bool {
	_, ok := b.look(path)
	return ok
}

// Put sets the value at path to v, which is kept as encoding/json has it. Objects that are
// missing on the way are made. It is an error, a [*PathError], when path is malformed, leads
// through something that is neither object nor list, or leads past the end of a list; and an
// error when v has no JSON. Nothing is changed then.
func (b Bag) Put(path string, v any) error {
	return b.PutAll(map[string]any{path: v})
}

// PutAll is Put for each path of values, in the order of the paths. The first error ends it,
// and what was put before stays.
func (b Bag) PutAll(values map[string]any) error {
	for _, path := range slices.Sorted(maps.Keys(values)) {
		tree, err := treeOf(values[path])
		if err != nil {
			return fmt.Errorf("cloakroom/bag: the value for %.100q, a %T, has no JSON: %w", path, values[path], err)
		}
		err = b.edit(path, func(any, bool) (any, bool, error) { return tree, true, nil })
		if err != nil {
			return err
		}
	}
	return nil
}

// Push appends v to the list at path, and makes one when there is nothing. Its errors are
// those of Put, and a [*PathError] when something else than a list is there.
func (b Bag) Push(path string, v any) error {
	tree, err := treeOf(v)
	if err != nil {
		return fmt.Errorf("cloakroom/bag: the value for %.100q, a %T, has no JSON: %w", path, v, err)
	}
	return b.edit(path, func(old any, ok bool) (any, bool, error) {
		list, isList := old.([]any)
		if ok && !isList {
			return nil, false, &PathError{path, "leads to " + kind(old) + ", and only lists can be pushed onto"}
		}
		return append(slices.Clip(list), tree), true, nil
	})
}

// Pull is Get and Forget. It does not say whether another request has pulled the same
// value: for one-time use take [cloakroom.Key.Pop].
func (b Bag) Pull(path string, missing ...any) any {
	v, ok := b.look(path)
	if !ok {
		return first(missing)
	}
	if err := b.Forget(path); err != nil {
		b.s.SetErr(err)
	}
	return plain(v)
}

// Forget deletes the values at the paths; in a list what follows moves up. Where there is
// none nothing happens. A malformed path is an error, a [*PathError]; what was deleted
// before stays so.
func (b Bag) Forget(paths ...string) error {
	for _, path := range paths {
		segments, err := parse(path)
		if err != nil {
			return err
		}
		if !b.Has(path) {
			continue
		}
		if len(segments) == 1 {
			b.s.Delete(segments[0])
			continue
		}
		err = b.edit(path, func(any, bool) (any, bool, error) { return nil, false, nil })
		if err != nil {
			return err
		}
	}
	return nil
}

// Flush deletes all values. The session and its ID stay; [cloakroom.Session.Destroy] ends
// it.
func (b Bag) Flush() { b.s.Clear() }

// All returns all values of the session, by the names of its fields.
func (b Bag) All() map[string]any {
	all := map[string]any{}
	for _, name := range b.s.Names() {
		if tree, ok := b.field(name); ok {
			all[name] = plain(tree)
		}
	}
	return all
}

// look returns the tree at path, which must not be altered.
func (b Bag) look(path string) (any, bool) {
	segments, err := parse(path)
	if err != nil {
		return nil, false
	}
	tree, ok := b.field(segments[0])
	if !ok {
		return nil, false
	}
	return find(tree, segments[1:])
}

func (b Bag) field(name string) (any, bool) {
	raw, ok := b.s.Raw(name)
	if !ok {
		return nil, false
	}
	var v value
	if err := json.Unmarshal([]byte(raw), &v); err != nil {
		b.s.SetErr(fmt.Errorf("cloakroom/bag: the field %q holds no JSON", name))
		return nil, false
	}
	return v.tree, true
}

// edit changes the value at path, and does it again when another request was faster.
func (b Bag) edit(path string, edit func(old any, ok bool) (any, bool, error)) error {
	segments, err := parse(path)
	if err != nil {
		return err
	}
	// First on a copy, so that an edit that is impossible is an error and changes nothing.
	tree, present := b.field(segments[0])
	tree, _, err = change(path, tree, present, segments[1:], edit)
	if err != nil {
		return err
	}
	if _, err := treeOf(tree); err != nil {
		return &PathError{path, "nests values too deeply: JSON is read to a depth of 10000"}
	}
	cloakroom.NewKey[value](segments[0]).Update(b.s, func(v value) value {
		tree, _, err := change(path, v.tree, v.present, segments[1:], edit)
		return value{tree: tree, broken: err}
	})
	return nil
}

func first(missing []any) any {
	if len(missing) == 0 {
		return nil
	}
	return missing[0]
}
