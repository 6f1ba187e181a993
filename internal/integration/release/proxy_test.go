package release_test

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/mod/module"
	"golang.org/x/mod/zip"
)

// moduleProxy returns the URL of a module proxy of files that has the released modules of
// a checkout, as the public proxy will make them out of its tags.
func moduleProxy(t *testing.T, c checkout) string {
	t.Helper()
	root := t.TempDir()
	for _, tag := range c.lines("git", "tag") {
		dir, v := path.Split(tag)
		dir = strings.TrimSuffix(dir, "/")
		m := module.Version{Path: path.Join(rootModule, dir), Version: v}
		folder := filepath.Join(root, m.Path, "@v")
		if err := os.MkdirAll(folder, 0o777); err != nil {
			t.Fatal(err)
		}
		for name, content := range map[string]string{
			"list":      v + "\n",
			v + ".info": fmt.Sprintf(`{"Version":%q,"Time":"2000-01-01T00:00:00Z"}`, v),
			v + ".mod":  c.run("git", "show", tag+":"+path.Join(dir, "go.mod")) + "\n",
		} {
			if err := os.WriteFile(filepath.Join(folder, name), []byte(content), 0o666); err != nil {
				t.Fatal(err)
			}
		}
		file, err := os.Create(filepath.Join(folder, v+".zip"))
		if err != nil {
			t.Fatal(err)
		}
		if err := zip.CreateFromVCS(file, m, c.dir, tag, dir); err != nil {
			t.Fatal(err)
		}
		if err := file.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return "file://" + filepath.ToSlash(root)
}
