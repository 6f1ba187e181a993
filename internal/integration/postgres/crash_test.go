package postgres_test

import (
	"errors"
	"testing"

	"github.com/cloakroom-go/cloakroom/internal/integration/servers"
	"github.com/cloakroom-go/cloakroom/internal/integration/sqlchecks"
	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/sqlstore"
)

// What Options.Unlogged says a crash costs, on a server that loses nothing else.
func TestACrashEmptiesAnUnloggedTableAndNoOther(t *testing.T) {
	server := servers.PostgreSQL(t, servers.Durable)
	db := open(t, server.URL())
	logged := postgres.Store(t, db, nil)
	unlogged := postgres.Store(t, db, &sqlstore.Options{Table: "light", Unlogged: true})
	for _, s := range []*sqlstore.Store{logged, unlogged} {
		sqlchecks.Create(t, s, "k", "u1")
	}
	again := func() {
		t.Helper()
		db.SetMaxIdleConns(0) // those to the server as it was
		db.SetMaxIdleConns(16)
	}
	server.Stop()
	server.Start()
	again()
	for name, s := range map[string]*sqlstore.Store{"logged": logged, "unlogged": unlogged} {
		if _, err := s.Load(t.Context(), "k"); err != nil {
			t.Errorf("%s, after a clean restart: %v", name, err)
		}
	}
	server.Kill()
	server.Start()
	again()
	if _, err := logged.Load(t.Context(), "k"); err != nil {
		t.Errorf("logged, after a crash: %v", err)
	}
	if _, err := unlogged.Load(t.Context(), "k"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("unlogged, after a crash: %v", err)
	}
	sqlchecks.Create(t, unlogged, "k", "u1")
}
