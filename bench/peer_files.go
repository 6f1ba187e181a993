package main

import (
	"path/filepath"
	"time"

	"go.etcd.io/bbolt"

	"github.com/cloakroom-go/cloakroom/store/boltstore"
	"github.com/cloakroom-go/cloakroom/store/filestore"
)

var filePeers = []*storePeer{
	{name: "cloakroom-bolt", server: "files", start: startCloakroomBolt, alone: true},
	{name: "cloakroom-file", server: "files", start: startCloakroomFile},
}

func startCloakroomBolt(at place) (webServer, error) {
	db, err := bbolt.Open(filepath.Join(at.URL, "sessions.db"), 0o600, &bbolt.Options{
		Timeout: time.Second, FreelistType: bbolt.FreelistMapType,
	})
	if err != nil {
		return nil, err
	}
	s, err := boltstore.New(db, nil)
	if err != nil {
		return nil, err
	}
	return newCloakroomStore(s, func() { db.Close() })
}

func startCloakroomFile(at place) (webServer, error) {
	s, err := filestore.New(filepath.Join(at.URL, "sessions"), nil)
	if err != nil {
		return nil, err
	}
	return newCloakroomStore(s, func() { s.Close() })
}
