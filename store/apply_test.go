package store_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
)

var later = time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)

func ptr[T any](v T) *T { return &v }

func TestApplyNeverRevives(t *testing.T) {
	gone := store.Record{Version: 7, Owner: "u1", ExpiresAt: later, Fields: fields(t, "a", "1")}
	for _, c := range []store.Change{
		{},
		{Set: fields(t, "a", "2")},
		{ExpiresAt: later},
		{Base: &gone},
		{If: []store.Condition{{Name: "a", Value: "other"}}},
	} {
		if _, err := store.Apply(gone, false, c); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%+v on a dead record: %v, want ErrNotFound", c, err)
		}
	}
}

func TestApplyCreate(t *testing.T) {
	c := store.Change{Create: true, Set: fields(t, "a", "1"), Owner: ptr("u2"), ExpiresAt: later}
	if _, err := store.Apply(store.Record{Version: 1}, true, c); !errors.Is(err, store.ErrExists) {
		t.Errorf("over a live record: %v, want ErrExists", err)
	}
	dead := store.Record{Version: 1 << 62, Owner: "u1", Fields: fields(t, "old", "1")}
	rec, err := store.Apply(dead, false, c)
	if err != nil {
		t.Fatal(err)
	}
	if rec.Version <= dead.Version || rec.Owner != "u2" || rec.Fields != c.Set || !rec.ExpiresAt.Equal(later) {
		t.Errorf("created %+v: nothing of the dead record may be left, and its version must be passed", rec)
	}
	if _, err := store.Apply(store.Record{}, false, store.Change{Create: true}); err == nil || !strings.Contains(err.Error(), "ExpiresAt") {
		t.Errorf("Create without ExpiresAt: %v", err)
	}
}

// A record created at a key where another one was deleted must not take up its
// versions again: a compare-and-swap on the version would mistake one for the other.
func TestACreatedVersionIsAboveThoseOfADeletedRecord(t *testing.T) {
	c := store.Change{Create: true, ExpiresAt: later}
	first, err := store.Apply(store.Record{}, false, c)
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(2 * time.Microsecond)
	second, err := store.Apply(store.Record{}, false, c)
	if err != nil || second.Version <= first.Version {
		t.Errorf("versions %d then %d, %v", first.Version, second.Version, err)
	}
}

func TestApplyConditions(t *testing.T) {
	rec := store.Record{Version: 1, ExpiresAt: later, Fields: fields(t, "a", "1", "$epoch", "3", "empty", "")}
	for _, tc := range []struct {
		cond store.Condition
		ok   bool
	}{
		{store.Condition{Name: "a", Value: "1"}, true},
		{store.Condition{Name: "a", Value: "1.0"}, false},
		{store.Condition{Name: "a", Absent: true}, false},
		{store.Condition{Name: "b", Absent: true}, true},
		{store.Condition{Name: "b", Absent: true, Value: "ignored"}, true},
		{store.Condition{Name: "b", Value: ""}, false},
		{store.Condition{Name: "empty", Value: ""}, true},
		{store.Condition{Name: "$epoch", Value: "3"}, true},
	} {
		got, err := store.Apply(rec, true, store.Change{If: []store.Condition{tc.cond}})
		if tc.ok && (err != nil || got.Version != 2 || got.Fields != rec.Fields) {
			t.Errorf("%+v: %+v, %v", tc.cond, got, err)
		}
		if !tc.ok && !errors.Is(err, store.ErrConflict) {
			t.Errorf("%+v: %v, want ErrConflict", tc.cond, err)
		}
	}
}

func TestApplyKeepsWhatIsNotNamed(t *testing.T) {
	rec := store.Record{Version: 4, Owner: "u1", ExpiresAt: later, Fields: fields(t, "a", "1", "b", "2")}
	got, err := store.Apply(rec, true, store.Change{Unset: []string{"a"}, Set: fields(t, "a", "9")})
	if err != nil || got.Version != 5 || got.Owner != "u1" || !got.ExpiresAt.Equal(later) || got.Fields != fields(t, "a", "9", "b", "2") {
		t.Errorf("%+v, %v", got, err)
	}
	got, err = store.Apply(rec, true, store.Change{Owner: ptr(""), ExpiresAt: later.Add(time.Hour)})
	if err != nil || got.Owner != "" || !got.ExpiresAt.Equal(later.Add(time.Hour)) || got.Fields != rec.Fields {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestApplyRefusesBadOwners(t *testing.T) {
	for _, owner := range []string{strings.Repeat("x", 257), "\xff", "a\x00b"} {
		_, err := store.Apply(store.Record{}, true, store.Change{Owner: &owner})
		if err == nil || !strings.Contains(err.Error(), "Owner") {
			t.Errorf("owner %.10q: %v", owner, err)
		}
	}
}
