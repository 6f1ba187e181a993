package mariadb_test

import (
	"database/sql"
	"strings"
	"testing"

	"github.com/cloakroom-go/cloakroom/internal/integration/proxy"
)

// through returns a handle to a new database by way of a proxy.
func through(t *testing.T) (*sql.DB, *proxy.Proxy) {
	_, name := newDatabase(t)
	p := proxy.New(t, shared(t).Addr())
	return open(t, strings.Replace(name, shared(t).Addr(), p.Addr(), 1)), p
}

func TestRoundTrips(t *testing.T) {
	db, p := through(t)
	mariadb.RoundTrips(t, db, p)
}

func TestASaveWhoseAnswerIsLostIsDoneOnce(t *testing.T) {
	db, p := through(t)
	mariadb.ALostAnswerIsNotAskedForAgain(t, db, p)
}
