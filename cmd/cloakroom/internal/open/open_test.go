package open

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
)

func TestWrongURLsNameTheRightOnes(t *testing.T) {
	for _, url := range []string{"", "memory", "sessions.db", "redis://localhost", "memory:x", "sqlite:", "SQLITE:x.db", ":x"} {
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

func TestSQLiteKeepsWhatWasSavedInTheFileThatIsNamed(t *testing.T) {
	for _, name := range []string{"demo.db", "with space.db", "odd?#%41&=.db", "ünï.db"} {
		path := filepath.Join(t.TempDir(), name)
		first := open(t, "sqlite:"+path)
		save(t, first.Store, "k", "1")
		if err := first.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(path); err != nil {
			t.Errorf("%q: the file is not there: %v", name, err)
		}
		second := open(t, "sqlite:"+path)
		rec, err := second.Store.Load(context.Background(), "k")
		if err != nil {
			t.Fatalf("%q: opened again: %v", name, err)
		}
		if value, _ := rec.Fields.Get("value"); value != "1" {
			t.Errorf("%q: opened again the field holds %q, want 1", name, value)
		}
		if err := second.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestSQLiteSaysWhichFileItCannotOpen(t *testing.T) {
	dir := t.TempDir()
	text := filepath.Join(dir, "text.db")
	if err := os.WriteFile(text, []byte(strings.Repeat("not a database\n", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{text, dir, filepath.Join(dir, "missing", "x.db")} {
		opened, err := Open(context.Background(), "sqlite:"+path)
		if err == nil {
			opened.Close()
			t.Errorf("%s was opened", path)
			continue
		}
		if text := err.Error(); !strings.Contains(text, path) || strings.Contains(text, "\n") {
			t.Errorf("the error is %q, want one line with %s", text, path)
		}
	}
}
