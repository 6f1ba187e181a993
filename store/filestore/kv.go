package filestore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/kvstore"
)

// KVOptions say how a [KV] keeps its files, for each setting that has a default.
type KVOptions struct {
	// Name returns the name of the file for a key, or "" for a key that has none. It must be
	// a name that the file system takes, without a slash; two keys must not have one name,
	// also where the case of letters is not seen; and it is called by many goroutines at
	// once. Defaults to the SHA-256 of the key in hexadecimal, which fits any key.
	Name func(key string) string

	// TTL is how long an entry lives after the time at which its file was modified. A
	// CompareAndSwap sets that time to next.ExpiresAt less TTL, so that other programs, which
	// count from it too, see the same end. Defaults to 0: the time of the file is when the
	// entry ends, and a file that another program writes has ended at once.
	TTL time.Duration

	// Sync is what CompareAndSwap and Delete wait for. Defaults to SyncFull.
	Sync Sync
}

// KV keeps values in the files of one directory, each as it is: for programs that share
// files with others, or have a form of their own. It is a [kvstore.KV], and safe for
// concurrent use, also by several processes on one machine with a KV each; they write in
// turns. A program that knows nothing of this package and writes files in place can overwrite
// a change, and be read when it has written half.
//
// Keys are those that KVOptions.Name has a name for. Values have up to 16 MiB. Owner is not
// kept. ExpiresAt is kept in the time of the file, as exactly as the file system does; for
// entries without end it is a time after the year 2199. Nothing removes what has expired:
// that is the caller's to do.
type KV struct {
	root  *os.Root
	gate  gate
	name  func(key string) string
	ttl   time.Duration
	flush func(*os.File) error
}

var _ kvstore.KV = (*KV)(nil)

// forever is the time of files that do not end. File systems keep it, and the clocks of
// computers will not reach it.
var forever = time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)

// NewKV returns a KV in dir, which it makes if need be, with mode 0700. options may be nil.
// What is in dir is left alone, but for a file named .cloakroom-tmp.
//
// It is an error when dir is not a directory or cannot be made or opened, when it is on a
// file system without locks, when KVOptions.TTL is negative, and on an operating system that
// the package comment does not name.
func NewKV(dir string, options *KVOptions) (*KV, error) {
	var o KVOptions
	if options != nil {
		o = *options
	}
	if o.Name == nil {
		o.Name = func(key string) string { return digestOf(key).String() }
	}
	if o.TTL < 0 {
		return nil, fmt.Errorf("filestore: KVOptions.TTL is %v: use 0 or a positive duration", o.TTL)
	}
	flush, err := o.Sync.flusher()
	if err != nil {
		return nil, fmt.Errorf("filestore: KV%w", err)
	}
	root, err := open(dir)
	if err != nil {
		return nil, fmt.Errorf("filestore: %w", err)
	}
	return &KV{root: root, gate: newGate(), name: o.Name, ttl: o.TTL, flush: flush}, nil
}

// Close lets go of the directory. Calls after it fail.
func (kv *KV) Close() error { return kv.root.Close() }

// Get returns the live entry at key. Besides the errors of [kvstore.KV] it returns
// [store.ErrMalformed] with the path when something else than a file is there, or one that is
// too large, and an error that describes a key without a name.
func (kv *KV) Get(ctx context.Context, key string) (kvstore.Entry, error) {
	e, err := kv.get(ctx, key)
	if err != nil {
		return kvstore.Entry{}, fmt.Errorf("filestore: get: %w", err)
	}
	return e, nil
}

func (kv *KV) get(ctx context.Context, key string) (kvstore.Entry, error) {
	if err := ctx.Err(); err != nil {
		return kvstore.Entry{}, err
	}
	name, err := kv.fileOf(key)
	if err != nil {
		return kvstore.Entry{}, err
	}
	return kv.read(kv.root, name)
}

// read returns a live entry or [store.ErrNotFound].
func (kv *KV) read(root *os.Root, name string) (kvstore.Entry, error) {
	data, info, err := read(root, name)
	if errors.Is(err, fs.ErrNotExist) {
		return kvstore.Entry{}, store.ErrNotFound
	}
	if err != nil {
		return kvstore.Entry{}, err
	}
	e := kvstore.Entry{Value: string(data)}
	if modified := info.ModTime(); modified.Before(forever) {
		e.ExpiresAt = modified.Add(kv.ttl)
		if !live(e) {
			return kvstore.Entry{}, store.ErrNotFound
		}
	}
	return e, nil
}

func live(e kvstore.Entry) bool { return e.ExpiresAt.IsZero() || time.Now().Before(e.ExpiresAt) }

// CompareAndSwap puts next at key if what is there is old. Besides the errors of
// [kvstore.KV] and [KV.Get] it returns one that gives both sizes when next.Value is too large;
// then nothing is changed. It waits for other writers as [Store.Save] does.
func (kv *KV) CompareAndSwap(ctx context.Context, key string, old *kvstore.Entry, next kvstore.Entry) error {
	if err := kv.swap(ctx, key, old, next); err != nil {
		return fmt.Errorf("filestore: compare and swap: %w", err)
	}
	return nil
}

func (kv *KV) swap(ctx context.Context, key string, old *kvstore.Entry, next kvstore.Entry) error {
	name, err := kv.fileOf(key)
	if err != nil {
		return err
	}
	if len(next.Value) > maxFile {
		return fmt.Errorf("the value has %d bytes: at most %d are kept", len(next.Value), maxFile)
	}
	f, err := kv.enter(ctx)
	if err != nil {
		return err
	}
	defer f.leave()
	now, err := kv.read(f.root, name)
	switch {
	case errors.Is(err, store.ErrNotFound):
		if old != nil {
			return store.ErrConflict
		}
	case err != nil:
		return err
	case old == nil || old.Value != now.Value:
		return store.ErrConflict
	}
	if !live(next) {
		return f.remove(name)
	}
	modified := forever
	if !next.ExpiresAt.IsZero() {
		modified = next.ExpiresAt.Add(-kv.ttl)
	}
	return f.put(name, []byte(next.Value), modified)
}

// Delete removes the file of the key. It waits for other writers as [Store.Save] does. Its
// errors are those of [kvstore.KV], and one that describes a key without a name.
func (kv *KV) Delete(ctx context.Context, key string) error {
	if err := kv.delete(ctx, key); err != nil {
		return fmt.Errorf("filestore: delete: %w", err)
	}
	return nil
}

func (kv *KV) delete(ctx context.Context, key string) error {
	name, err := kv.fileOf(key)
	if err != nil {
		return err
	}
	f, err := kv.enter(ctx)
	if err != nil {
		return err
	}
	defer f.leave()
	return f.remove(name)
}

func (kv *KV) enter(ctx context.Context) (*folder, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	root, err := kv.root.OpenRoot(".")
	if err != nil {
		return nil, err
	}
	return lock(ctx, root, kv.gate, kv.flush)
}

// fileOf returns the name of a key's file, if it is one that can be used.
func (kv *KV) fileOf(key string) (string, error) {
	if err := checkKey(key); err != nil {
		return "", err
	}
	switch name := kv.name(key); {
	case name == "":
		return "", errors.New("the key has no file: KVOptions.Name returned an empty name for it")
	case name == "." || name == ".." || name == temporary || strings.ContainsAny(name, "/\\\x00"):
		return "", fmt.Errorf("KVOptions.Name returned %q: it must name a file in the directory, other than %s", name, temporary)
	default:
		return name, nil
	}
}
