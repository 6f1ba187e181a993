//go:build unix

package filestore_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/filestore"
)

// plant puts something in place of the file of a session.
type plant func(t *testing.T, dir, path string)

func content(text string) plant {
	return func(t *testing.T, _, path string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// foreign are things that are no record, by what Load says of them.
func foreign(t *testing.T) map[string]plant {
	outside := filepath.Join(t.TempDir(), "outside.json")
	content(`{"key":"k","version":1,"owner":"","expires":99999999999999,"fields":{}}`+"\n")(t, "", outside)
	return map[string]plant{
		"a key and a version":                                 content(""),
		"a key and a version\x00":                             content(`{"cookie":{},"user":7}`),
		"its key is not a string":                             content(`{"key":7,"version":1,"owner":"","expires":1,"fields":{}}` + "\n"),
		"its key is not a string\x00":                         content(`{"key":"a"b","version":1,"owner":"","expires":1,"fields":{}}` + "\n"),
		"the version is not":                                  content(`{"key":"k","version":0,"owner":"","expires":99999999999999,"fields":{}}` + "\n"),
		"it does not end with a line feed\x00 whole":          content(`{"key":"k","version":1,"owner":"","expires":99999999999999,"fields":{}}`),
		"it does not end with a line feed":                    content(`{"key":"k","version":1,"owner":"","expires":99999999999999,"fie`),
		"not JSON":                                            content(`{"key":"k","version":1,"owner":"","expires":99999999999999,"fields":{"a":1,"b":}}` + "\n"),
		"its key belongs to a file of another name":           content(`{"key":"other","version":1,"owner":"","expires":99999999999999,"fields":{}}` + "\n"),
		"has 16777217 bytes, and none has more than 16777216": content(strings.Repeat("x", 16<<20+1)),
		"it is not a file\x00a directory": func(t *testing.T, _, path string) {
			if err := os.MkdirAll(filepath.Join(path, "x"), 0o700); err != nil {
				t.Fatal(err)
			}
		},
		"it is not a file\x00a pipe": func(t *testing.T, _, path string) {
			if err := syscall.Mkfifo(path, 0o600); err != nil {
				t.Fatal(err)
			}
		},
		"it is a symbolic link": func(t *testing.T, _, path string) {
			if err := os.Symlink(outside, path); err != nil {
				t.Fatal(err)
			}
		},
		"it is a symbolic link\x00 relative": func(t *testing.T, dir, path string) {
			content(`{"key":"k","version":1,"owner":"","expires":99999999999999,"fields":{}}`+"\n")(t, "", filepath.Join(dir, "..", "beside.json"))
			if err := os.Symlink("../../beside.json", path); err != nil {
				t.Fatal(err)
			}
		},
	}
}

func TestWhatIsNoRecordIsToldWithItsPathAndLeft(t *testing.T) {
	for words, plant := range foreign(t) {
		words, _, _ = strings.Cut(words, "\x00")
		t.Run(words, func(t *testing.T) {
			dir := fresh(t)
			s := open(t, dir, filestore.SyncNone)
			create(t, s, "k", "u")
			path := pathOf(dir, "k")
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
			plant(t, dir, path)
			before, err := os.Lstat(path)
			if err != nil {
				t.Fatal(err)
			}
			told := func(call string, err error) {
				t.Helper()
				if !errors.Is(err, store.ErrMalformed) || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), words) {
					t.Errorf("%s: %v", call, err)
				}
				after, err := os.Lstat(path)
				if err != nil || !os.SameFile(before, after) || before.Size() != after.Size() || before.ModTime() != after.ModTime() {
					t.Errorf("%s altered it: %v, %v", call, after, err)
				}
			}
			_, err = s.Load(t.Context(), "k")
			told("Load", err)
			_, err = s.Save(t.Context(), "k", store.Change{Set: fields(t, "a", "2")})
			told("Save", err)
			_, err = s.Save(t.Context(), "k", store.Change{Create: true, ExpiresAt: later()})
			told("Create", err)
			removed, err := s.Sweep(t.Context(), 10)
			told("Sweep", err)
			if removed != 0 {
				t.Errorf("Sweep removed %d", removed)
			}
			for walk, seq := range map[string]func(func(string, error) bool){"List": s.List(t.Context()), "ListOwner": s.ListOwner(t.Context(), "u")} {
				seq(func(key string, err error) bool {
					t.Errorf("%s yields %q, %v", walk, key, err)
					return true
				})
			}
			if before.IsDir() {
				return // which Delete does not remove, as it is not empty
			}
			if err := s.Delete(t.Context(), "k"); err != nil {
				t.Errorf("Delete: %v", err)
			}
			create(t, s, "k", "")
			if _, err := s.Load(t.Context(), "k"); err != nil {
				t.Error(err)
			}
		})
	}
}

