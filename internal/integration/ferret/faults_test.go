package ferret_test

import (
	"context"
	"crypto/rand"
	"testing"

	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/cloakroom-go/cloakroom/internal/integration/faults"
	"github.com/cloakroom-go/cloakroom/internal/integration/ferret"
	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/mongostore"
)

func TestFaults(t *testing.T) {
	const pool, monitors = 8, 2
	s := ferret.MongoDB(t)
	faults.Run(t, faults.Subject{
		Server: s,
		Open: func(t testing.TB, addr string) (store.Store, func()) {
			client := connect(t, "mongodb://"+addr+"/?directConnection=true", options.Client().SetMaxPoolSize(pool).SetMaxConnecting(pool))
			// Each has a database of its own, since FerretDB is slower the more is in one.
			db := client.Database("cloakroom_" + rand.Text())
			st, err := mongostore.New(db.Collection("sessions"), nil)
			if err != nil {
				t.Fatal(err)
			}
			return st, func() {
				if err := db.Drop(context.Background()); err != nil {
					t.Log("a database is left behind: ", err)
				}
				client.Disconnect(context.Background())
			}
		},
		Conns:   pool + monitors,
		Durable: true,
	})
}
