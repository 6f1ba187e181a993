package boltstore

import (
	"errors"
	"math"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/kvstore"
)

func TestEntriesReadBackAsTheyWere(t *testing.T) {
	for _, e := range []entry{
		{never, "", ""},
		{1, "", "x"},
		{math.MaxInt64, "u1", "a\nb c"},
		{1767312000000, "with blanks\nand lines", "1 2 3\n"},
	} {
		if got, err := decode(e.encode()); err != nil || got != e {
			t.Errorf("%+v: %+v, %v", e, got, err)
		}
	}
}

// This is what files hold. A change of it needs a new format, and this one must be read on.
func TestTheFormOfAnEntryStays(t *testing.T) {
	e := entry{1767312000000, "alice", `{"version":1}`}
	if got, want := string(e.encode()), "1767312000000 5 alice {\"version\":1}"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if string(formatValue) != "1" {
		t.Error("a new format needs a test of its own")
	}
}

func TestEndsAreKeptToTheMillisecondAndNeverLater(t *testing.T) {
	second := time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)
	for in, want := range map[time.Time]time.Time{
		second: second, second.Add(999_999): second, second.Add(1_500_000): second.Add(time.Millisecond),
	} {
		if got := entryOf(kvstore.Entry{ExpiresAt: in}).end(); !got.Equal(want) {
			t.Errorf("%v: %v", in, got)
		}
	}
	for _, past := range []time.Time{time.UnixMilli(0), time.UnixMilli(-5), time.Date(1, 1, 1, 0, 0, 1, 0, time.UTC)} {
		if entryOf(kvstore.Entry{ExpiresAt: past}).live(time.Now().UnixMilli()) {
			t.Errorf("what ended in %v is live", past)
		}
	}
	if e := entryOf(kvstore.Entry{}); !e.live(math.MaxInt64) || !e.end().IsZero() {
		t.Errorf("without an end: %+v", e)
	}
}

func TestWhatIsNotAnEntryIsMalformed(t *testing.T) {
	for _, data := range []string{
		"", " ", "\n", "x", "1", "1 ", "1 0", "1 0 ", "1 1  ", "1 0 x", "-1 0  ", "1 -1  ", "+ 0  ", "1   ", "1 99999 u ", "9223372036854775808 0  x",
		"1 9223372036854775807 u x", `{"version":1}`, "00000000000000000000000000000000001 0  ",
	} {
		if e, err := decode([]byte(data)); !errors.Is(err, store.ErrMalformed) {
			t.Errorf("%q: %+v, %v", data, e, err)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte("1767312000000 5 alice {}"))
	f.Add([]byte("0 0  "))
	f.Add([]byte("1 9223372036854775807  "))
	f.Fuzz(func(t *testing.T, data []byte) {
		e, err := decode(data)
		if err != nil {
			if !errors.Is(err, store.ErrMalformed) {
				t.Fatal(err)
			}
			return
		}
		if again, err := decode(e.encode()); err != nil || again != e {
			t.Fatalf("%q: %+v, then %+v, %v", data, e, again, err)
		}
	})
}
