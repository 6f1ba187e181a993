package filestore

import (
	"fmt"
	"os"
)

// Options are the settings of a [Store] that have a default.
type Options struct {
	// Sync is what Save and Delete wait for. Defaults to SyncFull.
	Sync Sync
}

// Sync says what has been done for a change when the call that made it returns. It matters
// when the machine dies: what a process has written outlives that process anyway.
type Sync int

const (
	// SyncFull: the change is on the disk, both the file and its name. A crash of the machine
	// costs nothing that was acknowledged.
	SyncFull Sync = iota
	// SyncNone: the change is in the memory of the operating system, which writes it out
	// within about half a minute. A crash of the machine costs the changes of that time,
	// sign-outs among them. On file systems that write names before contents it can also
	// leave files that are empty or cut off; they are found malformed, which signs their
	// users out. Only a Save that gives a record to an owner still waits for the disk, so
	// that the sessions of a user are found also after a crash.
	SyncNone
)

// flusher returns what makes a file, or the names in a directory, stay through a crash.
func (s Sync) flusher() (func(*os.File) error, error) {
	switch s {
	case SyncFull:
		return (*os.File).Sync, nil
	case SyncNone:
		return func(*os.File) error { return nil }, nil
	}
	return nil, fmt.Errorf("Options.Sync is %d: use SyncFull or SyncNone", s)
}
