package open

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/cloakroom-go/cloakroom/store/filestore"
)

func openFile(_ context.Context, url string) (*Opened, error) {
	dir := url[len("file:"):]
	if dir == "" {
		return nil, wrong(url, "names no folder")
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("file: %w", err)
	}
	sessions, err := filestore.New(dir, nil)
	if err != nil {
		return nil, fmt.Errorf("file: open %s: %w", dir, err)
	}
	return &Opened{
		Store: sessions,
		Kind:  "files",
		Place: "files in " + dir,
		close: func() error {
			if err := sessions.Close(); err != nil {
				return fmt.Errorf("file: close %s: %w", dir, err)
			}
			return nil
		},
	}, nil
}
