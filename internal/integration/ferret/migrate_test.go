package ferret_test

import (
	"maps"
	"strings"
	"sync"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/cloakroom-go/cloakroom/internal/integration/ferret"
	"github.com/cloakroom-go/cloakroom/store/mongostore"
)

// indexes returns the names of a collection's indexes and what ends the documents in them.
func indexes(t *testing.T, coll *mongo.Collection) map[string]bool {
	t.Helper()
	list, err := coll.Indexes().ListSpecifications(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	found := make(map[string]bool)
	for _, index := range list {
		found[index.Name] = index.ExpireAfterSeconds != nil && *index.ExpireAfterSeconds == 0
	}
	return found
}

func TestMigrateMakesIndexesAndChangesNothingWhenTheyAreThere(t *testing.T) {
	coll := collection(t, connect(t, server(t).URL()))
	s := open(t, coll, nil)
	save(t, s, "k", creation(t, "a", "1"))
	want := map[string]bool{"_id_": false, "owner_1__id_1": false}
	if server(t).Given() {
		want["expires_1"] = true
	} // and FerretDB has no TTL indexes, which is no reason to fail
	for range 2 {
		if got := indexes(t, coll); !maps.Equal(got, want) {
			t.Errorf("the indexes are %v, want %v", got, want)
		}
		if err := s.Migrate(t.Context()); err != nil {
			t.Error(err)
		}
	}
	load(t, s, "k")
}

func TestTenProcessesCanMigrateAtOnce(t *testing.T) {
	url := server(t).URL()
	db := collection(t, connect(t, url)).Database().Name()
	var wg sync.WaitGroup
	for range 10 {
		client := connect(t, url)
		s, err := mongostore.New(client.Database(db).Collection("sessions"), nil)
		if err != nil {
			t.Fatal(err)
		}
		wg.Go(func() {
			if err := s.Migrate(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if got := indexes(t, connect(t, url).Database(db).Collection("sessions")); len(got) < 2 {
		t.Errorf("the indexes are %v", got)
	}
}

// A store works without Migrate; what it lacks is speed and somebody who removes what has
// expired.
func TestAStoreThatHasNotMigratedKeepsItsRules(t *testing.T) {
	s, err := mongostore.New(collection(t, connect(t, server(t).URL())), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Ping(t.Context()); err != nil {
		t.Errorf("Ping where there is no collection: %v", err)
	}
	if n, err := s.Sweep(t.Context(), 10); n != 0 || err != nil {
		t.Errorf("Sweep where there is no collection: %d, %v", n, err)
	}
	for key, err := range s.List(t.Context()) {
		t.Errorf("List where there is no collection: %q, %v", key, err)
	}
	save(t, s, "k", creation(t, "a", "1"))
	load(t, s, "k")
}

func TestMigrateRefusesWhatCannotKeepSessions(t *testing.T) {
	db := collection(t, connect(t, server(t).URL())).Database()
	if err := db.CreateCollection(t.Context(), "capped", options.CreateCollection().SetCapped(true).SetSizeInBytes(1<<20)); err != nil {
		t.Fatal(err)
	}
	if server(t).Given() { // FerretDB has neither of these
		collation := options.CreateCollection().SetCollation(&options.Collation{Locale: "en", Strength: 2})
		if err := db.CreateCollection(t.Context(), "collation", collation); err != nil {
			t.Fatal(err)
		}
		if err := db.CreateView(t.Context(), "view", "capped", mongo.Pipeline{}); err != nil {
			t.Fatal(err)
		}
	}
	names, err := db.ListCollectionNames(t.Context(), bson.D{{Key: "name", Value: bson.D{{Key: "$ne", Value: "system.views"}}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		s, err := mongostore.New(db.Collection(name), nil)
		if err != nil {
			t.Fatal(err)
		}
		err = s.Migrate(t.Context())
		if err == nil || !strings.Contains(err.Error(), db.Name()+"."+name) || !strings.Contains(err.Error(), "it ") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// An index that somebody else made is neither replaced nor taken for ours.
func TestMigrateReportsAnIndexOfOthers(t *testing.T) {
	if !server(t).Given() {
		t.Skip("FerretDB has no TTL indexes: give a MongoDB in " + ferret.Variable)
	}
	coll := collection(t, connect(t, server(t).URL()))
	if _, err := coll.Indexes().CreateOne(t.Context(), mongo.IndexModel{Keys: bson.D{{Key: "expires", Value: 1}}}); err != nil {
		t.Fatal(err)
	}
	s, err := mongostore.New(coll, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Migrate(t.Context()); err == nil || !strings.Contains(err.Error(), "expires_1") {
		t.Errorf("%v", err)
	}
}
