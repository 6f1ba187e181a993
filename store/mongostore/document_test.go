package mongostore

import (
	"errors"
	"strings"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"

	"github.com/cloakroom-go/cloakroom/store"
)

func marshal(t testing.TB, doc bson.D) bson.Raw {
	t.Helper()
	raw, err := bson.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// Whatever bytes a server sends, decode answers with a record, with one that is over, or with
// ErrMalformed; and a record is written as what it was read from, unless that had more in it.
func FuzzDecode(f *testing.F) {
	now := time.UnixMilli(1_000_000)
	fields := bson.D{{Key: "a", Value: "1"}, {Key: "%24b%2E", Value: "{}"}}
	for _, doc := range []bson.D{
		{},
		{{Key: "_id", Value: "k"}, {Key: "version", Value: int64(7)}, {Key: "owner", Value: "u"}, {Key: "expires", Value: bson.DateTime(2_000_000)}, {Key: "fields", Value: fields}},
		{{Key: "_id", Value: "k"}, {Key: "version", Value: int64(7)}, {Key: "owner", Value: "u"}, {Key: "expires", Value: bson.DateTime(1)}},
		{{Key: "version", Value: 7.5}, {Key: "expires", Value: "never"}},
	} {
		f.Add([]byte(marshal(f, doc)))
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		found, err := decode(doc, now)
		switch {
		case err != nil:
			if !errors.Is(err, store.ErrMalformed) || found != (stored{}) {
				t.Fatalf("%+v, %v", found, err)
			}
			return
		case found.rec.Version == 0 || !found.found || found.live != found.rec.ExpiresAt.After(now):
			t.Fatalf("%+v", found)
		case !found.live:
			return
		}
		again, err := encode("k", found.rec)
		if err != nil {
			t.Fatal(err)
		}
		if back, err := decode(again, now); err != nil || back != found {
			t.Fatalf("%+v came back as %+v, %v", found, back, err)
		}
	})
}

func TestValuesThatAreNoTextAreRefused(t *testing.T) {
	bad, err := store.NewFields(store.Field{Name: "n", Value: "\"\xff\""})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := encode("k", store.Record{Fields: bad}); err == nil || !strings.Contains(err.Error(), `"n"`) {
		t.Errorf("in a new document: %v", err)
	}
	if _, err := newEdit("k", store.Change{Set: bad}); err == nil || !strings.Contains(err.Error(), `"n"`) {
		t.Errorf("in an edit: %v", err)
	}
	if e, err := newEdit("k", store.Change{If: []store.Condition{{Name: "n", Value: "\xff"}}}); err != nil || !e.never {
		t.Errorf("in a condition: %+v, %v", e, err)
	}
	if e, err := newEdit("k", store.Change{If: []store.Condition{{Name: "n", Value: "\xff", Absent: true}}}); err != nil || e.never || len(e.conds) != 1 {
		t.Errorf("in a condition where it is ignored: %+v, %v", e, err)
	}
	doc := marshal(t, bson.D{{Key: "n", Value: "\xff"}})
	if _, err := decodeFields(doc); err == nil || !strings.Contains(err.Error(), "fields.n") {
		t.Errorf("in a document: %v", err)
	}
}

func TestEndsAreRoundedDown(t *testing.T) {
	for _, tc := range []struct {
		ns int64
		ms bson.DateTime
	}{{1_999_999, 1}, {2_000_000, 2}, {-1, -1}, {-1_000_000, -1}, {-1_000_001, -2}} {
		if got := date(time.Unix(0, tc.ns)); got != tc.ms {
			t.Errorf("%d ns are kept as %d ms, want %d", tc.ns, got, tc.ms)
		}
	}
}

// An edit must not do two things to one field, which the server refuses.
func TestAnEditNamesEachFieldOnce(t *testing.T) {
	set, err := store.NewFields(store.Field{Name: "a", Value: "1"}, store.Field{Name: "b.c", Value: "2"})
	if err != nil {
		t.Fatal(err)
	}
	e, err := newEdit("k", store.Change{Set: set, Unset: []string{"a", "$x", "$x", "", "\xff", "y"}})
	if err != nil {
		t.Fatal(err)
	}
	want := marshal(t, bson.D{
		{Key: "$inc", Value: bson.D{{Key: "version", Value: int64(1)}}},
		{Key: "$set", Value: bson.D{{Key: "fields.a", Value: "1"}, {Key: "fields.b%2Ec", Value: "2"}}},
		{Key: "$unset", Value: bson.D{{Key: "fields.%24x", Value: ""}, {Key: "fields.y", Value: ""}}},
	})
	if e.update.String() != want.String() {
		t.Errorf("%s, want %s", e.update, want)
	}
}

func TestCollectionsThatCannotKeepSessionsAreRefused(t *testing.T) {
	for says, spec := range map[string]mongo.CollectionSpecification{
		"":                 {Type: "collection", Options: marshal(t, bson.D{{Key: "validator", Value: bson.D{}}, {Key: "capped", Value: false}})},
		"it is a view":     {Type: "view"},
		"it is a time":     {Type: "timeseries"},
		"it is capped":     {Type: "collection", Options: marshal(t, bson.D{{Key: "capped", Value: true}})},
		"it has the colla": {Type: "collection", Options: marshal(t, bson.D{{Key: "collation", Value: bson.D{{Key: "locale", Value: "en"}}}})},
		`"locale": "en"`:   {Type: "collection", Options: marshal(t, bson.D{{Key: "collation", Value: bson.D{{Key: "locale", Value: "en"}}}})},
	} {
		err := suitable(spec)
		if says == "" && err != nil || says != "" && (err == nil || !strings.Contains(err.Error(), says)) {
			t.Errorf("%v, want %q", err, says)
		}
	}
}
