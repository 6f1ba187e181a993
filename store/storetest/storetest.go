package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/cloakroom-go/cloakroom/store"
)

// Run checks every rule, each in a subtest of its own with a store from open. open is
// called with the subtest, one call after the other; it may return the same store each
// time. A rule about an optional interface that the store lacks is skipped with the
// name of that interface.
func Run(t *testing.T, open func(*testing.T) store.Store) {
	for _, rule := range Rules() {
		t.Run(rule.Name, func(t *testing.T) {
			err := rule.Check(t.Context(), open(t))
			switch {
			case errors.Is(err, errors.ErrUnsupported):
				t.Skip(err)
			case err != nil:
				t.Error(err)
			}
		})
	}
}

// Rule is one check of one rule of package store. Most rules have several checks, each
// a Rule with a name of its own.
type Rule struct {
	// Name tells the checks apart: the rule and what is looked at, such as
	// "Save-1-deleted".
	Name string
	// Text is the place, the number and the words of the rule, as in the comments of
	// package store: "Save 1: Without Create the record must be live, ...".
	Text string

	check func(*trial)
}

// Rules returns every check: those of store.Store, its methods, then the optional
// interfaces.
func Rules() []Rule {
	all := slices.Concat(keyChecks, expiryChecks, contextChecks, concurrencyChecks,
		loadChecks, contentChecks, saveChecks, conditionChecks, versionChecks, baseChecks, deleteChecks,
		loadFieldsChecks, listChecks, listOwnerChecks, sweepChecks, pingChecks)
	rules := make([]Rule, len(all))
	for i, c := range all {
		rules[i] = Rule{
			Name:  strings.ReplaceAll(c.rule, " ", "-") + "-" + c.name,
			Text:  c.rule + ": " + contract[c.rule],
			check: c.run,
		}
	}
	return rules
}

// Check returns nil when s keeps the rule. Otherwise the error holds the Text of the
// rule and what was seen, or why the check came to no result, which an outage of the
// store can cause. It wraps [errors.ErrUnsupported] when s lacks the optional interface
// that the rule is about.
//
// It is safe to check several rules at once on one store. The records that a check
// made are deleted when it returns.
func (r Rule) Check(ctx context.Context, s store.Store) (err error) {
	t := &trial{ctx: ctx, store: s}
	defer t.cleanUp()
	defer func() {
		if t.verdict == nil {
			return // a panic of the store itself goes its way
		}
		recover()
		var b breach
		switch {
		case errors.As(t.verdict, &b):
			err = fmt.Errorf("storetest: broken rule: %s\nseen: %w", r.Text, b)
		case errors.Is(t.verdict, errors.ErrUnsupported):
			err = t.verdict
		default:
			err = fmt.Errorf("storetest: not checked: %s\nbecause: %w", r.Text, t.verdict)
		}
	}()
	r.check(t)
	return nil
}

// A check belongs to the rule that it quotes when it fails.
type check struct {
	rule string // in contract
	name string
	run  func(*trial)
}
