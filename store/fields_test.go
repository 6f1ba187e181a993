package store_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/cloakroom-go/cloakroom/store"
)

func fields(t testing.TB, pairs ...string) store.Fields {
	t.Helper()
	var list []store.Field
	for i := 0; i < len(pairs); i += 2 {
		list = append(list, store.Field{Name: pairs[i], Value: pairs[i+1]})
	}
	f, err := store.NewFields(list...)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestFieldsKeepNamesAndValues(t *testing.T) {
	long := strings.Repeat("n", 256)
	big := `"` + strings.Repeat("v", 1<<20) + `"`
	f := fields(t, "b", "2", "a", "1", long, "3", "ü", big, "c", "")
	if f.Len() != 5 {
		t.Errorf("Len() = %d, want 5", f.Len())
	}
	want := map[string]string{"a": "1", "b": "2", "c": "", long: "3", "ü": big}
	if got := maps.Collect(f.All()); !maps.Equal(got, want) {
		t.Errorf("All() = %.200v", got)
	}
	for name, value := range want {
		if got, ok := f.Get(name); !ok || got != value {
			t.Errorf("Get(%.20q) = %.20q, %v", name, got, ok)
		}
	}
	for _, name := range []string{"", "0", "aa", "z", "üü"} {
		if got, ok := f.Get(name); ok {
			t.Errorf("Get(%q) = %q, want nothing", name, got)
		}
	}
}

func TestFieldsAreSorted(t *testing.T) {
	f := fields(t, "z", "1", "$x", "2", "m", "3")
	var names []string
	for name := range f.All() {
		names = append(names, name)
	}
	if !slices.IsSorted(names) || len(names) != 3 {
		t.Errorf("names = %q", names)
	}
}

func TestNewFieldsRefusesBadNames(t *testing.T) {
	for want, list := range map[string][]store.Field{
		"empty name":  {{Name: "", Value: "1"}},
		"257 bytes":   {{Name: strings.Repeat("x", 257), Value: "1"}},
		"not valid":   {{Name: "\xff", Value: "1"}},
		"given twice": {{Name: "a", Value: "1"}, {Name: "b", Value: "1"}, {Name: "a", Value: "1"}},
	} {
		if _, err := store.NewFields(list...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("NewFields: %v, want an error with %q", err, want)
		}
	}
}

func TestWithIsUnsetThenSet(t *testing.T) {
	f := fields(t, "a", "1", "b", "2", "c", "3")
	got := f.With(fields(t, "b", "20", "d", "4"), "a", "b", "missing")
	if want := fields(t, "b", "20", "c", "3", "d", "4"); got != want {
		t.Errorf("With = %v", maps.Collect(got.All()))
	}
	if f != fields(t, "a", "1", "b", "2", "c", "3") {
		t.Error("With altered its receiver")
	}
	if got := f.With(store.Fields{}, "a", "b", "c"); got != (store.Fields{}) || got.Len() != 0 {
		t.Errorf("emptied fields are not the zero Fields: %v", got)
	}
	if got := f.With(store.Fields{}); got != f {
		t.Error("With nothing changed something")
	}
}

// With must do what a map does, whatever the names and sizes.
func TestWithAgainstMaps(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	pick := func(n int) map[string]string {
		m := map[string]string{}
		for range rnd.IntN(n) {
			m[fmt.Sprint("f", rnd.IntN(12))] = strings.Repeat("v", rnd.IntN(300))
		}
		return m
	}
	build := func(m map[string]string) store.Fields {
		var list []store.Field
		for name, value := range m {
			list = append(list, store.Field{Name: name, Value: value})
		}
		f, err := store.NewFields(list...)
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	for range 2000 {
		old, set := pick(10), pick(5)
		unset := slices.Collect(maps.Keys(pick(5)))
		got := build(old).With(build(set), unset...)
		for _, name := range unset {
			delete(old, name)
		}
		maps.Copy(old, set)
		if got != build(old) {
			t.Fatalf("With = %v, want %v", maps.Collect(got.All()), old)
		}
	}
}

func TestLookingUpAndIteratingAllocatesNothing(t *testing.T) {
	f := fields(t, "a", "1", "b", `"two"`, "c", "3")
	n := testing.AllocsPerRun(100, func() {
		if v, ok := f.Get("b"); !ok || v != `"two"` {
			t.Fatal("lost")
		}
		for range f.All() {
		}
	})
	if n != 0 {
		t.Errorf("%v allocations, want 0", n)
	}
}

func TestWithAllocatesOnce(t *testing.T) {
	f, set := fields(t, "a", "1", "b", "2"), fields(t, "b", "3")
	if n := testing.AllocsPerRun(100, func() { _ = f.With(set, "a") }); n != 1 {
		t.Errorf("%v allocations, want 1", n)
	}
}
