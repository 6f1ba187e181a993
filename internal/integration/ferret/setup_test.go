package ferret_test

import (
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/internal/integration/docs"
	"github.com/cloakroom-go/cloakroom/store/mongostore"
)

// docs/STORES.md shows what is between the marks.
func setupMongoDB(t *testing.T, uri string) (*mongostore.Store, *mongo.Client) {
	ctx, check := t.Context(), func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	// page: MongoDB
	client, err := mongo.Connect(options.Client().ApplyURI(uri)) // mongodb://host:27017
	check(err)
	records, err := mongostore.New(client.Database("app").Collection("sessions"), nil)
	check(err)
	check(records.Migrate(ctx))
	// end
	return records, client
}

func TestThePageShowsADocumentAsItIs(t *testing.T) {
	s := server(t)
	if s.Given() {
		t.Skip("the server was given by URL, and the setup has a fixed name for the database")
	}
	records, client := setupMongoDB(t, s.URL())
	defer client.Disconnect(t.Context())
	sessions, err := cloakroom.New(records, nil)
	if err != nil {
		t.Fatal(err)
	}
	session, err := sessions.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	session.SignIn("alice")
	cloakroom.NewKey[int]("visits").Set(session, 3)
	cloakroom.NewKey[string]("theme").Set(session, "dark")
	if _, err := sessions.Commit(t.Context(), session); err != nil {
		t.Fatal(err)
	}
	document, err := client.Database("app").Collection("sessions").FindOne(t.Context(), bson.M{"_id": session.ID()}).Raw()
	if err != nil {
		t.Fatal(err)
	}
	text, err := bson.MarshalExtJSONIndent(document, false, false, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	docs.Compare(t, "MongoDB", string(text)+"\n")
}
