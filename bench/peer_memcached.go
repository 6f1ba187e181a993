package main

import (
	"github.com/bradfitz/gomemcache/memcache"

	"github.com/cloakroom-go/cloakroom/store/memcachestore"
)

var memcachedPeers = []*storePeer{
	{name: "cloakroom-memcached", server: "memcached", start: startCloakroomMemcached},
}

func startCloakroomMemcached(at place) (webServer, error) {
	client := memcache.New(at.Addr)
	client.MaxIdleConns = connections
	s, err := memcachestore.New(client, nil)
	if err != nil {
		return nil, err
	}
	return newCloakroomStore(s, func() { client.Close() })
}
