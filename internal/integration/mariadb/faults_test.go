package mariadb_test

import (
	"database/sql"
	"testing"

	"github.com/go-sql-driver/mysql"

	"github.com/cloakroom-go/cloakroom/internal/integration/faults"
	"github.com/cloakroom-go/cloakroom/internal/integration/servers"
	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/sqlstore"
)

func TestFaults(t *testing.T) {
	const conns = 8
	server := servers.MariaDB(t, servers.Durable)
	connect := func(t testing.TB, addr string) (*sqlstore.Store, func()) {
		config, err := mysql.ParseDSN(server.DSN())
		if err != nil {
			t.Fatal(err)
		}
		config.Addr = addr
		config.Logger = &mysql.NopLogger{} // it logs each connection that it loses
		connector, err := mysql.NewConnector(config)
		if err != nil {
			t.Fatal(err)
		}
		db := sql.OpenDB(connector)
		db.SetMaxOpenConns(conns)
		s, err := sqlstore.New(db, sqlstore.MySQL(), nil)
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
