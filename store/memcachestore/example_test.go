package memcachestore_test

import (
	"fmt"

	"github.com/bradfitz/gomemcache/memcache"

	"github.com/cloakroom-go/cloakroom/store/memcachestore"
)

func Example() {
	client := memcache.New("127.0.0.1:11211")
	client.MaxIdleConns = 100 // more than requests at a time
	defer client.Close()
	sessions, err := memcachestore.New(client, nil)
	fmt.Println(sessions != nil, err) // a program gives sessions to cloakroom.New
	// Output: true <nil>
}
