package main

import (
	"fmt"
	"slices"
	"strings"
)

// A named thing can be chosen on the command line.
type named interface{ label() string }

func (c *testCase) label() string { return c.name }

func (p *peer) label() string { return p.name }

func allCases() []*testCase { return slices.Concat(cases, httpCases) }

func names[T named](list []T) string {
	var out []string
	for _, x := range list {
		out = append(out, x.label())
	}
	return strings.Join(out, ",")
}

func find[T named](list []T, name string) (T, error) {
	for _, x := range list {
		if x.label() == name {
			return x, nil
		}
	}
	var none T
	return none, fmt.Errorf("there is no %q: there are %s", name, names(list))
}

// choose returns what a list of names, separated by commas, means, in the order of all.
// An empty list means all.
func choose[T named](all []T, list string) ([]T, error) {
	if list == "" {
		return all, nil
	}
	wanted := strings.Split(list, ",")
	for _, name := range wanted {
		if _, err := find(all, name); err != nil {
			return nil, err
		}
	}
	return slices.DeleteFunc(slices.Clone(all), func(x T) bool { return !slices.Contains(wanted, x.label()) }), nil
}
