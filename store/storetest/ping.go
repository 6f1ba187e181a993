package storetest

import (
	"context"

	"github.com/cloakroom-go/cloakroom/store"
)

var pingChecks = []check{
	{"Ping", "answers", needs(func(t *trial, p store.Pinger) {
		t.load(t.create(""))
		if err := p.Ping(t.ctx); err != nil {
			t.broken("Ping returned %q, and Load works", err)
		}
	})},
	{"Store 4", "ended-ping", needs(func(t *trial, p store.Pinger) {
		t.ended(func(ctx context.Context, how string) error {
			return answer(p.Ping(ctx), ctx.Err(), "Ping with a context that was %s", how)
		})
	})},
}
