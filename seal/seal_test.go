package seal_test

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"github.com/cloakroom-go/cloakroom/seal"
)

func ring(t testing.TB, keys ...byte) *seal.Ring {
	t.Helper()
	var all [][]byte
	for _, k := range keys {
		all = append(all, bytes.Repeat([]byte{k}, seal.KeySize))
	}
	r, err := seal.NewRing(all...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestWhatIsSealedOpensAndHidesItself(t *testing.T) {
	r := ring(t, 1)
	for _, plain := range [][]byte{nil, []byte("a"), bytes.Repeat([]byte("long "), 10000)} {
		sealed := r.Seal(plain, []byte("place"))
		if len(sealed) != len(plain)+seal.Overhead {
			t.Errorf("%d bytes became %d", len(plain), len(sealed))
		}
		if len(plain) > 1 && bytes.Contains(sealed, plain[:16]) {
			t.Error("the plaintext shows")
		}
		if got, err := r.Open(sealed, []byte("place")); err != nil || !bytes.Equal(got, plain) {
			t.Errorf("opened %q, %v", got, err)
		}
	}
}

// A keystream that is used twice gives both values away.
func TestTheSameValueIsSealedAnotherWayEachTime(t *testing.T) {
	r := ring(t, 1)
	seen := map[string]bool{}
	for range 100 {
		seen[string(r.Seal([]byte("value"), nil)[:12])] = true
	}
	if len(seen) != 100 {
		t.Errorf("%d nonces for 100 values", len(seen))
	}
}

func TestAValueOpensOnlyUnalteredInItsPlaceAndWithItsKey(t *testing.T) {
	sealed := ring(t, 1).Seal([]byte("value"), []byte("place"))
	for i := range sealed {
		bad := bytes.Clone(sealed)
		bad[i] ^= 1
		if _, err := ring(t, 1).Open(bad, []byte("place")); !errors.Is(err, seal.ErrOpen) {
			t.Fatalf("byte %d altered: %v", i, err)
		}
	}
	for n := range sealed {
		if _, err := ring(t, 1).Open(sealed[:n], []byte("place")); !errors.Is(err, seal.ErrOpen) {
			t.Fatalf("cut to %d bytes: %v", n, err)
		}
	}
	if _, err := ring(t, 1).Open(sealed, []byte("elsewhere")); !errors.Is(err, seal.ErrOpen) {
		t.Errorf("in another place: %v", err)
	}
	if _, err := ring(t, 2, 3).Open(sealed, []byte("place")); !errors.Is(err, seal.ErrOpen) {
		t.Errorf("with other keys: %v", err)
	}
}

func TestTheFirstKeySealsAndAllOpen(t *testing.T) {
	old := ring(t, 1).Seal([]byte("value"), nil)
	both := ring(t, 2, 1)
	if got, err := both.Open(old, nil); err != nil || string(got) != "value" {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := ring(t, 2).Open(both.Seal([]byte("value"), nil), nil); err != nil {
		t.Errorf("the first key did not seal: %v", err)
	}
}

func TestBadKeysAreRefused(t *testing.T) {
	if _, err := seal.NewRing(); err == nil {
		t.Error("no keys were accepted")
	}
	for _, n := range []int{0, 16, 31, 33} {
		if _, err := seal.NewRing(make([]byte, 32), make([]byte, n)); err == nil {
			t.Errorf("a key of %d bytes was accepted", n)
		}
	}
}

func FuzzOpen(f *testing.F) {
	r := ring(f, 1)
	f.Add(r.Seal([]byte("value"), nil))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		if plain, err := r.Open(b, []byte("never sealed with this")); err == nil {
			t.Errorf("opened %q", plain)
		}
	})
}

func ExampleRing() {
	ring, err := seal.NewRing(make([]byte, seal.KeySize)) // from a random source, in a program
	if err != nil {
		fmt.Println(err)
		return
	}
	sealed := ring.Seal([]byte("attack at dawn"), []byte("orders/7"))
	plain, err := ring.Open(sealed, []byte("orders/7"))
	fmt.Println(string(plain), err)
	_, err = ring.Open(sealed, []byte("orders/8"))
	fmt.Println(err)
	// Output:
	// attack at dawn <nil>
	// seal: the value cannot be opened with these keys
}
