package filestore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"sync/atomic"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
)

// Store keeps sessions in the files of one directory. It is a [store.Store], and a
// [store.Lister], [store.OwnerLister], [store.Sweeper] and [store.Pinger]. It is safe for
// concurrent use, also by several processes on one machine with a Store each.
type Store struct {
	dir   string
	root  *os.Root
	gates [folders]gate
	flush func(*os.File) error // what Options.Sync says
	sync  func(*os.File) error // what must be on the disk in any case
	swept atomic.Uint32        // the folder with which Sweep goes on
}

var (
	_ store.Store       = (*Store)(nil)
	_ store.Lister      = (*Store)(nil)
	_ store.OwnerLister = (*Store)(nil)
	_ store.Sweeper     = (*Store)(nil)
	_ store.Pinger      = (*Store)(nil)
)

// New returns a Store in dir, which it makes if need be, with mode 0700. options may be nil.
//
// It is an error when dir is not a directory or cannot be made or opened; when others than
// its user may write to it, since they could put sessions there; when it is on a file system
// without locks; and on an operating system that the package comment does not name. That others may
// read the directory is none: what they see there is names of directories that they may not
// read.
func New(dir string, options *Options) (*Store, error) {
	s := &Store{dir: dir, sync: (*os.File).Sync}
	var o Options
	if options != nil {
		o = *options
	}
	var err error
	if s.flush, err = o.Sync.flusher(); err == nil {
		s.root, err = open(dir)
	}
	if err != nil {
		return nil, fmt.Errorf("filestore: %w", err)
	}
	if err := private(s.root); err != nil {
		_ = s.root.Close()
		return nil, fmt.Errorf("filestore: %w", err)
	}
	for i := range s.gates {
		s.gates[i] = newGate()
	}
	return s, nil
}

// open makes and opens a directory, and tries whether it can be locked.
func open(dir string) (*os.Root, error) {
	if dir == "" {
		return nil, errors.New("dir is empty: name the directory of the files")
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	self, err := root.Open(".")
	if err == nil {
		_, err = tryLock(self)
		_ = self.Close()
	}
	if err != nil {
		_ = root.Close()
		return nil, err
	}
	return root, nil
}

func private(root *os.Root) error {
	info, err := root.Stat(".")
	if err != nil {
		return err
	}
	if mode := info.Mode().Perm(); mode&0o022 != 0 {
		return fmt.Errorf("others may write to %s, which has mode %04o, and could put sessions there: run chmod 700 on it", root.Name(), mode)
	}
	return nil
}

// Close lets go of the directory. Calls after it fail.
func (s *Store) Close() error { return s.root.Close() }

// Load returns the live record at key. It waits for nobody. Its errors are
// [store.ErrNotFound]; [store.ErrMalformed] with the path of the file and what is wrong with
// it; one that describes a key that package store does not allow; and outages.
func (s *Store) Load(ctx context.Context, key string) (store.Record, error) {
	rec, err := s.load(ctx, key)
	if err != nil {
		return store.Record{}, fmt.Errorf("filestore: load: %w", err)
	}
	return rec, nil
}

func (s *Store) load(ctx context.Context, key string) (store.Record, error) {
	if err := ctx.Err(); err != nil {
		return store.Record{}, err
	}
	if err := checkKey(key); err != nil {
		return store.Record{}, err
	}
	of := digestOf(key)
	d, err := load(s.root, of.path(), of)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return store.Record{}, store.ErrNotFound
	case err != nil:
		return store.Record{}, err
	case !d.live():
		return store.Record{}, store.ErrNotFound
	}
	return d.rec, nil
}

// Save applies change to the record at key. Its errors are those of [store.Store],
// [store.Apply] and [Store.Load], and one that gives both sizes when the record would take a
// file of more than 16 MiB; then nothing is changed.
//
// Save waits for those who write to the same directory, which is one in 256, until ctx ends
// and for no longer than 30 seconds; that it was too long is an outage, and nothing was
// changed. Once it is its turn it looks at ctx no more, since a write to a disk cannot be
// called off. A disk that is full is an outage, and the record stays as it was.
func (s *Store) Save(ctx context.Context, key string, change store.Change) (version uint64, err error) {
	version, err = s.save(ctx, key, change)
	if err != nil {
		return 0, fmt.Errorf("filestore: save: %w", err)
	}
	return version, nil
}