// The cut can be behind what Sweep and List read of a large record.
func TestALargeRecordThatIsCutOffIsNotSwept(t *testing.T) {
	dir := fresh(t)
	s := open(t, dir, filestore.SyncNone)
	large := `"` + strings.Repeat("x", 64<<10) + `"`
	if _, err := s.Save(t.Context(), "k", store.Change{Create: true, Set: fields(t, "large", large), ExpiresAt: later()}); err != nil {
		t.Fatal(err)
	}
	if n, err := s.Sweep(t.Context(), 10); n != 0 || err != nil {
		t.Errorf("Sweep returned %d, %v", n, err)
	}
	if err := os.Truncate(pathOf(dir, "k"), 50<<10); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Load(t.Context(), "k"); !errors.Is(err, store.ErrMalformed) {
		t.Error(err)
	}
	n, err := s.Sweep(t.Context(), 10)
	if n != 0 || !errors.Is(err, store.ErrMalformed) || !strings.Contains(err.Error(), pathOf(dir, "k")) {
		t.Errorf("Sweep returned %d, %v", n, err)
	}
}

func TestSweepRemovesWhatIsDueAmongForeignFilesAndThenTellsOfThem(t *testing.T) {
	dir := fresh(t)
	s := open(t, dir, filestore.SyncNone)
	var planted []string
	for i := range 20 {
		key := fmt.Sprint(i)
		create(t, s, key, "u")
		if i%2 == 0 {
			if _, err := s.Save(t.Context(), key, store.Change{ExpiresAt: later().Add(-2 * 60 * 60 * 1e9)}); err != nil {
				t.Fatal(err)
			}
		}
		path := pathOf(dir, key)
		names := []string{"README", "x.json", strings.ToUpper(filepath.Base(path)), filepath.Base(path) + "~", hexSum("z") + ".json"}
		odd := filepath.Join(filepath.Dir(path), names[i%len(names)])
		content("not ours")(t, "", odd)
		planted = append(planted, odd)
	}
	content("")(t, "", filepath.Join(dir, "lost+found")) // what is not in a directory of ours is none of our business
	if n, err := s.Sweep(t.Context(), 3); n != 3 || err != nil {
		t.Errorf("Sweep of a few returned %d, %v, and more is due", n, err)
	}
	removed, err := s.Sweep(t.Context(), 100)
	if removed != 7 || !errors.Is(err, store.ErrMalformed) || !strings.Contains(err.Error(), "20 left as found") || !strings.HasSuffix(err.Error(), "; and more") {
		t.Errorf("Sweep returned %d, %v", removed, err)
	}
	named := slices.DeleteFunc(slices.Clone(planted), func(path string) bool { return err == nil || !strings.Contains(err.Error(), path) })
	if len(named) != 8 {
		t.Errorf("%d are named, want 8: %v", len(named), err)
	}
	for _, path := range planted {
		if text, err := os.ReadFile(path); err != nil || string(text) != "not ours" {
			t.Errorf("%s: %q, %v", path, text, err)
		}
	}
	for i := 1; i < 20; i += 2 {
		if _, err := s.Load(t.Context(), fmt.Sprint(i)); err != nil {
			t.Error(err)
		}
	}
}

// A directory of the tree can be a symbolic link too.
func TestNothingIsWrittenThroughASymbolicLinkOutOfTheTree(t *testing.T) {
	dir, outside := fresh(t), t.TempDir()
	s := open(t, dir, filestore.SyncNone)
	folder := filepath.Dir(pathOf(dir, "k"))
	if err := os.Symlink(outside, folder); err != nil {
		t.Fatal(err)
	}
	_, load := s.Load(t.Context(), "k")
	_, save := s.Save(t.Context(), "k", store.Change{Create: true, ExpiresAt: later()})
	_, sweep := s.Sweep(t.Context(), 1)
	for call, err := range map[string]error{"Load": load, "Save": save, "Delete": s.Delete(t.Context(), "k"), "Sweep": sweep} {
		if err == nil || errors.Is(err, store.ErrNotFound) || !strings.Contains(err.Error(), "escapes") {
			t.Errorf("%s: %v", call, err)
		}
	}
	if all := files(t, outside); len(all) != 0 {
		t.Errorf("there are %v", all)
	}
	// The file that is being written can be one as well.
	if err := os.Remove(folder); err != nil {
		t.Fatal(err)
	}
	create(t, s, "k", "")
	target := filepath.Join(outside, "target")
	content("untouched")(t, "", target)
	if err := os.Symlink(target, filepath.Join(folder, ".cloakroom-tmp")); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Save(t.Context(), "k", store.Change{Set: fields(t, "a", "2")}); err != nil {
		t.Error(err)
	}
	if text, err := os.ReadFile(target); err != nil || string(text) != "untouched" {
		t.Errorf("%q, %v", text, err)
	}
}
