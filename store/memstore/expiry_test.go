package memstore_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/memstore"
)

func TestRecordLivesUntilItsExpiryAndNoLonger(t *testing.T) {
	c := newClock()
	s := memstore.New(&memstore.Options{Now: c.Now})
	create(t, s, "k", store.Fields{}, c.In(time.Second))
	c.Advance(time.Second - time.Nanosecond)
	if !live(t, s, "k") {
		t.Error("a nanosecond before its time the record is gone")
	}
	c.Advance(time.Nanosecond)
	if live(t, s, "k") {
		t.Error("at its time the record is still there")
	}
	if _, err := s.Save(ctx, "k", store.Change{ExpiresAt: c.In(time.Hour)}); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("extending an expired record: %v, want ErrNotFound", err)
	}
}

func TestExpiryIsKeptToTheMillisecondAndNeverLater(t *testing.T) {
	s := memstore.New(nil)
	end := time.Now().Add(time.Hour).Truncate(time.Millisecond)
	create(t, s, "k", store.Fields{}, end.Add(999*time.Microsecond).In(time.FixedZone("", 3600)))
	rec, err := s.Load(ctx, "k")
	if err != nil || rec.ExpiresAt != end.UTC() {
		t.Errorf("ExpiresAt %v, %v; want %v", rec.ExpiresAt, err, end.UTC())
	}
}

func TestTimesFarAwayDoNotWrapAround(t *testing.T) {
	s := memstore.New(nil)
	create(t, s, "never", store.Fields{}, time.Unix(1<<60, 0))
	if !live(t, s, "never") {
		t.Error("a record that ends in 36 billion years has ended")
	}
	create(t, s, "long ago", store.Fields{}, time.Unix(-1<<60, 0))
	if live(t, s, "long ago") {
		t.Error("a record that ended 36 billion years ago is live")
	}
}

// What an expired record held does not show in a new one, and neither does its owner.
func TestCreateOverAnExpiredRecordStartsAfresh(t *testing.T) {
	c := newClock()
	s := memstore.New(&memstore.Options{Now: c.Now})
	owner := "u1"
	old := save(t, s, "k", store.Change{Create: true, Owner: &owner, Set: fields(t, "a", "1"), ExpiresAt: c.In(time.Second)})
	c.Advance(time.Minute)
	create(t, s, "k", fields(t, "b", "2"), c.In(time.Second))
	rec, err := s.Load(ctx, "k")
	if err != nil || rec.Owner != "" || rec.Fields != fields(t, "b", "2") || rec.Version <= old {
		t.Errorf("%+v, %v after version %d", rec, err, old)
	}
	if s.Owners() != 0 {
		t.Error("the owner of the expired record is still known")
	}
}

// The clock from which versions start counts microseconds. Saves are faster.
func TestVersionsRiseOverADeleteHoweverFastTheSavesWere(t *testing.T) {
	s := memstore.New(nil)
	var last uint64
	for range 20 {
		create(t, s, "k", store.Fields{}, time.Now().Add(time.Hour))
		for range 200 {
			version := save(t, s, "k", store.Change{})
			if version <= last {
				t.Fatalf("version %d after %d", version, last)
			}
			last = version
		}
		if err := s.Delete(ctx, "k"); err != nil {
			t.Fatal(err)
		}
	}
}

// oneShard as the mask of hashes makes counts exact that are else a matter of luck.
const oneShard = 1<<32 - 1

// Nobody calls Sweep here: visitors come, are forgotten, and the store stays as small
// as the number of those who are live.
func TestStoreStaysBoundedWithoutSweep(t *testing.T) {
	c := newClock()
	s := memstore.New(&memstore.Options{Now: c.Now})
	s.Collide(oneShard)
	const live = 100
	for i := range 3000 {
		create(t, s, fmt.Sprint("visitor", i), store.Fields{}, c.In(live*time.Second))
		c.Advance(time.Second)
		if s.Len() > live+1 {
			t.Fatalf("visitor %d: %d records held, %d live", i, s.Len(), live)
		}
	}
}

