package open

import (
	"context"

	"github.com/cloakroom-go/cloakroom/store/memstore"
)

func openMemory(_ context.Context, rest string) (*Opened, error) {
	if rest != "" {
		return nil, &URLError{"memory:" + rest, "has something after the colon, where memory takes nothing"}
	}
	return &Opened{Store: memstore.New(nil), Kind: "memory", Place: "memory, until this program ends"}, nil
}
