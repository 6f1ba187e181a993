package storetest_test

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/storetest"
)

// A broken store has one thing wrong with it; breaks names the rules whose checks must
// see that. It may well break more.
type broken struct {
	name   string
	open   func() store.Store
	breaks []string
}

func shelf() []broken {
	return slices.Concat(brokenKeys, brokenExpiry, brokenContext, brokenLoads, brokenContent, brokenSaves,
		brokenConditions, brokenVersions, brokenBases, brokenDeletes, brokenWalks, brokenOwners, brokenSweeps)
}

func TestABrokenStoreFailsWithTheWordsOfItsRule(t *testing.T) {
	rules := map[string]storetest.Rule{}
	for _, rule := range storetest.Rules() {
		rules[rule.Name] = rule
	}
	for _, b := range shelf() {
		for _, name := range b.breaks {
			t.Run(b.name+"/"+name, func(t *testing.T) {
				rule, ok := rules[name]
				if !ok {
					t.Fatalf("there is no rule %q", name)
				}
				// Waiting takes no time in a bubble, so a store that never does what it
				// should is found out at once.
				synctest.Test(t, func(t *testing.T) {
					err := rule.Check(t.Context(), b.open())
					time.Sleep(2 * time.Hour) // what the store left under way comes to its end
					if err == nil {
						t.Fatal("the examiner saw nothing")
					}
					if want := "storetest: broken rule: " + rule.Text + "\nseen: "; !strings.HasPrefix(err.Error(), want) {
						t.Errorf("the words are\n%v\nwant\n%s...", err, want)
					}
					t.Log(err)
				})
			})
		}
	}
}

// A check that no store fails would say nothing when a store passes it.
func TestEveryRuleFindsABrokenStore(t *testing.T) {
	var broken []string
	for _, b := range shelf() {
		broken = append(broken, b.breaks...)
	}
	for _, rule := range storetest.Rules() {
		if !slices.Contains(broken, rule.Name) {
			t.Errorf("no store on the shelf breaks %s", rule.Name)
		}
	}
}
