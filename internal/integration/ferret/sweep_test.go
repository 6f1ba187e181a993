package ferret_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"

	"github.com/cloakroom-go/cloakroom/store"
)

// fill puts documents of records into a collection, past the Store.
func fill(t *testing.T, coll *mongo.Collection, prefix string, n int, expires time.Time) {
	t.Helper()
	docs := make([]bson.D, n)
	for i := range docs {
		docs[i] = bson.D{
			{Key: "_id", Value: fmt.Sprint(prefix, i)},
			{Key: "version", Value: int64(1)},
			{Key: "owner", Value: ""},
			{Key: "expires", Value: bson.NewDateTimeFromTime(expires)},
			{Key: "fields", Value: bson.D{}},
		}
	}
	if _, err := coll.InsertMany(t.Context(), docs); err != nil {
		t.Fatal(err)
	}
}

func count(t *testing.T, coll *mongo.Collection) int {
	t.Helper()
	n, err := coll.CountDocuments(t.Context(), bson.D{})
	if err != nil {
		t.Fatal(err)
	}
	return int(n)
}

func TestSweepRemovesWhatHasExpiredAndNothingElse(t *testing.T) {
	coll := collection(t, connect(t, server(t).URL()))
	s := open(t, coll, nil)
	past, later := time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	fill(t, coll, "live", 20, later)
	fill(t, coll, "over", 600, past)
	put(t, coll, bson.D{{Key: "_id", Value: bson.NewObjectID()}, {Key: "version", Value: int64(1)}, {Key: "expires", Value: past}})
	put(t, coll, bson.D{{Key: "_id", Value: "of others"}, {Key: "session", Value: "{}"}, {Key: "expires", Value: past}})
	for _, step := range []struct{ limit, removed int }{{10, 10}, {500, 500}, {500, 90}, {500, 0}, {0, 0}} { // 500 is more than one page
		if n, err := s.Sweep(t.Context(), step.limit); n != step.removed || err != nil {
			t.Errorf("Sweep with the limit %d removed %d, %v, want %d", step.limit, n, err, step.removed)
		}
	}
	if n := count(t, coll); n != 22 {
		t.Errorf("%d documents are left, want 20 that are live and two that are no records", n)
	}
}

func TestSweepsSideBySideRemoveEachRecordOnce(t *testing.T) {
	url := server(t).URL()
	coll := collection(t, connect(t, url))
	open(t, coll, nil)
	fill(t, coll, "over", 400, time.Now().Add(-time.Hour))
	fill(t, coll, "live", 10, time.Now().Add(time.Hour))
	var removed atomic.Int64
	var wg sync.WaitGroup
	for range 4 { // programs
		s := open(t, connect(t, url).Database(coll.Database().Name()).Collection(coll.Name()), nil)
		wg.Go(func() {
			for {
				n, err := s.Sweep(t.Context(), 50)
				if err != nil {
					t.Error(err)
				}
				removed.Add(int64(n))
				if n < 50 {
					return
				}
			}
		})
	}
	wg.Wait()
	if n := removed.Load(); n != 400 {
		t.Errorf("%d records were counted as removed, want 400", n)
	}
	if n := count(t, coll); n != 10 {
		t.Errorf("%d documents are left, want 10", n)
	}
}

// A walk goes on from where a page ended, also over keys that begin with "$".
func TestWalksArePagedAndSkipWhatIsReserved(t *testing.T) {
	coll := collection(t, connect(t, server(t).URL()))
	s := open(t, coll, nil)
	later := time.Now().Add(time.Hour)
	for _, prefix := range []string{"!", "#", "$", "$a", "%", "a"} {
		fill(t, coll, prefix, 300, later)
	}
	last, n := "", 0
	for key, err := range s.List(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		if key <= last || key[0] == '$' {
			t.Fatalf("%q came after %q", key, last)
		}
		last, n = key, n+1
		if n == 300 { // the next page is there already
			save(t, s, "zz", store.Change{Create: true, ExpiresAt: later})
		}
	}
	if n != 4*300+1 {
		t.Errorf("List yielded %d keys, want %d", n, 4*300+1)
	}
}
