package kvtest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/cloakroom-go/cloakroom/store/kvstore"
)

// Run checks every rule, each in a subtest of its own with a KV from open. open is called
// with the subtest, one call after the other; it may return the same KV each time.
func Run(t *testing.T, open func(*testing.T) kvstore.KV) {
	for _, rule := range Rules() {
		t.Run(rule.Name, func(t *testing.T) {
			if err := rule.Check(t.Context(), open(t)); err != nil {
				t.Error(err)
			}
		})
	}
}

// Rule is one check of one rule of package kvstore. Many rules have several checks, each a
// Rule with a name of its own.
type Rule struct {
	// Name tells the checks apart: the rule and what is looked at, such as
	// "CompareAndSwap-1-exists".
	Name string
	// Text is the place, the number and the words of the rule, as in the comments of package
	// kvstore: "CompareAndSwap 1: With old nil there must be no live entry at key, ...".
	Text string

	check func(*trial)
}

// Rules returns every check. It is for KVs that take less than any key or value, and say so:
// they leave out what they cannot pass.
func Rules() []Rule {
	all := slices.Concat(keyChecks, expiryChecks, contextChecks, concurrencyChecks, getChecks, swapChecks, deleteChecks)
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

// Check returns nil when kv keeps the rule. Otherwise the error holds the Text of the rule
// and what was seen, or why the check came to no result, which an outage can cause. It is
// safe to check several rules at once on one KV. The entries that a check made are deleted
// when it returns.
func (r Rule) Check(ctx context.Context, kv kvstore.KV) (err error) {
	t := &trial{ctx: ctx, kv: kv}
	defer t.cleanUp()
	defer func() {
		if t.verdict == nil {
			return // a panic of the KV itself goes its way
		}
		recover()
		var b breach
		if errors.As(t.verdict, &b) {
			err = fmt.Errorf("kvtest: broken rule: %s\nseen: %w", r.Text, b)
		} else {
			err = fmt.Errorf("kvtest: not checked: %s\nbecause: %w", r.Text, t.verdict)
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
