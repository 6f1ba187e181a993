package explorer

import (
	"testing"

	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/filestore"
)

// inFiles returns a store in a folder of its own, opened in the bubble.
func inFiles(t *testing.T) store.Store {
	t.Helper()
	s, err := filestore.New(t.TempDir(), &filestore.Options{Sync: filestore.SyncNone})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestPromisesHoldOnFiles(t *testing.T) { Explore(t, inFiles, Reduced()) }
