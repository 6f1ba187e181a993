//go:build unix

package filestore

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
)

// A recorder stands in for the disk of a Store: it notes what is to be on it, and what the
// file of the key "k" holds in that moment.
type recorder struct {
	dir    string
	events []string
	fail   string // the event that fails
}

var errDisk = errors.New("input/output error")

func record(t *testing.T, sync Sync) (*Store, *recorder) {
	t.Helper()
	r := &recorder{dir: filepath.Join(t.TempDir(), "sessions")}
	s, err := New(r.dir, &Options{Sync: sync})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	s.sync = r.note
	if sync == SyncFull {
		s.flush = r.note
	}
	return s, r
}

func (r *recorder) note(f *os.File) error {
	name, err := filepath.Rel(r.dir, f.Name())
	if err != nil {
		return err
	}
	name = filepath.Clean(name)
	if folder := folderName(digestOf("k").number()); strings.HasPrefix(name, folder) {
		name = "folder" + name[len(folder):]
	}
	if strings.HasPrefix(name, ownersFolder+"/") {
		name = "owners/.."
	}
	n := "none"
	if d, err := os.ReadFile(filepath.Join(r.dir, digestOf("k").path())); err == nil {
		if n = "1"; strings.Contains(string(d), `"n":2`) {
			n = "2"
		}
	}
	event := fmt.Sprintf("%s with %s", name, n)
	r.events = append(r.events, event)
	if event == r.fail {
		return errDisk
	}
	return nil
}

func (r *recorder) expect(t *testing.T, what string, want ...string) {
	t.Helper()
	if !slices.Equal(r.events, want) {
		t.Errorf("%s: on the disk are\n%q, want\n%q", what, r.events, want)
	}
	r.events = nil
}

func set(t *testing.T, s *Store, n string, create bool, owner *string) error {
	t.Helper()
	f, err := store.NewFields(store.Field{Name: "n", Value: n})
	if err != nil {
		t.Fatal(err)
	}
	c := store.Change{Create: create, Set: f, Owner: owner}
	if create {
		c.ExpiresAt = time.Now().Add(time.Hour)
	}
	_, err = s.Save(context.Background(), "k", c)
	return err
}

func mustSet(t *testing.T, s *Store, n string, create bool, owner *string) {
	t.Helper()
	if err := set(t, s, n, create, owner); err != nil {
		t.Fatal(err)
	}
}

// A file is on the disk before it gets its name, and the name before the call returns.
func TestWhatIsAcknowledgedIsOnTheDisk(t *testing.T) {
	s, r := record(t, SyncFull)
	mustSet(t, s, "1", true, nil)
	r.expect(t, "the first Create", ". with none", "folder/.cloakroom-tmp with none", "folder with 1")
	mustSet(t, s, "2", false, nil)
	r.expect(t, "Save", "folder/.cloakroom-tmp with 1", "folder with 2")
	owner := "u"
	mustSet(t, s, "1", false, &owner)
	r.expect(t, "Save of the first owner", ". with 2", "owners with 2", "owners/.. with 2", "folder/.cloakroom-tmp with 2", "folder with 1")
	mustSet(t, s, "2", false, &owner)
	r.expect(t, "Save of the same owner", "folder/.cloakroom-tmp with 1", "folder with 2")
	for range 2 { // the first of two may have failed in the end, or be under way elsewhere
		if err := s.Delete(t.Context(), "k"); err != nil {
			t.Fatal(err)
		}
		r.expect(t, "Delete", "folder with none")
	}
}

func TestWithoutSyncOnlyTheIndexOfOwnersIsWaitedFor(t *testing.T) {
	s, r := record(t, SyncNone)
	owner := "u"
	mustSet(t, s, "1", true, &owner)
	r.expect(t, "the first Create", ". with none", ". with none", "owners with none", "owners/.. with none")
	mustSet(t, s, "2", false, &owner)
	if err := s.Delete(t.Context(), "k"); err != nil {
		t.Fatal(err)
	}
	r.expect(t, "Save and Delete")
	mustSet(t, s, "1", true, &owner)
	r.expect(t, "Create", "owners/.. with none")
}

func TestADiskThatFailsIsAnOutageAndLeavesAWholeRecord(t *testing.T) {
	owner := "v"
	for _, tc := range []struct {
		event  string
		owner  *string
		landed bool
	}{
		{"folder/.cloakroom-tmp with 1", nil, false},
		{"folder with 2", nil, true}, // it may or may not be there after a crash
		{"owners/.. with 1", &owner, false},
	} {
		s, r := record(t, SyncFull)
		first := "u"
		mustSet(t, s, "1", true, &first)
		r.fail = tc.event
		err := set(t, s, "2", false, tc.owner)
		if !errors.Is(err, errDisk) || errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrConflict) {
			t.Errorf("%s: %v", tc.event, err)
		}
		rec, err := s.Load(t.Context(), "k")
		if n, _ := rec.Fields.Get("n"); err != nil || n == "2" != tc.landed || rec.Owner != first {
			t.Errorf("%s: Load returned %+v, %v", tc.event, rec, err)
		}
		if _, err := os.Stat(filepath.Join(r.dir, folderName(digestOf("k").number()), temporary)); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: the temporary file was left: %v", tc.event, err)
		}
		r.fail = ""
		mustSet(t, s, "2", false, nil)
		r.fail = "folder with none"
		if err := s.Delete(t.Context(), "k"); !errors.Is(err, errDisk) {
			t.Errorf("%s: Delete: %v", tc.event, err)
		}
	}
}

func TestNamesOfADirectoryComeAPageAtATime(t *testing.T) {
	dir := t.TempDir()
	const all = 5*page + 1
	for i := range all {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprint(i)), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	total := 0
	err = eachName(t.Context(), root, ".", func(names []string) error {
		if total += len(names); len(names) > page {
			t.Errorf("%d names at once", len(names))
		}
		return nil
	})
	if err != nil || total != all {
		t.Errorf("%d names, %v", total, err)
	}
}

// A call that has removed its limit leaves the rest to the next one, which does not begin at
// the front: else whoever sweeps a little at a time would never get to the back.
func TestSweepGoesOnWhereItStopped(t *testing.T) {
	s, _ := record(t, SyncNone)
	over := time.Now().Add(-time.Hour)
	const due = 40
	for i := range due {
		if _, err := s.Save(t.Context(), fmt.Sprint(i), store.Change{Create: true, ExpiresAt: over}); err != nil {
			t.Fatal(err)
		}
	}
	var stops []uint32
	for range due {
		if n, err := s.Sweep(t.Context(), 1); n != 1 || err != nil {
			t.Fatalf("Sweep returned %d, %v", n, err)
		}
		stops = append(stops, s.swept.Load())
	}
	if !slices.IsSorted(stops) || stops[0] == stops[due-1] {
		t.Errorf("it stopped at the folders %v", stops)
	}
	if n, err := s.Sweep(t.Context(), 1); n != 0 || err != nil {
		t.Errorf("Sweep returned %d, %v", n, err)
	}
}
