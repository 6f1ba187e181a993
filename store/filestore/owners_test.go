//go:build unix

package filestore_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/filestore"
)

// entryOf is where the comment of the package says that the index has a session of an owner.
func entryOf(dir, key, owner string) string {
	sum := hexSum(owner)
	return filepath.Join(dir, "owners", sum[:2], sum+"."+hexSum(key))
}

func owned(t *testing.T, s store.OwnerLister, owner string) map[string]int {
	t.Helper()
	got := map[string]int{}
	for key, err := range s.ListOwner(t.Context(), owner) {
		if err != nil {
			t.Fatal(err)
		}
		got[key]++
	}
	return got
}

// What a process that was killed leaves in the index is no session of anybody, and goes when
// it is seen.
func TestTheIndexOfOwnersHealsItself(t *testing.T) {
	dir := fresh(t)
	s := open(t, dir, filestore.SyncNone)
	create(t, s, "mine", "u")
	create(t, s, "yours", "v")
	create(t, s, "nobody's", "")
	create(t, s, "$reserved", "u")
	create(t, s, "over", "u")
	if _, err := s.Save(t.Context(), "over", store.Change{ExpiresAt: time.Now().Add(-time.Hour)}); err != nil {
		t.Fatal(err)
	}
	wrong := []string{"yours", "nobody's", "$reserved", "missing"}
	for _, key := range wrong {
		content("")(t, "", entryOf(dir, key, "u"))
	}
	content("")(t, "", filepath.Join(dir, "owners", hexSum("u")[:2], hexSum("u")+".x")) // not ours
	for range 2 {
		if got := owned(t, s, "u"); len(got) != 1 || got["mine"] != 1 {
			t.Errorf("ListOwner yields %v", got)
		}
	}
	for _, key := range wrong {
		if _, err := os.Stat(entryOf(dir, key, "u")); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("the entry of %s is still there: %v", key, err)
		}
	}
	for key, owner := range map[string]string{"mine": "u", "yours": "v", "over": "u"} {
		if _, err := os.Stat(entryOf(dir, key, owner)); err != nil {
			t.Error(err)
		}
	}
}

func TestTheIndexOfOwnersIsEmptyWhenAllRecordsHaveEnded(t *testing.T) {
	dir := fresh(t)
	s := open(t, dir, filestore.SyncNone)
	for i := range 30 {
		key, next := fmt.Sprint(i), "v"
		create(t, s, key, "u")
		if i%2 == 0 {
			if _, err := s.Save(t.Context(), key, store.Change{Owner: &next}); err != nil {
				t.Fatal(err)
			}
		}
		switch i % 3 {
		case 0:
			if err := s.Delete(t.Context(), key); err != nil {
				t.Fatal(err)
			}
		case 1:
			if _, err := s.Save(t.Context(), key, store.Change{ExpiresAt: time.Now().Add(-time.Hour)}); err != nil {
				t.Fatal(err)
			}
		case 2:
			if _, err := s.Save(t.Context(), key, store.Change{ExpiresAt: time.Now().Add(-time.Hour)}); err != nil {
				t.Fatal(err)
			}
			create(t, s, key, "") // in place of an expired one
		}
	}
	if n, err := s.Sweep(t.Context(), 100); n != 10 || err != nil {
		t.Errorf("Sweep returned %d, %v", n, err)
	}
	if all := files(t, filepath.Join(dir, "owners")); len(all) != 0 {
		t.Errorf("there are %v", all)
	}
}

// An entry that is about to be the owner's is not taken for one too much.
func TestHealingRemovesNoEntryOfASaveUnderWay(t *testing.T) {
	dir := fresh(t)
	s, other := open(t, dir, filestore.SyncNone), open(t, dir, filestore.SyncNone)
	create(t, s, "k", "")
	var done atomic.Bool
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			for !done.Load() {
				owned(t, other, "u")
			}
		})
	}
	nobody, user := "", "u"
	for range 300 {
		if _, err := s.Save(t.Context(), "k", store.Change{Owner: &user}); err != nil {
			t.Error(err)
		}
		if got := owned(t, s, "u"); got["k"] != 1 {
			t.Errorf("ListOwner yields %v", got)
		}
		if _, err := s.Save(t.Context(), "k", store.Change{Owner: &nobody}); err != nil {
			t.Error(err)
		}
		content("")(t, "", entryOf(dir, "k", "u")) // as if a process had died here
	}
	done.Store(true)
	wg.Wait()
}
