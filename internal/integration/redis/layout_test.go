package redis_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/redisstore"
)

func TestARecordIsAHashThatPeopleCanRead(t *testing.T) {
	client := clients["redis"](t)
	s := newStore(t, client, redisstore.Options{Prefix: "app:"})
	end := inAnHour()
	owner := "alice the first"
	version := save(t, s, "k", store.Change{Create: true, Owner: &owner, Set: fields("cart", `["x"]`, "visits", "7"), ExpiresAt: end})
	want := map[string]string{
		"":       fmt.Sprintf("%d %d alice the first", version, end.UnixMilli()),
		"cart":   `["x"]`,
		"visits": "7",
	}
	got, err := client.Do(t.Context(), client.B().Hgetall().Key("app:s:k").Build()).AsStrMap()
	if err != nil || !maps.Equal(got, want) {
		t.Errorf("HGETALL app:s:k: %q, %v, want %q", got, err, want)
	}
	if ms := do(t, client, "PEXPIRETIME", "app:s:k"); ms != number(end.UnixMilli()) {
		t.Errorf("the key expires at %s, want %d", ms, end.UnixMilli())
	}
	if keys := do(t, client, "KEYS", "app:*"); keys != "app:s:k app:o:"+owner && keys != "app:o:"+owner+" app:s:k" {
		t.Errorf("keys: %s", keys)
	}

	moved := end.Add(time.Minute)
	version = save(t, s, "k", store.Change{Unset: []string{"visits"}, ExpiresAt: moved})
	want = map[string]string{"": fmt.Sprintf("%d %d alice the first", version, moved.UnixMilli()), "cart": `["x"]`}
	got, err = client.Do(t.Context(), client.B().Hgetall().Key("app:s:k").Build()).AsStrMap()
	if err != nil || !maps.Equal(got, want) {
		t.Errorf("after an edit: %q, %v, want %q", got, err, want)
	}
	if ms := do(t, client, "PEXPIRETIME", "app:s:k"); ms != number(moved.UnixMilli()) {
		t.Errorf("the key expires at %s, want %d", ms, moved.UnixMilli())
	}
}

// The store's own member has the empty name, which no field has; but a Change can name it.
func TestTheStoresOwnMemberCannotBeMet(t *testing.T) {
	s := newStore(t, clients["redis"](t), redisstore.Options{})
	create(t, s, "k", "alice", "a", "1", "version", "2", "\x00", "3")
	before, err := s.Load(t.Context(), "k")
	if err != nil {
		t.Fatal(err)
	}
	own := fmt.Sprintf("%d %d alice", before.Version, before.ExpiresAt.UnixMilli())
	for _, cond := range []store.Condition{{Name: "", Value: own}, {Name: ""}, {Name: "\xff"}} {
		_, err := s.Save(t.Context(), "k", store.Change{If: []store.Condition{cond}, Set: fields("a", "2")})
		isError(t, fmt.Sprintf("Save if %+v", cond), err, store.ErrConflict)
	}
	for _, cond := range []store.Condition{{Name: "", Absent: true}, {Name: "\xff", Absent: true}, {Name: strings.Repeat("n", 300), Absent: true}} {
		save(t, s, "k", store.Change{If: []store.Condition{cond}})
	}
	save(t, s, "k", store.Change{Unset: []string{"", "\xff", "nothing"}})
	after, err := s.Load(t.Context(), "k")
	if err != nil || after.Owner != "alice" || after.Fields != before.Fields || after.Version <= before.Version {
		t.Errorf("%+v, %v, want %+v", after, err, before)
	}
	rec, err := s.LoadFields(t.Context(), "k", "", "a", "", "version")
	if err != nil || rec.Fields != fields("a", "1", "version", "2") {
		t.Errorf("LoadFields with the empty name: %+v, %v", rec, err)
	}
}

// Lua hands over a few thousand values at a time.
func TestAChangeMayNameThousandsOfFields(t *testing.T) {
	s := newStore(t, clients["redis"](t), redisstore.Options{})
	const n = 9001
	var names, pairs []string
	var equal, absent []store.Condition
	for i := range n {
		name := fmt.Sprintf("field %d", i)
		names = append(names, name)
		pairs = append(pairs, name, number(int64(i)))
		equal = append(equal, store.Condition{Name: name, Value: number(int64(i))})
		absent = append(absent, store.Condition{Name: "no " + name, Absent: true})
	}
	all := fields(pairs...)
	save(t, s, "k", store.Change{Create: true, Set: all, ExpiresAt: inAnHour()})
	rec, err := s.Load(t.Context(), "k")
	if err != nil || rec.Fields != all {
		t.Fatalf("%d fields, %v, want %d", rec.Fields.Len(), err, n)
	}
	rec, err = s.LoadFields(t.Context(), "k", names...)
	if err != nil || rec.Fields != all {
		t.Fatalf("LoadFields: %d fields, %v, want %d", rec.Fields.Len(), err, n)
	}
	both := slices.Concat(absent, equal)
	save(t, s, "k", store.Change{If: both, Set: fields("last", "1")})
	for _, wrong := range []int{0, 998, 999, 1000, 1001, 2000, n - 1} {
		conds := slices.Clone(both)
		conds[n+wrong].Value = "wrong"
		_, err := s.Save(t.Context(), "k", store.Change{If: conds, Set: fields("last", "2")})
		isError(t, fmt.Sprintf("Save with the condition %d of %d wrong", wrong, n), err, store.ErrConflict)
		conds = slices.Clone(both)
		conds[wrong].Name = names[wrong]
		_, err = s.Save(t.Context(), "k", store.Change{If: conds, Set: fields("last", "2")})
		isError(t, fmt.Sprintf("Save with the absence %d of %d wrong", wrong, n), err, store.ErrConflict)
	}
	save(t, s, "k", store.Change{Unset: names})
	rec, err = s.Load(t.Context(), "k")
	if err != nil || rec.Fields != fields("last", "1") {
		t.Errorf("after the removal of %d: %d fields, %v", n, rec.Fields.Len(), err)
	}
}

// Also when they follow one another as fast as they can.
func TestVersionsIncreaseOverDeleteAndCreate(t *testing.T) {
	s := newStore(t, clients["redis"](t), redisstore.Options{})
	last := uint64(0)
	for i := range 300 {
		version := save(t, s, "k", store.Change{Create: true, ExpiresAt: inAnHour()})
		for range i % 3 {
			if version <= last {
				t.Fatalf("version %d after %d", version, last)
			}
			last = version
			version = save(t, s, "k", store.Change{})
		}
		if version <= last {
			t.Fatalf("version %d after %d", version, last)
		}
		last = version
		if err := s.Delete(t.Context(), "k"); err != nil {
			t.Fatal(err)
		}
	}
}
