//go:build unix

package filestore_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/filestore"
	"github.com/cloakroom-go/cloakroom/store/kvstore"
)

func ExampleNew() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)

	// A directory that is not there is made, for its user alone.
	s, err := filestore.New(filepath.Join(dir, "sessions"), nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer s.Close()
	_, err = s.Save(context.Background(), "k", store.Change{Create: true, ExpiresAt: time.Now().Add(time.Hour)})
	fmt.Println(err)
	// Output: <nil>
}

// The files of another program, which ends a session five minutes after it wrote its file.
func ExampleNewKV() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)

	kv, err := filestore.NewKV(dir, &filestore.KVOptions{
		TTL: 5 * time.Minute,
		Name: func(key string) string { // that program names a file like its session
			if len(key) != 40 || strings.ContainsAny(key, "./") {
				return ""
			}
			return key
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer kv.Close()
	ctx, key := context.Background(), strings.Repeat("k", 40)
	next := kvstore.Entry{Value: `{"user":7}`, ExpiresAt: time.Now().Add(time.Minute)}
	if err := kv.CompareAndSwap(ctx, key, nil, next); err != nil {
		fmt.Println(err)
		return
	}
	text, err := os.ReadFile(filepath.Join(dir, key))
	fmt.Println(string(text), err)
	// Output: {"user":7} <nil>
}
