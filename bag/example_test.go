package bag_test

import (
	"context"
	"fmt"
	"log"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/bag"
	"github.com/cloakroom-go/cloakroom/store/memstore"
)

func ExampleOf() {
	sessions, err := cloakroom.New(memstore.New(nil), nil)
	if err != nil {
		log.Fatal(err)
	}
	s, err := sessions.Open(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	b := bag.Of(s)
	if err := b.Put("user.name", "Ada"); err != nil {
		log.Fatal(err)
	}
	if err := b.Push("user.teams", "red"); err != nil {
		log.Fatal(err)
	}
	fmt.Println(b.Get("user.teams.0"), b.Get("user.age", "unknown"))
	fmt.Println(b.Push("user.name", "Lovelace"))
	// Output:
	// red unknown
	// cloakroom/bag: the path "user.name" leads to a string, and only lists can be pushed onto
}
