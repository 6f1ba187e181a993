package open

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	_ "modernc.org/sqlite" // the driver

	"github.com/cloakroom-go/cloakroom/store/sqlstore"
)

func openSQLite(ctx context.Context, url string) (*Opened, error) {
	path := url[len("sqlite:"):]
	if path == "" {
		return nil, wrong(url, "names no file")
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("sqlite: %w", err)
	}
	// Made here so that only its owner can read it: records say who is signed in.
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("sqlite: %w", err)
	}
	if err := file.Close(); err != nil {
		return nil, fmt.Errorf("sqlite: %w", err)
	}
	db, err := sql.Open("sqlite", dataSource(path))
	if err != nil {
		return nil, fmt.Errorf("sqlite: open %s: %w", path, err)
	}
	sessions, err := sqlstore.New(db, sqlstore.SQLite(), nil)
	if err == nil {
		err = sessions.Migrate(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("sqlite: open %s: %w", path, errors.Join(err, db.Close()))
	}
	return &Opened{
		Store: sessions,
		Kind:  "SQLite",
		Place: "the SQLite file " + path,
		close: func() error {
			if err := db.Close(); err != nil {
				return fmt.Errorf("sqlite: close %s: %w", path, err)
			}
			return nil
		},
	}, nil
}

// dataSource is the URI of a file as SQLite takes it: with a slash in front and with
// everything escaped that means something in a URI.
func dataSource(path string) string {
	path = filepath.ToSlash(path)
	if !strings.HasPrefix(path, "/") {
		path = "/" + path // C:/ on Windows
	}
	escaped := (&url.URL{Path: path}).EscapedPath()
	return "file:" + escaped + "?_pragma=busy_timeout(5000)&_pragma=synchronous(full)"
}
