package explorer

import (
	"database/sql"
	"testing"

	_ "github.com/go-sql-driver/mysql"
	_ "github.com/jackc/pgx/v5/stdlib"

	"github.com/cloakroom-go/cloakroom/internal/integration/servers"
	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/sqlstore"
)

func onSQL(t *testing.T, driver, source string, dialect sqlstore.Dialect) store.Store {
	t.Helper()
	db, err := sql.Open(driver, source)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	s, err := sqlstore.New(db, dialect, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestPromisesHoldOnPostgreSQL(t *testing.T) {
	ExploreServer(t, onSQL(t, "pgx", servers.PostgreSQL(t).URL(), sqlstore.PostgreSQL()), Reduced())
}

func TestPromisesHoldOnMariaDB(t *testing.T) {
	ExploreServer(t, onSQL(t, "mysql", servers.MariaDB(t).DSN(), sqlstore.MySQL()), Reduced())
}
