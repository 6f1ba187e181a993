package ferret_test

import (
	"context"
	"testing"

	"github.com/cloakroom-go/cloakroom/internal/integration/explorer"
	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/mongostore"
)

func TestPromisesHold(t *testing.T) {
	client := connect(t, server(t).URL())
	for name, settings := range explorer.Reduced() {
		s := &tidy{Store: open(t, collection(t, client), nil)}
		explorer.ExploreServer(t, s, explorer.Set{name: settings})
	}
}

// tidy deletes what earlier schedules have left: FerretDB reads all of it for each Save.
type tidy struct {
	*mongostore.Store
	keys []string
}

func (s *tidy) Save(ctx context.Context, key string, change store.Change) (uint64, error) {
	const kept = 16 // more than a schedule makes
	if change.Create {
		s.keys = append(s.keys, key)
	}
	if len(s.keys) > kept {
		if err := s.Delete(ctx, s.keys[0]); err != nil {
			return 0, err
		}
		s.keys = s.keys[1:]
	}
	return s.Store.Save(ctx, key, change)
}
