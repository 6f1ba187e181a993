package memcachestore

import (
	"errors"
	"math"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/kvstore"
)

func TestEntriesReadBackAsTheyWere(t *testing.T) {
	for _, e := range []kvstore.Entry{
		{},
		{Value: "1 2 3 "},
		{Value: "a\r\nEND\r\n", ExpiresAt: time.UnixMilli(1)},
		{Value: "x", ExpiresAt: time.UnixMilli(1767312000123)},
	} {
		for _, key := range []string{"k", "with blanks and\nlines", "1"} {
			got, err := decode(key, encode(key, e))
			if err != nil || got.Value != e.Value || !got.ExpiresAt.Equal(e.ExpiresAt) {
				t.Errorf("%+v: %+v, %v", e, got, err)
			}
		}
	}
}

// This is what servers hold. A change of it must go on reading it.
func TestTheFormOfAnItemStays(t *testing.T) {
	e := kvstore.Entry{Value: `{"version":1}`, ExpiresAt: time.UnixMilli(1767312000000), Owner: "alice", Revision: 7}
	if got, want := string(encode("k1", e)), `1767312000000 2 k1 {"version":1}`; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestEndsAreKeptToTheMillisecondAndNeverLater(t *testing.T) {
	second := time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)
	for in, want := range map[time.Time]time.Time{
		second: second, second.Add(999_999): second, second.Add(1_500_000): second.Add(time.Millisecond),
	} {
		if got, err := decode("k", encode("k", kvstore.Entry{ExpiresAt: in})); err != nil || !got.ExpiresAt.Equal(want) {
			t.Errorf("%v: %v, %v", in, got.ExpiresAt, err)
		}
	}
	for _, past := range []time.Time{time.UnixMilli(0), time.UnixMilli(-5), time.Date(1, 1, 1, 0, 0, 1, 0, time.UTC)} {
		if got, err := decode("k", encode("k", kvstore.Entry{ExpiresAt: past})); err != nil || live(got, time.Now()) {
			t.Errorf("%v: %+v, %v", past, got, err)
		}
	}
}

func TestWhatIsNotAnEntryIsMalformed(t *testing.T) {
	for _, data := range []string{
		"", " ", "x", "1", "1 ", "1 1", "1 1 ", "1 1 k", "1 1 kk", "1 2 k ", "-1 1 k ", "1 -1 k ", "x 1 k ", "1 x k ", "1 1 q ", "1 0  ",
		"9223372036854775808 1 k ", "1 9223372036854775807 k ", `{"version":1}`, "00000000000000000000000000000000001 1 k ",
	} {
		if e, err := decode("k", []byte(data)); !errors.Is(err, store.ErrMalformed) {
			t.Errorf("%q: %+v, %v", data, e, err)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte("1767312000000 1 k {}"))
	f.Add([]byte("0 1 k "))
	f.Add([]byte("1 9223372036854775807 k "))
	f.Fuzz(func(t *testing.T, data []byte) {
		e, err := decode("k", data)
		if err != nil {
			if !errors.Is(err, store.ErrMalformed) {
				t.Fatal(err)
			}
			return
		}
		if again, err := decode("k", encode("k", e)); err != nil || again != e {
			t.Fatalf("%q: %+v, then %+v, %v", data, e, again, err)
		}
	})
}

// Memcached may free an item after its end, never before; an end is never 0, which is never.
func TestMemcachedKeepsAnItemUntilItsEnd(t *testing.T) {
	now := time.Date(2026, 11, 20, 12, 0, 0, 987_654_321, time.UTC)
	for _, left := range []time.Duration{
		1, time.Millisecond, 999 * time.Millisecond, time.Second, 90 * time.Minute,
		month - 3*time.Second, month - 2*time.Second, month - time.Second, month, month + time.Second, 400 * 24 * time.Hour,
	} {
		got := time.Duration(expiration(now.Add(left), now)) * time.Second
		if got > month { // Unix time
			got = time.Unix(int64(got/time.Second), 0).Sub(now)
		}
		// An item that is put now and is to live for n seconds lives for more than n-1.
		if got-time.Second < left || got > left+3*time.Second {
			t.Errorf("%v before its end memcached is told %v", left, got)
		}
	}
	for _, past := range []time.Duration{0, -1, -time.Hour, -100 * 365 * 24 * time.Hour} {
		if got := expiration(now.Add(past), now); got != -1 {
			t.Errorf("%v: %d, want what memcached takes as over", past, got)
		}
	}
	if got := expiration(time.Time{}, now); got != 0 {
		t.Errorf("no end: %d", got)
	}
}

func TestItemsThatLastLongerThanTheClientsNumberEndEarly(t *testing.T) {
	end := time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)
	if got := expiration(end, time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)); got != math.MaxInt32 {
		t.Errorf("in 2026: %d", got)
	}
	for _, now := range []time.Time{time.Date(2038, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2060, 1, 1, 0, 0, 0, 0, time.UTC)} {
		if got := expiration(end, now); got != int32(month/time.Second) {
			t.Errorf("in %d: %d, want a month", now.Year(), got)
		}
	}
}
