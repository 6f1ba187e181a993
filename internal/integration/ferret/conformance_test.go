package ferret_test

import (
	"testing"

	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/kvstore"
	"github.com/cloakroom-go/cloakroom/store/kvstore/kvtest"
	"github.com/cloakroom-go/cloakroom/store/storetest"
)

func TestConforms(t *testing.T) {
	client := connect(t, server(t).URL())
	storetest.Run(t, func(t *testing.T) store.Store { return open(t, collection(t, client), nil) })
}

func TestKVConforms(t *testing.T) {
	client := connect(t, server(t).URL())
	kvtest.Run(t, func(t *testing.T) kvstore.KV { return openKV(t, collection(t, client), nil) })
}
