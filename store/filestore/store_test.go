package filestore_test

import (
	"path/filepath"
	"testing"

	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/filestore"
	"github.com/cloakroom-go/cloakroom/store/kvstore"
	"github.com/cloakroom-go/cloakroom/store/kvstore/kvtest"
	"github.com/cloakroom-go/cloakroom/store/storetest"
)

func open(t testing.TB, dir string, sync filestore.Sync) *filestore.Store {
	t.Helper()
	s, err := filestore.New(dir, &filestore.Options{Sync: sync})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func TestEveryRuleHolds(t *testing.T) {
	for name, sync := range map[string]filestore.Sync{"SyncFull": filestore.SyncFull, "SyncNone": filestore.SyncNone} {
		t.Run(name, func(t *testing.T) {
			s := open(t, filepath.Join(t.TempDir(), "sessions"), sync)
			storetest.Run(t, func(*testing.T) store.Store { return s })
		})
	}
}

func TestEveryRuleOfAKVHolds(t *testing.T) {
	for name, options := range map[string]*filestore.KVOptions{
		"defaults": nil,
	} {
		t.Run(name, func(t *testing.T) {
			kv, err := filestore.NewKV(t.TempDir(), options)
			if err != nil {
				t.Fatal(err)
			}
			kvtest.Run(t, func(*testing.T) kvstore.KV { return kv })
		})
	}
}
