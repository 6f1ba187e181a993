package kvstore_test

import (
	"context"
	"fmt"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/kvstore"
)

// A store over a KV of one's own; newMapKV stands for that of a database.
func ExampleNew() {
	kv := newMapKV(false)
	s := kvstore.New(kv)

	ctx := context.Background()
	fields, err := store.NewFields(store.Field{Name: "visits", Value: "1"})
	if err != nil {
		fmt.Println(err)
		return
	}
	if _, err := s.Save(ctx, "k", store.Change{Create: true, Set: fields, ExpiresAt: time.Now().Add(time.Hour)}); err != nil {
		fmt.Println(err)
		return
	}
	rec, err := s.Load(ctx, "k")
	fmt.Println(rec.Fields.Len(), err)
	// Output: 1 <nil>
}

// What a KV gets to keep.
func ExampleEncode() {
	fields, err := store.NewFields(store.Field{Name: "visits", Value: "1"})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(kvstore.Encode(store.Record{
		Version: 1767225600000000, Owner: "7", ExpiresAt: time.UnixMilli(1767312000000), Fields: fields,
	}))
	// Output: {"version":1767225600000000,"owner":"7","expires":1767312000000,"fields":{"visits":1}}
}
