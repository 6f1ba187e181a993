package filestore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"slices"

	"github.com/cloakroom-go/cloakroom/store"
)

// page is how many names of a directory are in memory at a time.
const page = 128

// The index of owners has an entry for each record that has an owner. Entries come and go
// only while the folder of their record is locked, an entry comes before its record, and goes
// after it. So there may be one too much, when a process dies in between, but never one too
// few. What is too much is noticed when it is read.

func ownerFolder(owner digest) string { return ownersFolder + "/" + folderName(owner.number()) }

// index makes an entry that outlives a crash of the machine, whatever Options.Sync is. The
// caller has the lock of the record's folder.
func (s *Store) index(record digest, owner string) error {
	of := digestOf(owner)
	root, err := s.root.OpenRoot(ownerFolder(of))
	if errors.Is(err, fs.ErrNotExist) {
		if root, err = s.create(ownersFolder); err != nil {
			return err
		}
		_ = root.Close()
		root, err = s.create(ownerFolder(of))
	}
	if err != nil {
		return err
	}
	defer root.Close()
	entry, err := root.OpenFile(record.ownedBy(of), os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	_ = entry.Close() // it is empty
	self, err := root.Open(".")
	if err != nil {
		return err
	}
	defer self.Close()
	return s.sync(self) // also if it was there: it may not have been on the disk
}

// unindex removes an entry as far as it can. The caller has the lock of the record's folder.
func (s *Store) unindex(record digest, owner string) {
	if owner != "" {
		of := digestOf(owner)
		_ = s.root.Remove(ownerFolder(of) + "/" + record.ownedBy(of))
	}
}

// ListOwner yields the key of every live record that belongs to owner, in no order, without
// those that begin with "$". It reads the names of one part in 256 of the index, and the
// records of the owner, whose number it keeps in memory at 32 bytes each. Malformed records
// are passed over, since they open no session. An error is an outage; it is yielded with an
// empty key and ends the walk.
func (s *Store) ListOwner(ctx context.Context, owner string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		records, err := s.owned(ctx, owner)
		for _, record := range records {
			var key string
			if key, err = s.ownedKey(ctx, record, owner); err != nil {
				break
			}
			if key != "" && !yield(key, nil) {
				return
			}
		}
		if err != nil {
			yield("", fmt.Errorf("filestore: list owner: %w", err))
		}
	}
}

// owned returns which records the index has for an owner.
func (s *Store) owned(ctx context.Context, owner string) (records []digest, err error) {
	if err := ctx.Err(); err != nil || owner == "" {
		return nil, err
	}
	of := digestOf(owner)
	err = eachName(ctx, s.root, ownerFolder(of), func(names []string) error {
		for _, name := range names {
			if record, ok := ownedDigest(of, name); ok {
				records = append(records, record)
			}
		}
		return nil
	})
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, err
	}
	// Names that change while a directory is read may come twice.
	slices.SortFunc(records, func(a, b digest) int { return bytes.Compare(a[:], b[:]) })
	return slices.Compact(records), nil
}

// ownedKey returns the key of a record that the index has for an owner, or "" if it is not
// one that is live and the owner's.
func (s *Store) ownedKey(ctx context.Context, record digest, owner string) (key string, err error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	d, err := loadHead(s.root, record.path(), record)
	switch {
	case errors.Is(err, fs.ErrNotExist) || err == nil && d.owner() != owner:
		return s.settle(ctx, record, owner)
	case errors.Is(err, store.ErrMalformed) || err == nil && !d.live():
		return "", nil
	}
	return d.key, err
}

// settle looks again at a record that the index should not have for an owner, with the lock
// that its writers have, and removes the entry if it is one too much.
func (s *Store) settle(ctx context.Context, record digest, owner string) (key string, err error) {
	f, err := s.enter(ctx, record.number(), true)
	if err != nil {
		return "", err
	}
	defer f.leave()
	d, err := loadHead(f.root, record.file(), record)
	switch {
	case errors.Is(err, fs.ErrNotExist) || err == nil && d.owner() != owner:
		s.unindex(record, owner)
		return "", nil
	case errors.Is(err, store.ErrMalformed) || err == nil && !d.live():
		return "", nil
	}
	return d.key, err
}

// eachName calls f with the names in a directory, a page at a time.
func eachName(ctx context.Context, root *os.Root, dir string, f func(names []string) error) error {
	self, err := root.Open(dir)
	if err != nil {
		return err
	}
	defer self.Close()
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		names, err := self.Readdirnames(page)
		if err := f(names); err != nil {
			return err
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}
