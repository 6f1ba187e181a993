package main

import "github.com/cloakroom-go/cloakroom/store/memstore"

// processPeers need nothing outside the process.
var processPeers = []*storePeer{
	{name: "cloakroom-memory", server: "process", alone: true, start: func(place) (webServer, error) {
		return newCloakroomStore(memstore.New(nil), func() {})
	}},
	{name: bare.name, server: "process", raw: true, alone: true, start: func(place) (webServer, error) { return bareServer{}, nil }},
}
