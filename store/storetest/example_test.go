package storetest_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/storetest"
)

// The whole test of a store. Here it is not called, for want of a test.
func ExampleRun() {
	testStore := func(t *testing.T) {
		storetest.Run(t, func(t *testing.T) store.Store {
			return newMapStore()
		})
	}
	fmt.Printf("%T\n", testStore)
	// Output: func(*testing.T)
}

// A tool that looks at a store without package testing. This store forgets to look
// whether there is something to edit.
func ExampleRules() {
	forgetful := changing(func(_ store.Record, live bool, c *store.Change) {
		c.Create = c.Create || !live
	})()
	for _, rule := range storetest.Rules() {
		if !strings.HasPrefix(rule.Name, "Save-1-") {
			continue
		}
		switch err := rule.Check(context.Background(), forgetful); {
		case errors.Is(err, errors.ErrUnsupported):
			fmt.Println(rule.Name, "skipped:", err)
		case err != nil:
			fmt.Println(rule.Name, "broken:", rule.Text)
		default:
			fmt.Println(rule.Name, "kept")
		}
	}
	// Output:
	// Save-1-missing broken: Save 1: Without Create the record must be live, else ErrNotFound. Save never revives a record that was deleted or has expired.
	// Save-1-deleted broken: Save 1: Without Create the record must be live, else ErrNotFound. Save never revives a record that was deleted or has expired.
	// Save-1-expired broken: Save 1: Without Create the record must be live, else ErrNotFound. Save never revives a record that was deleted or has expired.
}
