package explorer

import (
	"path/filepath"
	"testing"

	"go.etcd.io/bbolt"

	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/boltstore"
)

// inBolt returns a store in a file of its own, opened in the bubble.
func inBolt(t *testing.T) store.Store {
	t.Helper()
	db, err := bbolt.Open(filepath.Join(t.TempDir(), "sessions.bolt"), 0o600, &bbolt.Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	s, err := boltstore.New(db, nil)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestPromisesHoldOnBolt(t *testing.T) { Explore(t, inBolt, Reduced()) }
