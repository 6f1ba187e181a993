package explorer

import (
	"fmt"
	"testing"

	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/memstore"
)

func inMemory(*testing.T) store.Store { return memstore.New(nil) }

// TestPromisesHoldForTwoRequests has every two of the programs meet.
func TestPromisesHoldForTwoRequests(t *testing.T) {
	for _, sc := range []scene{
		{nobody, fresh, true},
		{anonymous, fresh, true},
		{anonymous, stale, true},
		{anonymous, old, true},
		{alice, fresh, true},
		{alice, stale, true},
		{alice, old, true},
		{anonymous, fresh, false},
		{alice, stale, false},
	} {
		list := programs
		if !sc.http {
			list = atOnce()
		}
		for _, other := range []client{browser, fixed} {
			if sc.holder == nobody && other == fixed {
				continue // there is no first cookie
			}
			t.Run(fmt.Sprintf("%v and %v", sc, other), func(t *testing.T) {
				t.Parallel()
				keeps(t, inMemory, pairs(sc, list, other))
			})
		}
	}
}

// TestPromisesHoldForThreeRequests has three meet that do one thing each: those that end
// a session, sign in or renew, and one that writes.
func TestPromisesHoldForThreeRequests(t *testing.T) {
	short := []program{{updateN}, {renew}, {signInAlice}, {signInBob}, {destroy}, {expire}}
	for name, settings := range map[string][]setting{
		"of an anonymous session":   triples(scene{anonymous, fresh, true}, short, browser),
		"of a session of alice":     triples(scene{alice, fresh, false}, short, browser),
		"one with the fixed cookie": triples(scene{anonymous, fresh, false}, short, fixed),
		"while time passes":         triples(scene{alice, stale, true}, []program{{load}, {updateN}, {renew}, {expire}, {sweep}}, browser),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			keeps(t, inMemory, settings)
		})
	}
}
