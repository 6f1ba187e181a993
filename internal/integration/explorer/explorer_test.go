package explorer

import (
	"testing"
	"testing/synctest"

	"github.com/cloakroom-go/cloakroom/store"
)

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
