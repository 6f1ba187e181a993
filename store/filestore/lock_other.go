//go:build !(darwin || dragonfly || freebsd || illumos || linux || netbsd || openbsd)

package filestore

import (
	"errors"
	"fmt"
	"os"
	"runtime"
)

const dontWait = 0

// tryLock would be possible on Windows; replacing a file that somebody reads is not.
func tryLock(*os.File) (held bool, err error) {
	return false, fmt.Errorf("files cannot be locked and replaced as needed on %s: use another store, such as boltstore or sqlstore with SQLite: %w", runtime.GOOS, errors.ErrUnsupported)
}
