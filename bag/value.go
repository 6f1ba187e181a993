package bag

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// A value is any JSON value, as a tree. It stays out of the way of numbers: what is not
// touched is written back digit by digit.
type value struct {
	tree    any   // nil, bool, string, json.Number, []any or map[string]any
	present bool  // there is one; null is one, too
	broken  error // an edit that was impossible; it makes the value impossible to encode
}

func (v *value) UnmarshalJSON(text []byte) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	v.present = true
	return d.Decode(&v.tree)
}

func (v value) MarshalJSON() ([]byte, error) {
	if v.broken != nil {
		return nil, v.broken
	}
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false)
	err := e.Encode(v.tree)
	return text.Bytes(), err
}

// treeOf returns v as the tree that its JSON is.
func treeOf(v any) (any, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	var t value
	err = t.UnmarshalJSON(text)
	return t.tree, err
}

// plain returns a tree with numbers of Go's own types.
func plain(tree any) any {
	switch t := tree.(type) {
	case json.Number:
		if n, err := strconv.ParseInt(t.String(), 10, 64); err == nil {
			return n
		}
		if f, err := t.Float64(); err == nil && strings.ContainsAny(t.String(), ".eE") {
			return f
		}
		return t // an integer of more than 64 bits, or a number that no float64 holds
	case []any:
		list := make([]any, len(t))
		for i, member := range t {
			list[i] = plain(member)
		}
		return list
	case map[string]any:
		object := make(map[string]any, len(t))
		for name, member := range t {
			object[name] = plain(member)
		}
		return object
	}
	return tree
}

// find follows segments into a tree.
func find(tree any, segments []string) (any, bool) {
	for _, segment := range segments {
		switch t := tree.(type) {
		case map[string]any:
			member, ok := t[segment]
			if !ok {
				return nil, false
			}
			tree = member
		case []any:
			i, ok := index(segment)
			if !ok || i >= len(t) {
				return nil, false
			}
			tree = t[i]
		default:
			return nil, false
		}
	}
	return tree, true
}

// change returns tree with what edit makes of the value that segments lead to. Objects on
// the way that are missing are made. edit is told whether there was a value, and says
// whether there is to be one.
func change(path string, tree any, present bool, segments []string, edit func(old any, ok bool) (any, bool, error)) (any, bool, error) {
	if len(segments) == 0 {
		return edit(tree, present)
	}
	segment, rest := segments[0], segments[1:]
	if !present {
		tree = map[string]any{}
	}
	switch t := tree.(type) {
	case map[string]any:
		old, ok := t[segment]
		member, keep, err := change(path, old, ok, rest, edit)
		if err != nil {
			return nil, false, err
		}
		if keep {
			t[segment] = member
		} else {
			delete(t, segment)
		}
		return t, present || keep, nil
	case []any:
		i, ok := index(segment)
		if !ok || i > len(t) {
			return nil, false, &PathError{path, fmt.Sprintf("leads into a list of %d, where %.20q is no index and not the next one either", len(t), segment)}
		}
		var old any
		if i < len(t) {
			old = t[i]
		}
		member, keep, err := change(path, old, i < len(t), rest, edit)
		switch {
		case err != nil:
			return nil, false, err
		case keep && i == len(t):
			t = append(t, member)
		case keep:
			t[i] = member
		case i < len(t):
			t = append(t[:i], t[i+1:]...)
		}
		return t, true, nil
	}
	return nil, false, &PathError{path, fmt.Sprintf("leads on from %s, in which nothing can be: Forget it first", kind(tree))}
}

// kind names what a tree is, without its value.
func kind(tree any) string {
	switch tree.(type) {
	case nil:
		return "null"
	case bool:
		return "a boolean"
	case string:
		return "a string"
	case json.Number:
		return "a number"
	case []any:
		return "a list"
	}
	return "an object"
}
