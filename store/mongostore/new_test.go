package mongostore_test

import (
	"context"
	"strings"
	"testing"

	"go.mongodb.org/mongo-driver/v2/mongo"

	"github.com/cloakroom-go/cloakroom/store/mongostore"
)

func TestNewRefusesWhatIsNoCollection(t *testing.T) {
	if _, err := mongostore.New(nil, nil); err == nil || !strings.Contains(err.Error(), "coll is nil") {
		t.Errorf("New: %v", err)
	}
	if _, err := mongostore.NewKV(nil, nil); err == nil || !strings.Contains(err.Error(), "coll is nil") {
		t.Errorf("NewKV: %v", err)
	}
}

func TestNewKVRefusesNamesThatAreNoFields(t *testing.T) {
	client, err := mongo.Connect() // when it is first asked something
	if err != nil {
		t.Fatal(err)
	}
	defer client.Disconnect(context.Background())
	coll := client.Database("app").Collection("sessions")
	for _, tc := range []struct {
		options mongostore.KVOptions
		says    string
	}{
		{mongostore.KVOptions{Key: "$id"}, `"$id"`},
		{mongostore.KVOptions{Value: "data.session"}, `"data.session"`},
		{mongostore.KVOptions{Expires: "a\x00"}, `"a\x00"`},
		{mongostore.KVOptions{Key: "\xff"}, `"\xff"`},
		{mongostore.KVOptions{Value: "_id"}, "three different names"},
		{mongostore.KVOptions{Key: "sid", Expires: "sid"}, "three different names"},
		{mongostore.KVOptions{Value: "expires"}, "three different names"},
		{mongostore.KVOptions{Key: "session", Value: "data"}, ""},
		{mongostore.KVOptions{}, ""},
	} {
		_, err := mongostore.NewKV(coll, &tc.options)
		if tc.says == "" && err != nil || tc.says != "" && (err == nil || !strings.Contains(err.Error(), tc.says)) {
			t.Errorf("%+v: %v, want %q", tc.options, err, tc.says)
		}
	}
}
