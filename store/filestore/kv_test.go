//go:build unix

package filestore_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/filestore"
	"github.com/cloakroom-go/cloakroom/store/kvstore"
	"github.com/cloakroom-go/cloakroom/store/kvstore/kvtest"
)

func openKV(t testing.TB, dir string, options *filestore.KVOptions) *filestore.KV {
	t.Helper()
	kv, err := filestore.NewKV(dir, options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = kv.Close() })
	return kv
}

func TestEveryRuleOfAKVHolds(t *testing.T) {
	t.Parallel()
	for name, options := range map[string]*filestore.KVOptions{
		"defaults":           nil,
		"names and lifetime": {Name: func(key string) string { return "sess_" + hexSum(key)[:40] }, TTL: 5 * time.Minute, Sync: filestore.SyncNone},
	} {
		t.Run(name, func(t *testing.T) {
			kv := openKV(t, t.TempDir(), options)
			kvtest.Run(t, func(*testing.T) kvstore.KV { return kv })
		})
	}
}

// The files of another program: its names, its bytes, and a life of five minutes from when
// they were written.
func TestAKVSharesFilesWithAnotherProgram(t *testing.T) {
	const life = 5 * time.Minute
	dir := t.TempDir()
	kv := openKV(t, dir, &filestore.KVOptions{TTL: life, Name: func(key string) string {
		if len(key) != 4 || strings.Trim(key, "abcdefghijklmnopqrstuvwxyz") != "" {
			return ""
		}
		return key
	}})
	content("theirs")(t, "", filepath.Join(dir, "abcd"))
	content("old")(t, "", filepath.Join(dir, "oldd"))
	long := time.Now().Add(-life - time.Second)
	if err := os.Chtimes(filepath.Join(dir, "oldd"), time.Now(), long); err != nil {
		t.Fatal(err)
	}
	e, err := kv.Get(t.Context(), "abcd")
	if end := time.Until(e.ExpiresAt); err != nil || e.Value != "theirs" || end > life || end < life-time.Minute {
		t.Errorf("%+v, %v", e, err)
	}
	if _, err := kv.Get(t.Context(), "oldd"); !errors.Is(err, store.ErrNotFound) {
		t.Error(err)
	}
	end := time.Now().Add(time.Minute).Truncate(time.Second)
	if err := kv.CompareAndSwap(t.Context(), "abcd", &e, kvstore.Entry{Value: "ours\n\x00", ExpiresAt: end}); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, "abcd"))
	if err != nil || string(text) != "ours\n\x00" {
		t.Errorf("%q, %v", text, err)
	}
	info, err := os.Stat(filepath.Join(dir, "abcd"))
	if err != nil || !info.ModTime().Equal(end.Add(-life)) || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v, %v", info.ModTime(), info.Mode(), err)
	}
	if err := kv.CompareAndSwap(t.Context(), "oldd", nil, kvstore.Entry{Value: "new", ExpiresAt: end}); err != nil {
		t.Error(err)
	}
	for _, key := range []string{"x", "../a", "ABCD"} {
		_, get := kv.Get(t.Context(), key)
		swap := kv.CompareAndSwap(t.Context(), key, nil, kvstore.Entry{})
		for call, err := range map[string]error{"Get": get, "CompareAndSwap": swap, "Delete": kv.Delete(t.Context(), key)} {
			if err == nil || errors.Is(err, store.ErrNotFound) || !strings.Contains(err.Error(), "no file") {
				t.Errorf("%s of %q: %v", call, key, err)
			}
		}
	}
	if all := files(t, dir); len(all) != 2 {
		t.Errorf("there are %v", all)
	}
}

func TestNamesThatLeadElsewhereAreRefused(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "files")
	var name string
	kv := openKV(t, dir, &filestore.KVOptions{Name: func(string) string { return name }})
	for _, name = range []string{".", "..", "../x", "a/b", "/x", `a\b`, "a\x00", ".cloakroom-tmp"} {
		err := kv.CompareAndSwap(t.Context(), "k", nil, kvstore.Entry{Value: "v"})
		if err == nil || !strings.Contains(err.Error(), "KVOptions.Name") {
			t.Errorf("%q: %v", name, err)
		}
	}
	if all := files(t, filepath.Dir(dir)); len(all) != 0 {
		t.Errorf("there are %v", all)
	}
}

func TestAValueThatIsTooLargeIsRefusedWithBothSizes(t *testing.T) {
	kv := openKV(t, t.TempDir(), nil)
	e := kvstore.Entry{Value: strings.Repeat("x", 16<<20+1)}
	err := kv.CompareAndSwap(t.Context(), "k", nil, e)
	if err == nil || !strings.Contains(err.Error(), "16777217") || !strings.Contains(err.Error(), "16777216") {
		t.Error(err)
	}
	e.Value = e.Value[1:]
	if err := kv.CompareAndSwap(t.Context(), "k", nil, e); err != nil {
		t.Error(err)
	}
	if got, err := kv.Get(t.Context(), "k"); err != nil || got.Value != e.Value {
		t.Error(err)
	}
}

func TestSomethingElseThanAFileIsToldWithItsPath(t *testing.T) {
	dir := t.TempDir()
	kv := openKV(t, dir, &filestore.KVOptions{Name: func(key string) string { return key }})
	path := filepath.Join(dir, "k")
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	_, err := kv.Get(t.Context(), "k")
	if !errors.Is(err, store.ErrMalformed) || !strings.Contains(err.Error(), path) {
		t.Error(err)
	}
}

func TestNewKVRefusesWhatCannotWorkAndSaysWhy(t *testing.T) {
	for _, tc := range []struct {
		dir     string
		options *filestore.KVOptions
		words   string
	}{
		{"", nil, "dir is empty"},
		{t.TempDir(), &filestore.KVOptions{TTL: -time.Second}, "KVOptions.TTL is -1s"},
		{t.TempDir(), &filestore.KVOptions{Sync: 9}, "KVOptions.Sync is 9"},
	} {
		kv, err := filestore.NewKV(tc.dir, tc.options)
		if kv != nil || err == nil || !strings.Contains(err.Error(), tc.words) {
			t.Errorf("%v", err)
		}
	}
}
