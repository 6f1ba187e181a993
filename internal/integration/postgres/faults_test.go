package postgres_test

import (
	"strings"
	"testing"

	"github.com/cloakroom-go/cloakroom/internal/integration/faults"
	"github.com/cloakroom-go/cloakroom/internal/integration/servers"
	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/sqlstore"
)

func TestFaults(t *testing.T) {
	const conns = 8
	server := servers.PostgreSQL(t, servers.Durable)
	connect := func(t testing.TB, addr string) (*sqlstore.Store, func()) {
		db := open(t, strings.Replace(server.URL(), server.Addr(), addr, 1))
		db.SetMaxOpenConns(conns)
		s, err := sqlstore.New(db, sqlstore.PostgreSQL(), nil)
		if err != nil {
			t.Fatal(err)
		}
		return s, func() { db.Close() }
	}
	s, closeStore := connect(t, server.Addr())
	if err := s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	closeStore()
	faults.Run(t, faults.Subject{
		Server: server, Conns: conns, Durable: true,
		Open: func(t testing.TB, addr string) (store.Store, func()) { return connect(t, addr) },
	})
}
