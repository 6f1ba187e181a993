package filestore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
)

// maxFile bounds what is written, and what is read into memory.
const maxFile = 16 << 20

// temporary is the name of what is being written. It can be the same for all, since only who
// has the lock of a directory writes there; what a writer that was killed leaves behind is
// then one file at most.
const temporary = ".cloakroom-tmp"

// A folder is one directory while it is locked. All goes through its handle: if somebody
// moves or replaces the directory meanwhile, nothing is written where the lock does not hold.
type folder struct {
	root  *os.Root
	self  *os.File // the same directory, for its lock, its list and its sync
	gate  gate
	flush func(*os.File) error
}

// lock locks the directory behind root, which it closes when there is an error.
func lock(ctx context.Context, root *os.Root, g gate, flush func(*os.File) error) (*folder, error) {
	self, err := root.Open(".")
	if err != nil {
		_ = root.Close()
		return nil, err
	}
	if err := g.enter(ctx, self); err != nil {
		_ = self.Close()
		_ = root.Close()
		return nil, err
	}
	return &folder{root: root, self: self, gate: g, flush: flush}, nil
}

func (f *folder) leave() {
	_ = f.self.Close() // the lock ends here
	_ = f.root.Close()
	f.gate.leave()
}

// put writes a file beside that of the name and renames it. With a time, that is what the
// file gets for its own. After an error that is not uncertain, nothing was changed.
func (f *folder) put(name string, data []byte, modified time.Time) error {
	err := f.write(data, modified)
	if err == nil {
		err = f.root.Rename(temporary, name)
	}
	if err != nil {
		_ = f.root.Remove(temporary)
		return err
	}
	return f.flush(f.self)
}

func (f *folder) write(data []byte, modified time.Time) error {
	const flags = os.O_WRONLY | os.O_CREATE | os.O_EXCL
	file, err := f.root.OpenFile(temporary, flags, 0o600)
	if errors.Is(err, fs.ErrExist) { // left by a writer that was killed
		if err := f.root.Remove(temporary); err != nil {
			return err
		}
		file, err = f.root.OpenFile(temporary, flags, 0o600)
	}
	if err != nil {
		return err
	}
	_, err = file.Write(data)
	if err == nil && !modified.IsZero() {
		err = f.root.Chtimes(temporary, modified, modified)
	}
	if err == nil {
		err = f.flush(file)
	}
	return errors.Join(err, file.Close())
}

// remove removes the file of the name, if there is one, and sees to it that it stays away.
func (f *folder) remove(name string) error {
	if err := f.root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	// Also when there was none: an earlier call may have removed it and failed here.
	return f.flush(f.self)
}

// read returns what is in a file, and what is known of it. Its errors are [fs.ErrNotExist],
// [store.ErrMalformed] for what is not a file of a size to be read, and outages.
func read(root *os.Root, name string) ([]byte, fs.FileInfo, error) {
	file, info, err := openFile(root, name)
	if err != nil {
		return nil, nil, err
	}
	defer file.Close()
	data, err := readAt(file, 0, info.Size())
	return data, info, err
}

// readEnds is read, but of a file that is longer than head it returns the first so many
// bytes and the last few.
func readEnds(root *os.Root, name string, head, tail int) (first, last []byte, err error) {
	file, info, err := openFile(root, name)
	if err != nil {
		return nil, nil, err
	}
	defer file.Close()
	if info.Size() <= int64(head) {
		first, err = readAt(file, 0, info.Size())
		return first, nil, err
	}
	if first, err = readAt(file, 0, int64(head)); err != nil {
		return nil, nil, err
	}
	last, err = readAt(file, info.Size()-int64(tail), int64(tail))
	return first, last, err
}

func openFile(root *os.Root, name string) (*os.File, fs.FileInfo, error) {
	file, err := root.OpenFile(name, os.O_RDONLY|dontWait, 0)
	if err != nil {
		if info, e := root.Lstat(name); e == nil && info.Mode()&fs.ModeSymlink != 0 {
			return nil, nil, notRecord(root, name, errors.New("it is a symbolic link"))
		}
		return nil, nil, err
	}
	info, err := file.Stat()
	switch {
	case err != nil:
	case !info.Mode().IsRegular():
		err = notRecord(root, name, errors.New("it is not a file"))
	case info.Size() > maxFile:
		err = notRecord(root, name, fmt.Errorf("it has %d bytes, and none has more than %d", info.Size(), maxFile))
	default:
		return file, info, nil
	}
	_ = file.Close()
	return nil, nil, err
}

// readAt reads n bytes, or what there is of them if somebody has made the file shorter.
func readAt(file *os.File, from, n int64) ([]byte, error) {
	data := make([]byte, n)
	got, err := file.ReadAt(data, from)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	return data[:got], nil
}

// notRecord says what is wrong with a file that was found.
func notRecord(root *os.Root, name string, problem error) error {
	path := root.Name() + "/" + name
	if errors.Is(problem, store.ErrMalformed) {
		return fmt.Errorf("%s: %w", path, problem)
	}
	return fmt.Errorf("%s: %w: %w", path, store.ErrMalformed, problem)
}
