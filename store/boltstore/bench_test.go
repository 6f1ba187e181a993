package boltstore

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/kvstore"
)

// The same edits of different records, grouped and each in a transaction of its own.
func BenchmarkSave(b *testing.B) {
	for _, writers := range []int{1, 16} {
		for _, way := range []string{"grouped", "one-each"} {
			b.Run(fmt.Sprintf("%s/writers=%d", way, writers), func(b *testing.B) {
				db, err := bbolt.Open(filepath.Join(b.TempDir(), "sessions.db"), 0o600, nil)
				if err != nil {
					b.Fatal(err)
				}
				defer db.Close()
				s, err := New(db, nil)
				if err != nil {
					b.Fatal(err)
				}
				save := s.Save
				if way == "one-each" {
					save = func(_ context.Context, key string, change store.Change) (version uint64, err error) {
						err = db.Update(func(tx *bbolt.Tx) error {
							version, err = saveAlone(tx, s.kv.name, []byte(key), change)
							return err
						})
						return version, err
					}
				}
				saveMany(b, writers, save)
			})
		}
	}
}

func saveMany(b *testing.B, writers int, save func(context.Context, string, store.Change) (uint64, error)) {
	ctx := context.Background()
	filler := store.Field{Name: "filler", Value: `"` + strings.Repeat("x", 500) + `"`}
	change := func(n int) store.Change {
		f, err := store.NewFields(filler, store.Field{Name: "n", Value: fmt.Sprint(n)})
		if err != nil {
			b.Error(err)
		}
		return store.Change{Create: n == 0, ExpiresAt: time.Now().Add(time.Hour), Set: f}
	}
	for w := range writers {
		if _, err := save(ctx, fmt.Sprint("key", w), change(0)); err != nil {
			b.Fatal(err)
		}
	}
	var next atomic.Int64
	done := make(chan struct{})
	b.ResetTimer()
	for w := range writers {
		go func() {
			defer func() { done <- struct{}{} }()
			for n := next.Add(1); n <= int64(b.N); n = next.Add(1) {
				if _, err := save(ctx, fmt.Sprint("key", w), change(int(n))); err != nil {
					b.Error(err)
					return
				}
			}
		}()
	}
	for range writers {
		<-done
	}
}

func saveAlone(tx *bbolt.Tx, bucket, key []byte, change store.Change) (version uint64, err error) {
	b, err := openBuckets(tx, bucket)
	if err != nil {
		return 0, err
	}
	old, found, err := b.get(key)
	if err != nil {
		return 0, err
	}
	var rec store.Record
	if found {
		if rec, err = kvstore.Decode(old.value); err != nil {
			return 0, err
		}
	}
	if rec, err = store.Apply(rec, found, change); err != nil {
		return 0, err
	}
	next := entryOf(kvstore.Entry{Value: kvstore.Encode(rec), ExpiresAt: rec.ExpiresAt, Owner: rec.Owner})
	return rec.Version, b.put(key, old, found, next)
}
