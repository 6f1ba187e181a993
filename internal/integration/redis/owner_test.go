package redis_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/redisstore"
)

// owned returns the keys that ListOwner yields, in order.
func owned(t testing.TB, s store.OwnerLister, owner string) []string {
	t.Helper()
	var keys []string
	for key, err := range s.ListOwner(t.Context(), owner) {
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

func owns(t testing.TB, when string, s store.OwnerLister, owner string, want ...string) {
	t.Helper()
	if got := owned(t, s, owner); !slices.Equal(got, want) {
		t.Errorf("%s %s has %q, want %q", when, owner, got, want)
	}
}

// indexed returns the members of an index without their scores.
func indexed(t testing.TB, client rueidis.Client, at string) string {
	return do(t, client, "ZRANGE", at, "0", "-1")
}

// A reader may find a session in the index before its Save has reached the record. If it
// took that for stale, the session would be missing from the index when Save returns.
func TestAReaderLeavesTheEntryOfASaveUnderWay(t *testing.T) {
	for _, name := range []string{"redis", "cluster"} {
		t.Run(name, func(t *testing.T) {
			client := clients[name](t)
			s := newStore(t, client, redisstore.Options{Prefix: "underway:"})
			create(t, s, "anonymous", "")
			create(t, s, "bobs", "bob")
			// What a Save of alice has told the index so far, in each case.
			for _, key := range []string{"new", "anonymous", "bobs"} {
				enter(t, client, "underway:o:alice", key, time.Now())
			}
			owns(t, "before the Saves", s, "alice")
			owner := "alice"
			save(t, s, "bobs", store.Change{Owner: &owner}) // tells the index again
			for key, create := range map[string]bool{"new": true, "anonymous": false} {
				// The rest of the Save: the index was told, so it is not told again.
				put(t, client, s, "underway:", key, "alice", create)
			}
			owns(t, "after the Saves", s, "alice", "anonymous", "bobs", "new")
		})
	}
}

// enter puts an entry into an index that was given to its owner at a time.
func enter(t testing.TB, client rueidis.Client, at, key string, given time.Time) {
	t.Helper()
	do(t, client, "ZADD", at, number(time.Now().Add(2*time.Hour).UnixMilli()), "="+key, number(given.UnixMilli()), "+"+key)
}

// put makes a record an owner's behind the back of the index.
func put(t testing.TB, client rueidis.Client, s *redisstore.Store, prefix, key, owner string, fresh bool) {
	t.Helper()
	if fresh {
		create(t, s, key, "")
	}
	rec, err := s.Load(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	do(t, client, "HSET", prefix+"s:"+key, "", fmt.Sprintf("%d %d %s", rec.Version+1, rec.ExpiresAt.UnixMilli(), owner))
}

func TestAReaderTakesStaleEntriesOut(t *testing.T) {
	for _, name := range []string{"redis", "cluster"} {
		t.Run(name, func(t *testing.T) {
			client := clients[name](t)
			s := newStore(t, client, redisstore.Options{Prefix: "stale:"})
			create(t, s, "mine", "alice")
			create(t, s, "bobs", "bob")
			create(t, s, "anonymous", "")
			do(t, client, "SET", "stale:s:string", "theirs")
			do(t, client, "HSET", "stale:s:hash", "a", "1")
			long := time.Now().Add(-time.Hour)
			for _, key := range []string{"mine", "bobs", "anonymous", "never", "string", "hash"} {
				enter(t, client, "stale:o:alice", key, long)
			}
			do(t, client, "ZREM", "stale:o:alice", "+never") // as one that was only touched
			owns(t, "with stale entries", s, "alice", "mine")
			if members := indexed(t, client, "stale:o:alice"); members != "+mine =mine" {
				t.Errorf("the index holds %q afterwards", members)
			}
		})
	}
}

// Of many entries each page is looked at on its own.
func TestAnIndexOfManyPagesIsReadWhole(t *testing.T) {
	client := clients["cluster"](t)
	s := newStore(t, client, redisstore.Options{Prefix: "pages:"})
	var want []string
	long := time.Now().Add(-time.Hour)
	for i := range 700 {
		key := fmt.Sprintf("%04d", i)
		if i%3 == 0 {
			enter(t, client, "pages:o:alice", key, long)
			continue
		}
		create(t, s, key, "alice")
		want = append(want, key)
	}
	owns(t, "with hundreds of sessions", s, "alice", want...)
	if n := do(t, client, "ZCARD", "pages:o:alice"); n != number(int64(2*len(want))) {
		t.Errorf("the index has %s members, want two for each of %d sessions", n, len(want))
	}
}

// The entry outlives the session, the index its entries, and nothing is there for ever.
func TestAnIndexEndsWithItsSessions(t *testing.T) {
	client := clients["redis"](t)
	s := newStore(t, client, redisstore.Options{Prefix: "ends:"})
	at := "ends:o:alice"
	begin := time.Now()
	owner := "alice"
	give := func(key string, life time.Duration) {
		save(t, s, key, store.Change{Create: true, Owner: &owner, ExpiresAt: begin.Add(life)})
	}
	drop := func() time.Duration {
		ms, _ := strconv.ParseInt(do(t, client, "PEXPIRETIME", at), 10, 64)
		return time.UnixMilli(ms).Sub(begin).Round(time.Minute)
	}
	give("hour", time.Hour)
	if got := drop(); got != 2*time.Hour {
		t.Errorf("the index ends after %v, want twice the life of its session", got)
	}
	give("day", 24*time.Hour)
	give("minute", time.Minute)
	if got := drop(); got != 48*time.Hour {
		t.Errorf("the index ends after %v, want twice the longest life", got)
	}
	// Saves may reach the index in another order than the records.
	save(t, s, "day", store.Change{Base: &store.Record{Owner: owner}, ExpiresAt: begin.Add(time.Hour)})
	if score, _ := strconv.ParseFloat(do(t, client, "ZSCORE", at, "=day"), 64); time.UnixMilli(int64(score)).Sub(begin).Round(time.Minute) != 48*time.Hour {
		t.Errorf("an earlier end has brought forward when the entry may be dropped, to %.0f", score)
	}
	// A record that expired leaves its entry, which goes at the next change.
	do(t, client, "ZADD", at, number(time.Now().Add(-time.Hour).UnixMilli()), "=gone", number(time.Now().Add(-time.Hour).UnixMilli()), "+gone")
	give("another", time.Hour)
	if members := indexed(t, client, at); strings.Contains(members, "gone") {
		t.Errorf("the index still holds %q", members)
	}
	owns(t, "with sessions of all lives", s, "alice", "another", "day", "hour", "minute")

	give("short", 300*time.Millisecond)
	time.Sleep(400 * time.Millisecond)
	owns(t, "after the end of one", s, "alice", "another", "day", "hour", "minute")
}

// A touch keeps the entry alive, and brings back what was lost with the index: it knows
// the owner from Base, or asks.
func TestATouchKeepsAndHealsTheIndex(t *testing.T) {
	for _, name := range []string{"redis", "cluster"} {
		t.Run(name, func(t *testing.T) {
			client := clients[name](t)
			s := newStore(t, client, redisstore.Options{Prefix: "touch:"})
			create(t, s, "k", "alice", "a", "1")
			base, err := s.Load(t.Context(), "k")
			if err != nil {
				t.Fatal(err)
			}
			stale := base
			stale.Owner = "bob"
			end := inAnHour()
			for what, b := range map[string]*store.Record{"the right Base": &base, "no Base": nil, "a Base of another owner": &stale} {
				do(t, client, "DEL", "touch:o:alice")
				owns(t, "without an index", s, "alice")
				save(t, s, "k", store.Change{Base: b, Set: fields("a", "2")})
				end = end.Add(time.Hour)
				save(t, s, "k", store.Change{Base: b, ExpiresAt: end})
				owns(t, "after a touch with "+what, s, "alice", "k")
				owns(t, "after a touch with "+what, s, "bob")
				score, _ := strconv.ParseFloat(do(t, client, "ZSCORE", "touch:o:alice", "=k"), 64)
				if int64(score) <= end.UnixMilli() {
					t.Errorf("after a touch with %s the entry may be dropped at %.0f, before the session ends at %d", what, score, end.UnixMilli())
				}
			}
		})
	}
}

// A change of owner that keeps the expiry has to ask for it.
func TestAnOwnerWithoutAnExpiryIsIndexedForTheRightTime(t *testing.T) {
	client := clients["redis"](t)
	s := newStore(t, client, redisstore.Options{Prefix: "when:"})
	create(t, s, "k", "")
	base, err := s.Load(t.Context(), "k")
	if err != nil {
		t.Fatal(err)
	}
	late := time.Now().Add(100 * time.Hour).Truncate(time.Millisecond)
	save(t, s, "k", store.Change{ExpiresAt: late}) // so that base is out of date
	for i, b := range []*store.Record{nil, &base} {
		owner := fmt.Sprintf("owner %d", i)
		save(t, s, "k", store.Change{Base: b, Owner: &owner})
		owns(t, "", s, owner, "k")
		score, _ := strconv.ParseFloat(do(t, client, "ZSCORE", "when:o:"+owner, "=k"), 64)
		if int64(score) <= late.UnixMilli() {
			t.Errorf("with the Base %v the entry may be dropped at %.0f, before the session ends at %d", b, score, late.UnixMilli())
		}
	}
}

// The manager's own records are in no index.
func TestReservedKeysAreNotIndexed(t *testing.T) {
	client := clients["redis"](t)
	s := newStore(t, client, redisstore.Options{Prefix: "reserved:"})
	create(t, s, "$epoch", "alice")
	owner := "bob"
	save(t, s, "$epoch", store.Change{Owner: &owner})
	save(t, s, "$epoch", store.Change{ExpiresAt: inAnHour()})
	if keys := do(t, client, "KEYS", "reserved:o:*"); keys != "" {
		t.Errorf("there are the indexes %s", keys)
	}
	if rec, err := s.Load(t.Context(), "$epoch"); err != nil || rec.Owner != "bob" {
		t.Errorf("%+v, %v", rec, err)
	}
}
