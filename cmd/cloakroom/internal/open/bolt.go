package open

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"github.com/cloakroom-go/cloakroom/store/boltstore"
)

// boltWait is how long to wait for another process that has the file.
const boltWait = time.Second

func openBolt(_ context.Context, url string) (*Opened, error) {
	path := url[len("bolt:"):]
	if path == "" {
		return nil, wrong(url, "names no file")
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("bolt: %w", err)
	}
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{Timeout: boltWait})
	if errors.Is(err, bolterrors.ErrTimeout) {
		return nil, fmt.Errorf("bolt: open %s: another process has the file: stop that one, or name another file: %w", path, err)
	}
	if err != nil {
		return nil, fmt.Errorf("bolt: open %s: %w", path, err)
	}
	sessions, err := boltstore.New(db, nil)
	if err != nil {
		return nil, fmt.Errorf("bolt: open %s: %w", path, errors.Join(err, db.Close()))
	}
	return &Opened{
		Store: sessions,
		Kind:  "a bbolt file",
		Place: "the bbolt file " + path,
		close: func() error {
			if err := db.Close(); err != nil {
				return fmt.Errorf("bolt: close %s: %w", path, err)
			}
			return nil
		},
	}, nil
}
