package ferret_test

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"

	"github.com/cloakroom-go/cloakroom/store"
)

// document returns what the server has at key.
func document(t *testing.T, coll *mongo.Collection, key string) bson.Raw {
	t.Helper()
	doc, err := coll.FindOne(t.Context(), bson.D{{Key: "_id", Value: key}}).Raw()
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

func put(t *testing.T, coll *mongo.Collection, doc bson.D) {
	t.Helper()
	if _, err := coll.InsertOne(t.Context(), doc); err != nil {
		t.Fatal(err)
	}
}

func TestDocumentsAreReadable(t *testing.T) {
	coll := collection(t, connect(t, server(t).URL()))
	s := open(t, coll, nil)
	c := creation(t, "$epoch", "1", "visits", "3", "cart.items", `["book"]`)
	end, owner := time.Date(2100, 1, 2, 3, 4, 5, 678_999_999, time.UTC), "7"
	c.ExpiresAt, c.Owner = end, &owner
	version := save(t, s, "k", c)

	want := bson.D{
		{Key: "_id", Value: "k"},
		{Key: "version", Value: int64(version)},
		{Key: "owner", Value: "7"},
		{Key: "expires", Value: bson.NewDateTimeFromTime(end.Truncate(time.Millisecond))},
		{Key: "fields", Value: bson.D{{Key: "%24epoch", Value: "1"}, {Key: "cart%2Eitems", Value: `["book"]`}, {Key: "visits", Value: "3"}}},
	}
	raw, err := bson.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	if got := document(t, coll, "k"); !bytes.Equal(got, raw) {
		t.Errorf("the document is %s, want %s", got, bson.Raw(raw))
	}
}

func TestWhatSomebodyElseAddsToADocumentStays(t *testing.T) {
	coll := collection(t, connect(t, server(t).URL()))
	s := open(t, coll, nil)
	save(t, s, "k", creation(t, "a", "1"))
	_, err := coll.UpdateByID(t.Context(), "k", bson.D{{Key: "$set", Value: bson.D{{Key: "note", Value: "kept"}}}})
	if err != nil {
		t.Fatal(err)
	}
	rec := load(t, s, "k")
	save(t, s, "k", store.Change{Set: fieldsOf(t, "a", "2"), Base: &rec})
	save(t, s, "k", store.Change{Unset: []string{"a"}})
	if note := document(t, coll, "k").Lookup("note"); !note.Equal(bson.RawValue{Type: bson.TypeString, Value: []byte("\x05\x00\x00\x00kept\x00")}) {
		t.Errorf("it is %v after two edits", note)
	}
}

// Documents that are no records. Each is one, but for what is said to be wrong.
func TestWhatIsNoRecordIsReportedAndLeftAsItIs(t *testing.T) {
	coll := collection(t, connect(t, server(t).URL()))
	s := open(t, coll, nil)
	later := bson.NewDateTimeFromTime(time.Now().Add(time.Hour))
	for i, tc := range []struct {
		with bson.D // nil values are left out
		says string
	}{
		{bson.D{{Key: "version", Value: nil}}, "version is missing, want a long"},
		{bson.D{{Key: "version", Value: "7"}}, "version is of type string"},
		{bson.D{{Key: "version", Value: 7.0}}, "version is of type double"},
		{bson.D{{Key: "version", Value: int32(7)}}, "version is of type 32-bit integer"},
		{bson.D{{Key: "version", Value: int64(0)}}, "version is 0"},
		{bson.D{{Key: "version", Value: int64(-7)}}, "version is -7"},
		{bson.D{{Key: "version", Value: int64(math.MaxInt64)}}, "version is 9223372036854775807"},
		{bson.D{{Key: "version", Value: bson.A{int64(7)}}}, "version is of type array"},
		{bson.D{{Key: "owner", Value: nil}}, "owner is missing, want a string"},
		{bson.D{{Key: "owner", Value: int32(7)}}, "owner is of type 32-bit integer"},
		{bson.D{{Key: "owner", Value: bson.A{"7"}}}, "owner is of type array"},
		{bson.D{{Key: "expires", Value: nil}}, "expires is missing, want a Date"},
		{bson.D{{Key: "expires", Value: "2100-01-01T00:00:00Z"}}, "expires is of type string"},
		{bson.D{{Key: "expires", Value: int64(4102444800000)}}, "expires is 4102444800000, want a Date"},
		{bson.D{{Key: "expires", Value: bson.A{later}}}, "expires is of type array"},
		{bson.D{{Key: "fields", Value: nil}}, "fields is missing or a single value, want an object"},
		{bson.D{{Key: "fields", Value: `{"a":1}`}}, "want an object"},
		{bson.D{{Key: "fields", Value: bson.A{}}}, "fields is of type array"},
		{bson.D{{Key: "fields", Value: bson.A{bson.D{{Key: "a", Value: "1"}}}}}, "fields is of type array"},
		{bson.D{{Key: "session", Value: `{"cookie":{}}`}, {Key: "version", Value: nil}, {Key: "owner", Value: nil}, {Key: "fields", Value: nil}}, "version is missing"},
	} {
		key := fmt.Sprint("key", i)
		doc := bson.D{{Key: "_id", Value: key}}
		for _, e := range []bson.E{{Key: "version", Value: int64(7)}, {Key: "owner", Value: "u"}, {Key: "expires", Value: later}, {Key: "fields", Value: bson.D{{Key: "a", Value: "1"}}}, {Key: "session"}} {
			for _, with := range tc.with {
				if with.Key == e.Key {
					e.Value = with.Value
				}
			}
			if e.Value != nil {
				doc = append(doc, e)
			}
		}
		put(t, coll, doc)
		before := document(t, coll, key)

		ctx, owner := t.Context(), "u"
		base := store.Record{Version: 7, Owner: "u", ExpiresAt: time.Now().Add(time.Hour), Fields: fieldsOf(t, "a", "1")}
		for what, call := range map[string]func() error{
			"Load":       func() error { _, err := s.Load(ctx, key); return err },
			"LoadFields": func() error { _, err := s.LoadFields(ctx, key, "a"); return err },
			"Save": func() error {
				_, err := s.Save(ctx, key, store.Change{Set: fieldsOf(t, "a", "2"), Owner: &owner, ExpiresAt: time.Now().Add(time.Minute)})
				return err
			},
			"Save with a Base": func() error {
				_, err := s.Save(ctx, key, store.Change{Base: &base, Set: fieldsOf(t, "a", "2")})
				return err
			},
			"Save with a condition": func() error {
				_, err := s.Save(ctx, key, store.Change{If: []store.Condition{{Name: "a", Value: "1"}}})
				return err
			},
			"Create": func() error { _, err := s.Save(ctx, key, creation(t, "a", "2")); return err },
			"Create with a condition that does not hold": func() error {
				c := creation(t, "a", "2")
				c.If = []store.Condition{{Name: "a", Value: "2"}}
				_, err := s.Save(ctx, key, c)
				return err
			},
		} {
			err := call()
			if !errors.Is(err, store.ErrMalformed) || !strings.Contains(err.Error(), tc.says) || !strings.Contains(err.Error(), key) || !strings.Contains(err.Error(), coll.Name()) {
				t.Errorf("%s where %s: %v", what, tc.says, err)
			}
		}
		if _, err := s.Sweep(ctx, 1000); err != nil {
			t.Fatal(err)
		}
		for listed, err := range s.List(ctx) {
			t.Errorf("where %s, List yields %q, %v", tc.says, listed, err)
		}
		for listed, err := range s.ListOwner(ctx, "u") {
			t.Errorf("where %s, ListOwner yields %q, %v", tc.says, listed, err)
		}
		if after := document(t, coll, key); !bytes.Equal(before, after) {
			t.Errorf("where %s, the document was %s and is %s", tc.says, before, after)
		}
		if err := s.Delete(ctx, key); err != nil {
			t.Errorf("Delete where %s: %v", tc.says, err)
		}
		save(t, s, key, creation(t, "a", "2"))
		save(t, s, key, store.Change{ExpiresAt: time.Unix(1, 0)}) // so that List is empty again
	}
}

// What is wrong with one field does not matter to those who ask for others.
func TestAFieldThatIsNoValueIsReported(t *testing.T) {
	coll := collection(t, connect(t, server(t).URL()))
	s := open(t, coll, nil)
	for key, value := range map[string]any{"n": 3, "%41": "1", "o": bson.D{{Key: "a", Value: "1"}}, "%": "1"} {
		id := "with " + key
		put(t, coll, bson.D{
			{Key: "_id", Value: id},
			{Key: "version", Value: int64(7)},
			{Key: "owner", Value: ""},
			{Key: "expires", Value: bson.NewDateTimeFromTime(time.Now().Add(time.Hour))},
			{Key: "fields", Value: bson.D{{Key: "a", Value: "1"}, {Key: key, Value: value}}},
		})
		if _, err := s.Load(t.Context(), id); !errors.Is(err, store.ErrMalformed) || !strings.Contains(err.Error(), key) {
			t.Errorf("Load where a field has the key %q and the value %v: %v", key, value, err)
		}
		save(t, s, id, store.Change{If: []store.Condition{{Name: "a", Value: "1"}}, Set: fieldsOf(t, "a", "2")})
		if document(t, coll, id).Lookup("fields", key).IsZero() {
			t.Errorf("an edit of another field removed the one with the key %q", key)
		}
	}
	_, err := s.Save(t.Context(), "with n", store.Change{If: []store.Condition{{Name: "n", Value: "3"}}})
	if !errors.Is(err, store.ErrMalformed) {
		t.Errorf("a condition on a field that is no value: %v", err)
	}
}

// Names of all kinds, many at once, in every place where the server sees one.
func TestAnyNamesComeBack(t *testing.T) {
	s := open(t, collection(t, connect(t, server(t).URL())), nil)
	runes := []rune("aA0 $$..%%\x00\x01\t\n\u0085\u00a0\u2028\ufeff/\\\"'[]{}*é🧥")
	for round := range 20 {
		names := make(map[string]bool)
		for len(names) < 30 {
			var name strings.Builder
			for range 1 + rand.IntN(12) {
				name.WriteRune(runes[rand.IntN(len(runes))])
			}
			names[name.String()] = true
		}
		var pairs, all []string
		var conds []store.Condition
		for name := range names {
			all = append(all, name)
			pairs = append(pairs, name, fmt.Sprintf("%q", name))
			conds = append(conds, store.Condition{Name: name, Value: fmt.Sprintf("%q", name)})
		}
		want := fieldsOf(t, pairs...)
		created, edited := fmt.Sprint("created", round), fmt.Sprint("edited", round)
		save(t, s, created, creation(t, pairs...))
		save(t, s, edited, creation(t))
		save(t, s, edited, store.Change{Set: want})
		for _, key := range []string{created, edited} {
			if got := load(t, s, key).Fields; got != want {
				t.Fatalf("%s: %v came back as %v", key, want, got)
			}
			save(t, s, key, store.Change{If: conds})
		}
		slices.Sort(all)
		rec, err := s.LoadFields(t.Context(), edited, all[:10]...)
		if err != nil || rec.Fields != want.Pick(all[:10]...) {
			t.Fatalf("LoadFields of %q: %v, %v", all[:10], rec.Fields, err)
		}
		save(t, s, edited, store.Change{Unset: all[:10]})
		if got := load(t, s, edited).Fields; got != want.With(store.Fields{}, all[:10]...) {
			t.Fatalf("without %q: %v", all[:10], got)
		}
	}
}

// Changes may speak of names that no field can have.
func TestNamesThatNoFieldCanHave(t *testing.T) {
	s := open(t, collection(t, connect(t, server(t).URL())), nil)
	save(t, s, "k", creation(t, "a", "1"))
	bad := []string{"", "\xff", strings.Repeat("n", 257)}
	for _, name := range bad {
		save(t, s, "k", store.Change{If: []store.Condition{{Name: name, Absent: true}}, Unset: bad})
		_, err := s.Save(t.Context(), "k", store.Change{If: []store.Condition{{Name: name, Value: ""}}, Unset: []string{"a"}})
		if !errors.Is(err, store.ErrConflict) {
			t.Errorf("if %.10q has a value: %v", name, err)
		}
		_, err = s.Save(t.Context(), "none", store.Change{If: []store.Condition{{Name: name, Value: ""}}})
		if !errors.Is(err, store.ErrNotFound) {
			t.Errorf("if %.10q has a value in a record that is missing: %v", name, err)
		}
	}
	if rec, err := s.LoadFields(t.Context(), "k", append(bad, "a", "a")...); err != nil || rec.Fields != fieldsOf(t, "a", "1") {
		t.Errorf("LoadFields: %+v, %v", rec, err)
	}
}

// Also where the clock that gave an expired record its version was ahead of ours.
func TestTheVersionGrowsOverAnExpiredRecordFromTheFuture(t *testing.T) {
	coll := collection(t, connect(t, server(t).URL()))
	s := open(t, coll, nil)
	const version = 1 << 60
	put(t, coll, bson.D{
		{Key: "_id", Value: "k"},
		{Key: "version", Value: int64(version)},
		{Key: "owner", Value: "u"},
		{Key: "expires", Value: time.Now().Add(-time.Minute)},
		{Key: "fields", Value: bson.D{{Key: "a", Value: "1"}}},
	})
	if got := save(t, s, "k", creation(t, "b", "2")); got <= version {
		t.Errorf("the version is %d after %d", got, version)
	}
	if rec := load(t, s, "k"); rec.Version <= version || rec.Owner != "" || rec.Fields != fieldsOf(t, "b", "2") {
		t.Errorf("%+v", rec)
	}
}