// The same where each visitor comes back and is extended a few times: records that come
// due but were extended must not use up what a Save is ready to look at.
func TestStoreStaysBoundedWhileRecordsAreExtended(t *testing.T) {
	c := newClock()
	s := memstore.New(&memstore.Options{Now: c.Now})
	s.Collide(oneShard)
	most := 0
	for i := range 3000 {
		create(t, s, fmt.Sprint("visitor", i), store.Fields{}, c.In(100*time.Second))
		for back := 10; back <= 30; back += 10 {
			if i >= back {
				save(t, s, fmt.Sprint("visitor", i-back), store.Change{ExpiresAt: c.In(100 * time.Second)})
			}
		}
		c.Advance(time.Second)
		most = max(most, s.Len())
	}
	if most > 131 {
		t.Errorf("up to %d records held, 130 live", most)
	}
}

// Many visitors at once, then one: each Save catches up a little.
func TestSavesCatchUpWithABurst(t *testing.T) {
	c := newClock()
	s := memstore.New(&memstore.Options{Now: c.Now})
	s.Collide(oneShard)
	for i := range 1000 {
		create(t, s, fmt.Sprint("burst", i), store.Fields{}, c.In(time.Second))
	}
	c.Advance(time.Minute)
	create(t, s, "k", store.Fields{}, c.In(time.Hour))
	for range 500 {
		save(t, s, "k", store.Change{})
	}
	if s.Len() != 1 {
		t.Errorf("%d records held after 500 Saves, 1 live", s.Len())
	}
}

func TestSweepRemovesWhatIsDueAndNothingElse(t *testing.T) {
	c := newClock()
	s := memstore.New(&memstore.Options{Now: c.Now})
	for i := range 1000 {
		create(t, s, fmt.Sprint("short", i), store.Fields{}, c.In(time.Minute))
		create(t, s, fmt.Sprint("long", i), store.Fields{}, c.In(time.Hour))
		create(t, s, fmt.Sprint("extended", i), store.Fields{}, c.In(time.Minute))
		save(t, s, fmt.Sprint("extended", i), store.Change{ExpiresAt: c.In(time.Hour)})
		create(t, s, fmt.Sprint("shortened", i), store.Fields{}, c.In(time.Hour))
		save(t, s, fmt.Sprint("shortened", i), store.Change{ExpiresAt: c.In(time.Minute)})
	}
	c.Advance(2 * time.Minute)
	for _, want := range []int{300, 300, 300, 300, 300, 300, 200, 0} {
		if n, err := s.Sweep(ctx, 300); n != want || err != nil {
			t.Fatalf("Sweep removed %d, %v; want %d", n, err, want)
		}
	}
	for i := range 1000 {
		if !live(t, s, fmt.Sprint("long", i)) || !live(t, s, fmt.Sprint("extended", i)) {
			t.Fatalf("a live record was swept (%d)", i)
		}
	}
	if s.Len() != 2000 {
		t.Errorf("%d records held, 2000 live", s.Len())
	}
	c.Advance(time.Hour)
	if n, err := s.Sweep(ctx, 10_000); n != 2000 || err != nil || s.Len() != 0 {
		t.Errorf("Sweep removed %d, %v, and left %d", n, err, s.Len())
	}
}

func TestSweepWithoutALimitToSpendRemovesNothing(t *testing.T) {
	c := newClock()
	s := memstore.New(&memstore.Options{Now: c.Now})
	create(t, s, "k", store.Fields{}, c.In(time.Second))
	c.Advance(time.Minute)
	for _, limit := range []int{0, -1} {
		if n, err := s.Sweep(ctx, limit); n != 0 || err != nil || s.Len() != 1 {
			t.Errorf("Sweep(%d) removed %d, %v", limit, n, err)
		}
	}
}

// A context that counts how often it is asked, and ends at the given time.
type endingContext struct {
	context.Context
	asked, ends int
}

func (c *endingContext) Err() error {
	if c.asked++; c.asked > c.ends {
		return context.Canceled
	}
	return nil
}

func TestSweepEndsWithItsContext(t *testing.T) {
	c := newClock()
	s := memstore.New(&memstore.Options{Now: c.Now})
	for i := range 5000 {
		create(t, s, fmt.Sprint(i), store.Fields{}, c.In(time.Second))
	}
	c.Advance(time.Minute)
	n, err := s.Sweep(&endingContext{Context: ctx, ends: 10}, 5000)
	if !errors.Is(err, context.Canceled) || n == 0 || n == 5000 || s.Len() != 5000-n {
		t.Errorf("Sweep removed %d, %v, and left %d", n, err, s.Len())
	}
}
