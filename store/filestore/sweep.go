package filestore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/cloakroom-go/cloakroom/store"
)

// Sweep removes at most limit expired records and returns how many. Fewer than limit means
// that it has looked at all records and no more were due; a limit below 1 removes nothing.
// The next call goes on in the directory where this one stopped. It reads the names of a
// directory a few at a time and the first bytes of each file, and keeps writers waiting only
// while it removes what it found.
//
// What it takes for no record it leaves: foreign names, files that are cut off, files that
// may not be read. When all else is done it tells of them, in an error that wraps
// [store.ErrMalformed], gives their number and names up to 8. Every other error is an outage.
// The count is right also beside an error.
func (s *Store) Sweep(ctx context.Context, limit int) (removed int, err error) {
	if err := ctx.Err(); err != nil {
		return 0, fmt.Errorf("filestore: sweep: %w", err)
	}
	var left leftovers
	first := s.swept.Load()
	for i := range uint32(folders) {
		if removed >= limit {
			return removed, nil
		}
		n := number(first + i)
		s.swept.Store(uint32(n))
		b := broom{store: s, ctx: ctx, folder: n, limit: limit - removed, left: &left}
		err := eachName(ctx, s.root, folderName(n), b.page)
		removed += b.removed
		if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, errEnough) {
			return removed, fmt.Errorf("filestore: sweep: %w", err)
		}
	}
	if removed < limit && left.count > 0 {
		return removed, fmt.Errorf("filestore: sweep: %w", left.err())
	}
	return removed, nil
}

// errEnough ends a walk through a folder.
var errEnough = errors.New("enough")

// A broom goes through one folder.
type broom struct {
	store   *Store
	ctx     context.Context
	folder  number
	limit   int
	removed int
	left    *leftovers
}

// page removes what is due among the names.
func (b *broom) page(names []string) error {
	var due []string
	for _, name := range names {
		path := folderName(b.folder) + "/" + name
		record, ok := fileDigest(b.folder, name)
		switch {
		case name == temporary:
			due = append(due, name)
			continue
		case !ok:
			b.left.note(b.store.root.Name()+"/"+path, nil)
			continue
		}
		d, err := loadHead(b.store.root, path, record)
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			b.left.note(b.store.root.Name()+"/"+path, err)
		case !d.live():
			due = append(due, name)
		}
	}
	if len(due) > 0 {
		if err := b.remove(due); err != nil {
			return err
		}
	}
	if b.removed >= b.limit {
		return errEnough
	}
	return nil
}

// remove looks again at what was due, with the lock that its writers have, and removes what
// still is. That is not worth waiting for the disk.
func (b *broom) remove(due []string) error {
	f, err := b.store.enter(b.ctx, b.folder, false)
	if err != nil {
		return err
	}
	defer f.leave()
	for _, name := range due {
		if name == temporary { // nobody is writing it
			_ = f.root.Remove(name)
			continue
		}
		if b.removed >= b.limit {
			return nil
		}
		record, _ := fileDigest(b.folder, name)
		d, err := loadHead(f.root, name, record)
		if err != nil || d.live() {
			continue
		}
		if err := f.root.Remove(name); err != nil {
			return err
		}
		b.removed++
		b.store.unindex(record, d.owner())
	}
	return nil
}

// leftovers are the files that Sweep did not know.
type leftovers struct {
	count int
	text  strings.Builder
}

const namedLeftovers = 8

func (l *leftovers) note(path string, problem error) {
	l.count++
	switch {
	case l.count > namedLeftovers:
		return
	case l.count > 1:
		l.text.WriteString("; ")
	}
	if problem == nil {
		l.text.WriteString(path + ": no record has such a name")
	} else {
		l.text.WriteString(problem.Error())
	}
}

func (l *leftovers) err() error {
	more := ""
	if l.count > namedLeftovers {
		more = "; and more"
	}
	return fmt.Errorf("%w: %d left as found, to be moved elsewhere or removed: %s%s", store.ErrMalformed, l.count, l.text.String(), more)
}