func (s *Store) save(ctx context.Context, key string, change store.Change) (version uint64, err error) {
	if err := checkKey(key); err != nil {
		return 0, err
	}
	of := digestOf(key)
	f, err := s.enter(ctx, of.number(), change.Create)
	switch {
	case errors.Is(err, fs.ErrNotExist) && !change.Create:
		return 0, store.ErrNotFound
	case err != nil:
		return 0, err
	}
	defer f.leave()

	was, err := load(f.root, of.file(), of)
	found := err == nil
	if !found && !errors.Is(err, fs.ErrNotExist) {
		return 0, err
	}
	live := found && was.live()
	next := document{key: key}
	if next.rec, err = store.Apply(was.rec, live, change); err != nil {
		return 0, err
	}
	data := next.encode()
	if len(data) > maxFile {
		return 0, fmt.Errorf("the record takes %d bytes: at most %d are kept, store less in a session", len(data), maxFile)
	}
	owner := next.owner()
	gained := owner != "" && (!live || owner != was.owner())
	if gained {
		// The index knows a record before its owner does.
		if err := s.index(of, owner); err != nil {
			return 0, err
		}
	}
	if err := f.put(of.file(), data, time.Time{}); err != nil {
		return 0, err // an entry too much in the index is noticed when it is read
	}
	if found && was.owner() != owner {
		s.unindex(of, was.owner())
	}
	return next.rec.Version, nil
}

// Delete removes the record at key, also one that [Store.Load] finds malformed. It waits as
// [Store.Save] does. A missing record is not an error; every error is an outage, or describes
// a key that package store does not allow.
func (s *Store) Delete(ctx context.Context, key string) error {
	if err := s.delete(ctx, key); err != nil {
		return fmt.Errorf("filestore: delete: %w", err)
	}
	return nil
}

func (s *Store) delete(ctx context.Context, key string) error {
	if err := checkKey(key); err != nil {
		return err
	}
	of := digestOf(key)
	f, err := s.enter(ctx, of.number(), false)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	}
	defer f.leave()
	was, _ := loadHead(f.root, of.file(), of) // of what cannot be read, the index notices it later
	if err := f.remove(of.file()); err != nil {
		return err
	}
	s.unindex(of, was.owner())
	return nil
}

// Ping returns nil when the directory is there and is the one that was opened, else the
// outage.
func (s *Store) Ping(ctx context.Context) error {
	if err := s.ping(ctx); err != nil {
		return fmt.Errorf("filestore: ping: %w", err)
	}
	return nil
}

func (s *Store) ping(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	mine, err := s.root.Stat(".")
	if err != nil {
		return err
	}
	there, err := os.Stat(s.dir)
	if err != nil {
		return err
	}
	if !os.SameFile(mine, there) {
		return fmt.Errorf("%s was replaced by another directory: start the program again", s.dir)
	}
	return nil
}

// enter locks a folder, which it makes if it may. Its errors are [fs.ErrNotExist] and
// outages.
func (s *Store) enter(ctx context.Context, n number, create bool) (*folder, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	root, err := s.root.OpenRoot(folderName(n))
	if create && errors.Is(err, fs.ErrNotExist) {
		root, err = s.create(folderName(n))
	}
	if err != nil {
		return nil, err
	}
	return lock(ctx, root, s.gates[n], s.flush)
}

// create makes a directory in the tree, and sees to it that it stays.
func (s *Store) create(name string) (*os.Root, error) {
	if err := s.root.Mkdir(name, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	up, err := s.root.Open(path.Dir(name))
	if err != nil {
		return nil, err
	}
	defer up.Close()
	if err := s.sync(up); err != nil {
		return nil, err
	}
	return s.root.OpenRoot(name)
}
