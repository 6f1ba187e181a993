package mongostore_test

import (
	"context"
	"log"

	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/cloakroom-go/cloakroom/store/mongostore"
)

func Example() {
	client, err := mongo.Connect(options.Client().ApplyURI("mongodb://localhost:27017"))
	if err != nil {
		log.Fatal(err)
	}
	defer client.Disconnect(context.Background())

	sessions, err := mongostore.New(client.Database("app").Collection("sessions"), nil)
	if err != nil {
		log.Fatal(err)
	}
	if err := sessions.Migrate(context.Background()); err != nil {
		log.Fatal(err)
	}
	// Hand sessions to cloakroom.New.
}

// Sessions that connect-mongo wrote for a Node program with express-session.
func ExampleNewKV() {
	client, err := mongo.Connect(options.Client().ApplyURI("mongodb://localhost:27017"))
	if err != nil {
		log.Fatal(err)
	}
	defer client.Disconnect(context.Background())

	kv, err := mongostore.NewKV(client.Database("shop").Collection("sessions"), nil)
	if err != nil {
		log.Fatal(err)
	}
	entry, err := kv.Get(context.Background(), "uwOdvjKHbKf2V2OZqZqZy0Z0kgjWq3nS")
	if err != nil {
		log.Fatal(err)
	}
	log.Print(entry.Value) // {"cookie":{"originalMaxAge":60000, ...},"views":3}
}
