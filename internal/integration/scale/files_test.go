package scale

import (
	"io/fs"
	"path/filepath"
	"testing"

	"go.etcd.io/bbolt"
	_ "modernc.org/sqlite"

	"github.com/cloakroom-go/cloakroom/store/boltstore"
	"github.com/cloakroom-go/cloakroom/store/filestore"
	"github.com/cloakroom-go/cloakroom/store/sqlstore"
)

// openSQLite counts the pages of the file.
func openSQLite(t *testing.T) site {
	path := filepath.Join(t.TempDir(), "sessions.db")
	return openSQL(t, "sqlite", "file:"+path+"?_pragma=busy_timeout(5000)&_pragma=synchronous(full)", sqlstore.SQLite(),
		"SELECT page_count * page_size FROM pragma_page_count, pragma_page_size")
}

// openBolt counts the file.
func openBolt(t *testing.T) site {
	path := filepath.Join(t.TempDir(), "sessions.bolt")
	db, err := bbolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	s, err := boltstore.New(db, nil)
	if err != nil {
		t.Fatal(err)
	}
	return site{s, func(t *testing.T) int64 { return occupied(t, path) }}
}

// openFile counts the files, in whole blocks as the disk does.
func openFile(t *testing.T) site {
	dir := t.TempDir()
	s, err := filestore.New(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return site{s, func(t *testing.T) int64 { return occupied(t, dir) }}
}

const block = 4096

func occupied(t *testing.T, dir string) (bytes int64) {
	t.Helper()
	err := filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err == nil {
			bytes += (info.Size() + block - 1) / block * block
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return bytes
}
