package open

import (
	"fmt"
	"os"
	"path/filepath"
)

// CacheFile returns the path of a file of this program in the user's cache directory,
// and makes the directory.
func CacheFile(name string) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find the cache directory: %w", err)
	}
	dir := filepath.Join(cache, "cloakroom")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("make the cache directory: %w", err)
	}
	return filepath.Join(dir, name), nil
}
