package memstore_test

import (
	"context"
	"fmt"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/memstore"
)

// A store that holds at most so much, and tells who had to go.
func ExampleNew_bounded() {
	s := memstore.New(&memstore.Options{
		MaxRecords: 2,
		OnEvict:    func(key string) { fmt.Println("evicted:", key) },
	})
	ctx := context.Background()
	for _, key := range []string{"first", "second", "third"} {
		_, err := s.Save(ctx, key, store.Change{Create: true, ExpiresAt: time.Now().Add(time.Hour)})
		if err != nil {
			fmt.Println(err)
		}
	}
	fmt.Println(s.Len(), "held,", s.Evicted(), "evicted")
	// Output:
	// evicted: first
	// 2 held, 1 evicted
}
