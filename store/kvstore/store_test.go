package kvstore_test

import (
	"testing"

	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/kvstore"
	"github.com/cloakroom-go/cloakroom/store/storetest"
)

func TestEveryRuleHoldsOverAKVThatComparesValues(t *testing.T) {
	storetest.Run(t, func(*testing.T) store.Store { return kvstore.New(newMapKV(false)) })
}

func TestEveryRuleHoldsOverAKVThatComparesRevisions(t *testing.T) {
	storetest.Run(t, func(*testing.T) store.Store { return kvstore.New(newMapKV(true)) })
}
