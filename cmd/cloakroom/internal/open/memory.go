package open

import (
	"context"

	"github.com/cloakroom-go/cloakroom/store/memstore"
)

func openMemory(_ context.Context, url string) (*Opened, error) {
	if url != "memory:" {
		return nil, wrong(url, "has something after the colon, where memory takes nothing")
	}
	return &Opened{Store: memstore.New(nil), Kind: "memory", Place: "memory, until this program ends"}, nil
}
