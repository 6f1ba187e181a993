package ferret_test

import (
	"context"
	"crypto/rand"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/cloakroom-go/cloakroom/internal/integration/ferret"
	"github.com/cloakroom-go/cloakroom/internal/integration/servers"
	"github.com/cloakroom-go/cloakroom/store/mongostore"
)

var server = servers.Shared(ferret.MongoDB)

func TestMain(m *testing.M) { servers.Main(m) }

// connect returns a client that ends with the test. What is given comes after the defaults.
func connect(t testing.TB, url string, more ...*options.ClientOptions) *mongo.Client {
	t.Helper()
	client, err := mongo.Connect(append([]*options.ClientOptions{options.Client().ApplyURI(url)}, more...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Disconnect(context.Background()) })
	return client
}

// collection returns a new collection, which is dropped with its database at the test's end.
func collection(t testing.TB, client *mongo.Client) *mongo.Collection {
	t.Helper()
	db := client.Database("cloakroom_" + rand.Text())
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := db.Drop(ctx); err != nil {
			t.Log("a database is left behind: ", err)
		}
	})
	return db.Collection("sessions")
}

// open returns a Store that has migrated.
func open(t *testing.T, coll *mongo.Collection, options *mongostore.Options) *mongostore.Store {
	t.Helper()
	s, err := mongostore.New(coll, options)
	if err == nil {
		err = s.Migrate(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func openKV(t *testing.T, coll *mongo.Collection, options *mongostore.KVOptions) *mongostore.KV {
	t.Helper()
	kv, err := mongostore.NewKV(coll, options)
	if err != nil {
		t.Fatal(err)
	}
	return kv
}
