package boltstore_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"go.etcd.io/bbolt"

	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/boltstore"
)

func Example() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "boltstore")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)

	db, err := bbolt.Open(filepath.Join(dir, "sessions.db"), 0o600, &bbolt.Options{Timeout: time.Second})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer db.Close()
	sessions, err := boltstore.New(db, nil)
	if err != nil {
		fmt.Println(err)
		return
	}

	// A program gives sessions to cloakroom.New, which makes calls such as these.
	fields, err := store.NewFields(store.Field{Name: "visits", Value: "1"})
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = sessions.Save(ctx, "k1", store.Change{Create: true, Set: fields, ExpiresAt: time.Now().Add(time.Hour)})
	if err != nil {
		fmt.Println(err)
		return
	}
	rec, err := sessions.Load(ctx, "k1")
	visits, _ := rec.Fields.Get("visits")
	fmt.Println(visits, err)
	// Output: 1 <nil>
}
