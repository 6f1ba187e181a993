package ferret_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/kvstore"
	"github.com/cloakroom-go/cloakroom/store/mongostore"
)

// A document as connect-mongo writes it, with an option that adds a field.
func TestAKVReadsAndWritesWhatConnectMongoKeeps(t *testing.T) {
	coll := collection(t, connect(t, server(t).URL()))
	kv := openKV(t, coll, nil)
	const session = `{"cookie":{"originalMaxAge":60000,"expires":"2100-01-01T00:00:00.000Z","httpOnly":true,"path":"/"},"views":3}`
	end := time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)
	put(t, coll, bson.D{{Key: "_id", Value: "sid"}, {Key: "expires", Value: end}, {Key: "lastModified", Value: end}, {Key: "session", Value: session}})

	entry, err := kv.Get(t.Context(), "sid")
	if err != nil || entry.Value != session || !entry.ExpiresAt.Equal(end) {
		t.Fatalf("%+v, %v", entry, err)
	}
	next := kvstore.Entry{Value: strings.Replace(session, "3", "4", 1), ExpiresAt: end.Add(time.Minute)}
	if err := kv.CompareAndSwap(t.Context(), "sid", &entry, next); err != nil {
		t.Fatal(err)
	}
	doc := document(t, coll, "sid")
	if doc.Lookup("session").StringValue() != next.Value || !doc.Lookup("expires").Time().Equal(next.ExpiresAt) || !doc.Lookup("lastModified").Time().Equal(end) {
		t.Errorf("the document is %s", doc)
	}

	fresh := kvstore.Entry{Value: session, ExpiresAt: end}
	if err := kv.CompareAndSwap(t.Context(), "new", nil, fresh); err != nil {
		t.Fatal(err)
	}
	elements, err := document(t, coll, "new").Elements()
	if err != nil || len(elements) != 3 {
		t.Errorf("a new document is %v, %v", elements, err)
	}
}

func TestAKVKeepsToTheFieldsThatItIsGiven(t *testing.T) {
	coll := collection(t, connect(t, server(t).URL()))
	_, err := coll.Indexes().CreateOne(t.Context(), mongo.IndexModel{Keys: bson.D{{Key: "sid", Value: 1}}, Options: options.Index().SetUnique(true)})
	if err != nil {
		t.Fatal(err)
	}
	kv := openKV(t, coll, &mongostore.KVOptions{Key: "sid", Value: "blob", Expires: "until"})
	soon := kvstore.Entry{Value: "a", ExpiresAt: time.Now().Add(time.Hour)}
	if err := kv.CompareAndSwap(t.Context(), "k", nil, soon); err != nil {
		t.Fatal(err)
	}
	if err := kv.CompareAndSwap(t.Context(), "k", nil, soon); !errors.Is(err, store.ErrConflict) {
		t.Errorf("from nothing, where something is: %v", err)
	}
	doc, err := coll.FindOne(t.Context(), bson.D{{Key: "sid", Value: "k"}}).Raw()
	if err != nil || doc.Lookup("blob").StringValue() != "a" || doc.Lookup("until").Time().After(soon.ExpiresAt) {
		t.Errorf("the document is %s, %v", doc, err)
	}
	if err := kv.CompareAndSwap(t.Context(), "k", &soon, kvstore.Entry{Value: "b"}); err != nil {
		t.Fatal(err)
	}
	if e, err := kv.Get(t.Context(), "k"); err != nil || e.Value != "b" || !e.ExpiresAt.IsZero() {
		t.Errorf("%+v, %v", e, err)
	}
	if err := kv.Delete(t.Context(), "k"); err != nil || count(t, coll) != 0 {
		t.Errorf("Delete: %v", err)
	}
}

// What others wrote in another way that means the same.
func TestAKVReadsBinaryDataAndMissingEnds(t *testing.T) {
	coll := collection(t, connect(t, server(t).URL()))
	kv := openKV(t, coll, nil)
	put(t, coll, bson.D{{Key: "_id", Value: "binary"}, {Key: "session", Value: bson.Binary{Data: []byte("text")}}})
	put(t, coll, bson.D{{Key: "_id", Value: "null"}, {Key: "session", Value: "text"}, {Key: "expires", Value: nil}})
	for _, key := range []string{"binary", "null"} {
		entry, err := kv.Get(t.Context(), key)
		if err != nil || entry.Value != "text" || !entry.ExpiresAt.IsZero() {
			t.Errorf("%s: %+v, %v", key, entry, err)
		}
		if err := kv.CompareAndSwap(t.Context(), key, nil, kvEntry("other")); !errors.Is(err, store.ErrConflict) {
			t.Errorf("%s: from nothing: %v", key, err)
		}
		if err := kv.CompareAndSwap(t.Context(), key, &entry, kvEntry("other")); err != nil {
			t.Errorf("%s: %v", key, err)
		}
	}
}

func TestWhatIsNoEntryIsReportedAndLeftAsItIs(t *testing.T) {
	coll := collection(t, connect(t, server(t).URL()))
	kv := openKV(t, coll, nil)
	for says, doc := range map[string]bson.D{
		"session is of type embedded document": {{Key: "_id", Value: "object"}, {Key: "session", Value: bson.D{{Key: "cookie", Value: bson.D{}}}}},
		"session is missing":                   {{Key: "_id", Value: "empty"}},
		"expires is of type string":            {{Key: "_id", Value: "text"}, {Key: "session", Value: "{}"}, {Key: "expires", Value: "2100-01-01"}},
	} {
		put(t, coll, doc)
		key := doc[0].Value.(string)
		before := document(t, coll, key)
		_, err := kv.Get(t.Context(), key)
		if !errors.Is(err, store.ErrMalformed) || !strings.Contains(err.Error(), says) || !strings.Contains(err.Error(), `"`+key+`"`) {
			t.Errorf("Get: %v, want %s", err, says)
		}
		for _, old := range []*kvstore.Entry{nil, {Value: "a"}} {
			if err := kv.CompareAndSwap(t.Context(), key, old, kvEntry("b")); !errors.Is(err, store.ErrConflict) {
				t.Errorf("CompareAndSwap where %s: %v", says, err)
			}
		}
		if after := document(t, coll, key); after.String() != before.String() {
			t.Errorf("the document was %s and is %s", before, after)
		}
		if err := kv.Delete(t.Context(), key); err != nil {
			t.Errorf("Delete where %s: %v", says, err)
		}
	}
}
