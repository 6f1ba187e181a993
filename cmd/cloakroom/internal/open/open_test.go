package open

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
)

func TestWrongURLsNameTheRightOnes(t *testing.T) {
	for _, url := range []string{
		"", "memory", "sessions.db", "oracle://localhost", "memory:x", "sqlite:", "file:", "bolt:", "SQLITE:x.db", ":x",
		"postgres:localhost", "postgres://", "mysql://localhost", "mysql://a,b/db", "redis:localhost", "redis://localhost/first",
		"redis://a,b", "redis+cluster://localhost/1", "redis+sentinel://localhost", "redis+sentinel://localhost/main/first",
		"memcache://localhost/x", "memcache://alice@localhost", "mongodb://localhost",
	} {
		_, err := Open(context.Background(), url)
		var wrong *URLError
		if !errors.As(err, &wrong) {
			t.Errorf("Open(%q): %v, want a *URLError", url, err)
			continue
		}
		if text := err.Error(); !strings.Contains(text, Forms()) || !strings.Contains(text, `"`+url+`"`) {
			t.Errorf("Open(%q) says %q, want the URL and %q in it", url, text, Forms())
		}
	}
}

func TestUnknownParametersAreRefusedByName(t *testing.T) {
	for _, url := range []string{
		"postgres://localhost/db?sslmode=", "redis://localhost?db=", "redis://localhost?protocl=",
		"redis+cluster://localhost?addr=", "redis+sentinel://localhost/main?master_set=", "memcache://localhost?timeout=",
		"mongodb://localhost/db?retryWrits=",
	} {
		_, err := Open(context.Background(), url+"x")
		name := url[strings.Index(url, "?")+1 : len(url)-1]
		var wrong *URLError
		if !errors.As(err, &wrong) || !strings.Contains(strings.ToLower(err.Error()), strings.ToLower(name)) {
			t.Errorf("Open(%q): %v, want a *URLError that names %s", url+"x", err, name)
		}
	}
}

func save(t *testing.T, s store.Store, key, value string) {
	t.Helper()
	fields, err := store.NewFields(store.Field{Name: "value", Value: value})
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.Save(context.Background(), key, store.Change{Create: true, Set: fields, ExpiresAt: time.Now().Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
}

func open(t *testing.T, url string) *Opened {
	t.Helper()
	opened, err := Open(context.Background(), url)
	if err != nil {
		t.Fatal(err)
	}
	return opened
}

func TestMemoryIsReadyForUse(t *testing.T) {
	opened := open(t, "memory:")
	save(t, opened.Store, "k", "1")
	if err := opened.Close(); err != nil {
		t.Error(err)
	}
}

func TestWhatWasSavedIsKeptAtThePathThatIsNamed(t *testing.T) {
	for _, scheme := range []string{"file:", "sqlite:", "bolt:"} {
		for _, name := range []string{"demo.db", "with space.db", "odd?#%41&=.db", "ünï.db"} {
			path := filepath.Join(t.TempDir(), name)
			first := open(t, scheme+path)
			save(t, first.Store, "k", "1")
			if err := first.Close(); err != nil {
				t.Fatal(err)
			}
			info, err := os.Stat(path)
			if err != nil {
				t.Fatalf("%s%s is not there: %v", scheme, name, err)
			}
			if mode := info.Mode().Perm(); runtime.GOOS != "windows" && mode&0o077 != 0 {
				t.Errorf("%s%s has mode %o, want none but its owner to read it: records say who is signed in", scheme, name, mode)
			}
			second := open(t, scheme+path)
			rec, err := second.Store.Load(context.Background(), "k")
			if err != nil {
				t.Fatalf("%s%s: opened again: %v", scheme, name, err)
			}
			if value, _ := rec.Fields.Get("value"); value != "1" {
				t.Errorf("%s%s: opened again the field holds %q, want 1", scheme, name, value)
			}
			if err := second.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

func TestBoltSaysThatTheFileIsInUse(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sessions.bolt")
	first := open(t, "bolt:"+path)
	defer first.Close()
	_, err := Open(context.Background(), "bolt:"+path)
	if err == nil || !strings.Contains(err.Error(), "has the file: stop that one, or name another file") || !strings.Contains(err.Error(), path) {
		t.Errorf("opened a second time: %v", err)
	}
}

func TestPathsThatCannotBeOpenedAreNamed(t *testing.T) {
	dir := t.TempDir()
	text := filepath.Join(dir, "text.db")
	if err := os.WriteFile(text, []byte(strings.Repeat("not a database\n", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	missing := filepath.Join(dir, "missing", "x.db")
	for _, url := range []string{"sqlite:" + text, "sqlite:" + dir, "sqlite:" + missing, "bolt:" + text, "bolt:" + dir, "bolt:" + missing, "file:" + text} {
		_, path, _ := strings.Cut(url, ":")
		opened, err := Open(context.Background(), url)
		if err == nil {
			opened.Close()
			t.Errorf("%s was opened", url)
			continue
		}
		if text := err.Error(); !strings.Contains(text, path) || strings.Contains(text, "\n") {
			t.Errorf("the error is %q, want one line with %s", text, path)
		}
	}
}
