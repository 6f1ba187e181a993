package memcache_test

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/bradfitz/gomemcache/memcache"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/memcachestore"
	"github.com/cloakroom-go/cloakroom/store/storetest"
)

func TestConforms(t *testing.T) {
	addr := shared(t).Addr()
	if most := setting(t, addr, "item_size_max"); most < 2<<20 {
		t.Fatalf("memcached takes items of %d bytes, and the examiner has values of 1 MB: start it with -I 8m", most)
	}
	s := open(t, addr, time.Minute)
	storetest.Run(t, func(*testing.T) store.Store { return s })
}

// The largest record that the store lets through is one that memcached takes, so that the
// error with the remedy is the one that users see.
func TestWhatTheStoreTakesForLargeIsWhatMemcachedDoes(t *testing.T) {
	addr := shared(t).Addr()
	most := setting(t, addr, "item_size_max")
	s := open(t, addr, time.Minute)
	large := func(size int) store.Change {
		c := creation(t)
		c.Set = fieldsOf(t, "large", `"`+strings.Repeat("x", size)+`"`)
		return c
	}
	low, high := most-1000, most // the first fits and the second does not
	create(t, s, "k")
	create(t, s, "fits")
	if _, err := s.Save(t.Context(), "fits", store.Change{Set: large(low).Set}); err != nil {
		t.Fatal(err)
	}
	for high-low > 1 {
		size := (low + high) / 2
		key := fmt.Sprint("k", size)
		_, err := s.Save(t.Context(), key, large(size))
		switch {
		case err == nil:
			low = size
		case strings.Contains(err.Error(), "the record needs an item of") && strings.Contains(err.Error(), fmt.Sprint(most)):
			high = size
		default:
			t.Fatalf("a value of %d bytes: %v", size, err)
		}
		if err := s.Delete(t.Context(), key); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("of %d bytes, %d are left to one value", most, low)
	if _, err := s.Save(t.Context(), "k", store.Change{Set: large(most).Set}); err == nil {
		t.Error("a record that is too large was saved")
	}
	if rec, err := s.Load(t.Context(), "k"); err != nil || rec.Fields != fieldsOf(t, "n", "0") {
		t.Errorf("after the edit that was refused: %d fields, %v", rec.Fields.Len(), err)
	}
}

// With a MaxItemSize that promises too much, it is memcached that refuses.
func TestAnItemThatMemcachedRefusesLeavesTheOldOne(t *testing.T) {
	addr := shared(t).Addr()
	most := setting(t, addr, "item_size_max")
	client := memcache.New(addr)
	client.Timeout = time.Minute
	defer client.Close()
	s, err := memcachestore.New(client, &memcachestore.Options{Prefix: prefix(t), MaxItemSize: 2 * most})
	if err != nil {
		t.Fatal(err)
	}
	create(t, s, "k")
	_, err = s.Save(t.Context(), "k", store.Change{Set: fieldsOf(t, "large", `"`+strings.Repeat("x", most)+`"`)})
	if err == nil || !strings.Contains(err.Error(), "item_size_max") || !strings.Contains(err.Error(), fmt.Sprint(2*most)) {
		t.Errorf("%v", err)
	}
	if rec, err := s.Load(t.Context(), "k"); err != nil || rec.Fields != fieldsOf(t, "n", "0") {
		t.Errorf("%d fields, %v", rec.Fields.Len(), err)
	}
}

// Whatever the end is, memcached is told one, and one that is not before it.
func TestMemcachedIsToldTheEndOfEveryRecord(t *testing.T) {
	addr := shared(t).Addr()
	s := open(t, addr, time.Minute)
	const day = 24 * time.Hour
	for i, life := range []time.Duration{2 * time.Second, time.Hour, 30*day - 3*time.Second, 30*day - time.Second, 30*day + time.Hour, 365 * day} {
		key := fmt.Sprint("k", i)
		for _, what := range []string{"Create", "Save"} {
			end := time.Now().Add(life)
			change := store.Change{Create: what == "Create", ExpiresAt: end}
			if _, err := s.Save(t.Context(), key, change); err != nil {
				t.Fatal(err)
			}
			left := time.Duration(remaining(t, addr, prefix(t)+key)) * time.Second
			if least := time.Until(end).Truncate(time.Second); left < least || left > life+5*time.Second {
				t.Errorf("%s of a record with a life of %v: memcached keeps it for %v", what, life, left)
			}
		}
	}
	end := time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)
	if _, err := s.Save(t.Context(), "late", store.Change{Create: true, ExpiresAt: end}); err != nil {
		t.Fatal(err)
	}
	if left := remaining(t, addr, prefix(t)+"late"); left <= 0 || left > math.MaxInt32 {
		t.Errorf("a record that lasts until 2200 is kept for %d seconds", left)
	}
	if rec, err := s.Load(t.Context(), "late"); err != nil || !rec.ExpiresAt.Equal(end) {
		t.Errorf("%+v, %v", rec, err)
	}
}

func TestWhatSomethingElseWroteIsReportedAndLeftAsItIs(t *testing.T) {
	addr := shared(t).Addr()
	s := open(t, addr, time.Minute)
	item := prefix(t) + "k"
	if got := tell(t, addr, "", "set "+item+" 0 0 5", "hello"); got[0] != "STORED" {
		t.Fatal(got)
	}
	_, loaded := s.Load(t.Context(), "k")
	_, saved := s.Save(t.Context(), "k", store.Change{})
	_, created := s.Save(t.Context(), "k", creation(t))
	for what, err := range map[string]error{"Load": loaded, "Save": saved, "Create": created} {
		if !errors.Is(err, store.ErrMalformed) || !strings.Contains(err.Error(), item) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if got := tell(t, addr, "END", "get "+item); len(got) != 3 || got[1] != "hello" {
		t.Errorf("now %q", got)
	}
	if err := s.Delete(t.Context(), "k"); err != nil {
		t.Error(err)
	}
	create(t, s, "k")
}

// memcached cannot find the sessions of a user, and says so before the first of them is lost.
func TestAManagerThatHasOwnersRefusesToStart(t *testing.T) {
	s := open(t, shared(t).Addr(), time.Minute)
	if _, err := cloakroom.New(s, nil); err != nil {
		t.Error(err)
	}
	if _, err := cloakroom.New(s, &cloakroom.Config{Owners: true}); err == nil || !strings.Contains(err.Error(), "Config.Owners") {
		t.Errorf("%v", err)
	}
}
