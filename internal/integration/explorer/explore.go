package explorer

import (
	"testing"
	"testing/synctest"

	"github.com/cloakroom-go/cloakroom/store"
)

// Explore runs all schedules of a set over the store that open returns, and fails the
// test with the shortest one in which manager and store do not keep a promise. Each part
// of the set is a parallel subtest with a store of its own.
//
// open is called in the bubble, so that the goroutines of the store belong there and its
// clock is the bubble's. That suits stores within the process. What goes on in another
// one is for [ExploreServer].
func Explore(t *testing.T, open func(*testing.T) store.Store, set Set) {
	for name, settings := range set {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			keeps(t, open, settings)
		})
	}
}

// ExploreServer is [Explore] over a store whose records are kept by a server, and which
// was opened outside of any bubble. All parts of the set share it: requests make sessions
// of their own.
func ExploreServer(t *testing.T, server store.Store, set Set) {
	for name, settings := range set {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := bridgeTo(t, server)
			keeps(t, func(*testing.T) store.Store { return b }, settings)
		})
	}
}

// keeps explores the settings, and fails the test with the shortest schedule in which
// manager and store do not keep a promise.
func keeps(t *testing.T, open func(*testing.T) store.Store, settings []setting) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		schedules, found := explore(open(t), settings, false)
		t.Logf("%d settings, %d schedules", len(settings), schedules)
		if found != nil {
			t.Error(found)
		}
	})
}
