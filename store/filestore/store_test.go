//go:build unix

package filestore_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/filestore"
	"github.com/cloakroom-go/cloakroom/store/storetest"
)

func TestEveryRuleHolds(t *testing.T) {
	t.Parallel() // it waits for the disk most of the time
	s := open(t, fresh(t), filestore.SyncFull)
	storetest.Run(t, func(*testing.T) store.Store { return s })
}

// Two Stores in one directory are what two processes have.
func TestEveryRuleHoldsForTwoStoresInOneDirectory(t *testing.T) {
	t.Parallel()
	dir := fresh(t)
	two := &alternating{Store: open(t, dir, filestore.SyncNone), other: open(t, dir, filestore.SyncNone)}
	storetest.Run(t, func(*testing.T) store.Store { return two })
}

// fresh returns a directory that is not there yet.
func fresh(t testing.TB) string { return filepath.Join(t.TempDir(), "sessions") }

func open(t testing.TB, dir string, sync filestore.Sync) *filestore.Store {
	t.Helper()
	s, err := filestore.New(dir, &filestore.Options{Sync: sync})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func fields(t testing.TB, pairs ...string) store.Fields {
	t.Helper()
	list := make([]store.Field, 0, len(pairs)/2)
	for i := 0; i+1 < len(pairs); i += 2 {
		list = append(list, store.Field{Name: pairs[i], Value: pairs[i+1]})
	}
	f, err := store.NewFields(list...)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func later() time.Time { return time.Now().Add(time.Hour) }

// create makes a record with one field.
func create(t testing.TB, s store.Store, key, owner string) {
	t.Helper()
	if _, err := s.Save(t.Context(), key, store.Change{Create: true, Set: fields(t, "a", "1"), Owner: &owner, ExpiresAt: later()}); err != nil {
		t.Fatal(err)
	}
}

// files returns all files under dir, by their names from there.
func files(t testing.TB, dir string) map[string]fs.FileInfo {
	t.Helper()
	found := map[string]fs.FileInfo{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		found[name], err = d.Info()
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// pathOf is where the comment of the package says that a session is.
func pathOf(dir, key string) string {
	sum := hexSum(key)
	return filepath.Join(dir, sum[:2], sum+".json")
}

func TestNewMakesAPrivateDirectoryAndRefusesOneThatOthersMayWriteTo(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	s := open(t, dir, filestore.SyncFull)
	create(t, s, "k", "u")
	err := filepath.WalkDir(filepath.Dir(dir), func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		want := fs.FileMode(0o600)
		if d.IsDir() {
			want = 0o700
		}
		if info.Mode().Perm() != want {
			t.Errorf("%s has mode %v, want %v", path, info.Mode(), want)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	for mode, good := range map[fs.FileMode]bool{0o700: true, 0o750: true, 0o755: true, 0o770: false, 0o702: false, 0o777 | fs.ModeSticky: false} {
		other := t.TempDir()
		if err := os.Chmod(other, mode); err != nil {
			t.Fatal(err)
		}
		s, err := filestore.New(other, nil)
		switch {
		case good && err != nil:
			t.Errorf("%v: %v", mode, err)
		case good:
			_ = s.Close()
		case err == nil || !strings.Contains(err.Error(), other) || !strings.Contains(err.Error(), "chmod 700"):
			t.Errorf("%v: %v", mode, err)
		}
	}
}

func TestNewRefusesWhatCannotWorkAndSaysWhy(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name, dir string
		options   *filestore.Options
		words     []string
	}{
		{"no directory", "", nil, []string{"dir is empty"}},
		{"a file", file, nil, []string{file, "not a directory"}},
		{"below a file", filepath.Join(file, "x"), nil, []string{file, "not a directory"}},
		{"an unknown Sync", fresh(t), &filestore.Options{Sync: 7}, []string{"Options.Sync", "7", "SyncFull"}},
	} {
		s, err := filestore.New(tc.dir, tc.options)
		if s != nil || err == nil {
			t.Errorf("%s: taken", tc.name)
			continue
		}
		for _, word := range append(tc.words, "filestore: ") {
			if !strings.Contains(err.Error(), word) {
				t.Errorf("%s: %q does not say %q", tc.name, err, word)
			}
		}
	}
}

func TestASessionIsOneReadableFileAtTheDigestOfItsKey(t *testing.T) {
	dir := fresh(t)
	s := open(t, dir, filestore.SyncFull)
	owner, end := "7", time.UnixMilli(later().UnixMilli())
	version, err := s.Save(t.Context(), "key <&> \"ü\"", store.Change{Create: true, Owner: &owner, Set: fields(t, "visits", "3"), ExpiresAt: end})
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(pathOf(dir, "key <&> \"ü\""))
	want := fmt.Sprintf(`{"key":"key <&> \"ü\"","version":%d,"owner":"7","expires":%d,"fields":{"visits":3}}`+"\n", version, end.UnixMilli())
	if err != nil || string(got) != want {
		t.Errorf("the file holds\n%s\nwant\n%s (%v)", got, want, err)
	}
	if all := files(t, dir); len(all) != 2 { // and the entry of the owner
		t.Errorf("there are %v", all)
	}
	if err := s.Delete(t.Context(), "key <&> \"ü\""); err != nil {
		t.Fatal(err)
	}
	if all := files(t, dir); len(all) != 0 {
		t.Errorf("after Delete there are %v", all)
	}
}

// A backup that restores times, a scan that reads, a mount without times: none of it counts.
func TestTimesOfFilesMeanNothing(t *testing.T) {
	dir := fresh(t)
	s := open(t, dir, filestore.SyncNone)
	create(t, s, "live", "u")
	create(t, s, "over", "u")
	if _, err := s.Save(t.Context(), "over", store.Change{ExpiresAt: time.Now().Add(-time.Hour)}); err != nil {
		t.Fatal(err)
	}
	for key, at := range map[string]time.Time{"live": time.Unix(1, 0), "over": time.Now().Add(1000 * time.Hour)} {
		if err := os.Chtimes(pathOf(dir, key), at, at); err != nil {
			t.Fatal(err)
		}
	}
	if removed, err := s.Sweep(t.Context(), 10); removed != 1 || err != nil {
		t.Errorf("Sweep returned %d, %v", removed, err)
	}
	if _, err := s.Load(t.Context(), "live"); err != nil {
		t.Error(err)
	}
	if _, err := s.Load(t.Context(), "over"); !errors.Is(err, store.ErrNotFound) {
		t.Error(err)
	}
}

func TestARecordThatIsTooLargeIsRefusedWithBothSizes(t *testing.T) {
	dir := fresh(t)
	s := open(t, dir, filestore.SyncNone)
	create(t, s, "k", "")
	before, err := os.ReadFile(pathOf(dir, "k"))
	if err != nil {
		t.Fatal(err)
	}
	large := `"` + strings.Repeat("x", 16<<20) + `"`
	for key, change := range map[string]store.Change{
		"k":   {Set: fields(t, "large", large)},
		"new": {Create: true, Set: fields(t, "large", large), ExpiresAt: later()},
	} {
		_, err = s.Save(t.Context(), key, change)
		if err == nil || !strings.Contains(err.Error(), "16777216") || !strings.Contains(err.Error(), "takes 167773") {
			t.Errorf("%s: %v", key, err)
		}
	}
	after, err := os.ReadFile(pathOf(dir, "k"))
	if err != nil || string(before) != string(after) || len(files(t, dir)) != 1 {
		t.Errorf("something was written: %v", err)
	}
	if _, err := s.Save(t.Context(), "k", store.Change{Set: fields(t, "large", large[:16<<20-1000]+`"`)}); err != nil {
		t.Error(err)
	}
	if _, err := s.Load(t.Context(), "k"); err != nil {
		t.Error(err)
	}
}

// What package store does not allow for a key is refused before anything is touched.
func TestKeysThatAreNoneAreRefused(t *testing.T) {
	dir := fresh(t)
	s := open(t, dir, filestore.SyncNone)
	for _, key := range []string{"", strings.Repeat("x", 257), "a\x00b", "a\xff"} {
		_, load := s.Load(t.Context(), key)
		_, save := s.Save(t.Context(), key, store.Change{Create: true, ExpiresAt: later()})
		for call, err := range map[string]error{"Load": load, "Save": save, "Delete": s.Delete(t.Context(), key)} {
			if err == nil || errors.Is(err, store.ErrNotFound) || !strings.Contains(err.Error(), "the key") {
				t.Errorf("%s of %.10q: %v", call, key, err)
			}
		}
	}
	if all := files(t, dir); len(all) != 0 {
		t.Errorf("there are %v", all)
	}
}

func FuzzKey(f *testing.F) {
	for _, key := range []string{"a", "../../etc/passwd", "/", ".", "..", "CON", "a/b", `a\b`, "$a", "\n", "\u2028", "\ufffd", ",\"version\":", "\",\"fields\":{}", strings.Repeat("\x01", 256)} {
		f.Add(key, key+"x")
	}
	parent := f.TempDir()
	dir := filepath.Join(parent, "sessions")
	s := open(f, dir, filestore.SyncNone)
	f.Fuzz(func(t *testing.T, key, owner string) {
		want := fields(t, "a", "1")
		_, err := s.Save(t.Context(), key, store.Change{Create: true, Set: want, Owner: &owner, ExpiresAt: later()})
		if err != nil {
			return // a key or an owner that is none
		}
		rec, err := s.Load(t.Context(), key)
		if err != nil || rec.Owner != owner || rec.Fields != want {
			t.Fatalf("%q: %+v, %v", key, rec, err)
		}
		if _, err := os.Stat(pathOf(dir, key)); err != nil {
			t.Fatal(err)
		}
		all := map[string]bool{}
		for got, err := range s.List(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			all[got] = true
		}
		if all[key] == strings.HasPrefix(key, "$") {
			t.Fatalf("List has %q: %v", key, all)
		}
		for got, err := range s.ListOwner(t.Context(), owner) {
			if err != nil || !all[got] {
				t.Fatalf("ListOwner of %q has %q: %v", owner, got, err)
			}
			delete(all, got)
		}
		if all[key] && owner != "" {
			t.Fatalf("ListOwner of %q lacks %q", owner, key)
		}
		if removed, err := s.Sweep(t.Context(), 10); removed != 0 || err != nil {
			t.Fatalf("Sweep with %q: %d, %v", key, removed, err)
		}
		if err := s.Delete(t.Context(), key); err != nil {
			t.Fatal(err)
		}
		beside, err := os.ReadDir(parent)
		if err != nil || len(beside) != 1 || len(files(t, dir)) != 0 {
			t.Fatalf("%q left %v and %v, %v", key, beside, files(t, dir), err)
		}
	})
}

func TestPingSaysWhenTheDirectoryIsGoneOrAnother(t *testing.T) {
	dir := fresh(t)
	s := open(t, dir, filestore.SyncNone)
	create(t, s, "k", "")
	if err := s.Ping(t.Context()); err != nil {
		t.Error(err)
	}
	if err := os.Rename(dir, dir+".old"); err != nil {
		t.Fatal(err)
	}
	if err := s.Ping(t.Context()); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := s.Ping(t.Context()); err == nil || !strings.Contains(err.Error(), "replaced") {
		t.Error(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if err := s.Ping(t.Context()); !errors.Is(err, fs.ErrClosed) {
		t.Error(err)
	}
	if _, err := s.Load(t.Context(), "k"); !errors.Is(err, fs.ErrClosed) {
		t.Error(err)
	}
}

// Removing everything by hand signs everybody out, and is no reason to start again.
func TestTheTreeGrowsAgainWhenItWasRemoved(t *testing.T) {
	dir := fresh(t)
	s := open(t, dir, filestore.SyncFull)
	create(t, s, "k", "u")
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if err := os.RemoveAll(filepath.Join(dir, e.Name())); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Load(t.Context(), "k"); !errors.Is(err, store.ErrNotFound) {
		t.Error(err)
	}
	if _, err := s.Save(t.Context(), "k", store.Change{}); !errors.Is(err, store.ErrNotFound) {
		t.Error(err)
	}
	if err := s.Delete(t.Context(), "k"); err != nil {
		t.Error(err)
	}
	create(t, s, "k", "u")
	for key, err := range s.ListOwner(t.Context(), "u") {
		if key != "k" || err != nil {
			t.Error(key, err)
		}
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	_, err = s.Save(t.Context(), "k", store.Change{Create: true, ExpiresAt: later()})
	if !errors.Is(err, fs.ErrNotExist) || errors.Is(err, store.ErrNotFound) {
		t.Errorf("Save where the directory is gone: %v", err)
	}
}
