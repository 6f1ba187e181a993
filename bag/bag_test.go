package bag_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"sync"
	"testing"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/bag"
	"github.com/cloakroom-go/cloakroom/store/memstore"
)

type client struct {
	testing.TB
	m      *cloakroom.Manager
	cookie string
}

func newClient(t testing.TB) *client {
	t.Helper()
	m, err := cloakroom.New(memstore.New(nil), nil)
	if err != nil {
		t.Fatal(err)
	}
	return &client{TB: t, m: m}
}

func (c *client) request(f func(b bag.Bag, s *cloakroom.Session)) int {
	c.Helper()
	r := httptest.NewRequest("GET", "https://example.com/", nil)
	if c.cookie != "" {
		r.Header.Set("Cookie", c.cookie)
	}
	w := httptest.NewRecorder()
	c.m.Handler(c.m.Func(func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) { f(bag.Of(s), s) })).ServeHTTP(w, r)
	for _, set := range w.Result().Cookies() {
		c.cookie = set.Name + "=" + set.Value
	}
	return w.Code
}

func must(t testing.TB, errs ...error) {
	t.Helper()
	for _, err := range errs {
		if err != nil {
			t.Error(err)
		}
	}
}

func TestValuesComeBackAsTheyWerePut(t *testing.T) {
	c := newClient(t)
	type team struct {
		Name string `json:"name"`
	}
	want := map[string]any{
		"nothing": nil, "no": false, "zero": int64(0), "empty": "", "list": []any{}, "object": map[string]any{},
		"big": int64(math.MaxInt64), "half": 0.5, "huge": json.Number("123456789012345678901"), "text": "<a> & \u2028 \U0001F600",
		"user": map[string]any{"teams": []any{map[string]any{"name": "red"}}},
	}
	c.request(func(b bag.Bag, _ *cloakroom.Session) {
		for path, v := range want {
			must(t, b.Put(path, v))
		}
		must(t, b.Put("user.teams", []team{{"red"}}))
	})
	c.request(func(b bag.Bag, s *cloakroom.Session) {
		if got := b.All(); !reflect.DeepEqual(got, want) {
			t.Errorf("all: %#v", got)
		}
		for path, v := range want {
			if got := b.Get(path, "missing"); !reflect.DeepEqual(got, v) || !b.Has(path) {
				t.Errorf("%s: %#v, want %#v; has %v", path, got, v, b.Has(path))
			}
		}
		must(t, s.Err())
	})
}

func TestPathsLeadIntoObjectsAndLists(t *testing.T) {
	c := newClient(t)
	c.request(func(b bag.Bag, s *cloakroom.Session) {
		must(t,
			b.Put("user.name", "Ada"),
			b.Put("user.teams", []string{"red", "blue"}),
			b.Put("user.teams.1", "green"),
			b.Put("user.teams.2", "new"),
			b.Put("user.by\\.name.7", "member seven"),
			b.Put(bag.Escape(`a.b\c`)+".d", 1),
			b.Put("x..y", "empty name"),
			b.Put("__proto__.polluted", true),
		)
		for path, want := range map[string]any{
			"user.name": "Ada", "user.teams.0": "red", "user.teams.1": "green", "user.teams.2": "new",
			`user.by\.name.7`: "member seven", `a\.b\\c.d`: int64(1), "x..y": "empty name",
			"user.teams.3": nil, "user.teams.00": nil, "user.teams.-1": nil, "user.teams.x": nil, "user.name.x": nil,
			"constructor": nil, "user.constructor": nil, "polluted": nil,
		} {
			if got := b.Get(path); !reflect.DeepEqual(got, want) || b.Has(path) != (want != nil) {
				t.Errorf("%s: %#v, has %v, want %#v", path, got, b.Has(path), want)
			}
		}
		must(t, s.Err())
	})
}

func TestForgetDeletesOneValueAndAListMovesUp(t *testing.T) {
	c := newClient(t)
	c.request(func(b bag.Bag, s *cloakroom.Session) {
		must(t, b.Put("u.w", 1), b.Put("u.x", 2), b.Put("l", []int{1, 2, 3}), b.Put("v", 0))
		must(t, b.Forget("u.w", "l.1", "l.7", "none.at.all", "v.x", "v"))
		want := map[string]any{"u": map[string]any{"x": int64(2)}, "l": []any{int64(1), int64(3)}}
		if got := b.All(); !reflect.DeepEqual(got, want) {
			t.Errorf("%#v", got)
		}
		must(t, s.Err())
		b.Flush()
		if len(b.All()) != 0 {
			t.Errorf("after Flush: %v", b.All())
		}
	})
}

func TestPullTakesFalsyValuesToo(t *testing.T) {
	c := newClient(t)
	c.request(func(b bag.Bag, _ *cloakroom.Session) {
		must(t, b.Put("zero", 0), b.Put("u.no", false))
		if v := b.Pull("zero", "missing"); v != int64(0) || b.Has("zero") {
			t.Errorf("%#v, has %v", v, b.Has("zero"))
		}
		if v := b.Pull("u.no"); v != false || b.Has("u.no") || !b.Has("u") {
			t.Errorf("%#v, has %v", v, b.Has("u.no"))
		}
		if v := b.Pull("u.no", "missing"); v != "missing" {
			t.Errorf("%#v", v)
		}
		if v := b.Pull("u.no"); v != nil {
			t.Errorf("%#v", v)
		}
	})
}

func TestPushAppendsToListsAndRefusesAllElse(t *testing.T) {
	c := newClient(t)
	c.request(func(b bag.Bag, s *cloakroom.Session) {
		must(t, b.Push("user.teams", "red"), b.Push("user.teams", "blue"), b.Put("n", 1), b.Put("nothing", nil))
		if got := b.Get("user.teams"); !reflect.DeepEqual(got, []any{"red", "blue"}) {
			t.Errorf("%#v", got)
		}
		for _, path := range []string{"user", "n", "user.teams.0", "nothing"} {
			var wrong *bag.PathError
			if err := b.Push(path, "x"); !errors.As(err, &wrong) || wrong.Path != path {
				t.Errorf("%s: %v", path, err)
			}
		}
		must(t, s.Err())
	})
}

func TestBadPathsAreErrorsThatNameThemAndChangeNothing(t *testing.T) {
	c := newClient(t)
	c.request(func(b bag.Bag, s *cloakroom.Session) {
		must(t, b.Put("n", 1), b.Put("l", []int{1}))
		for _, path := range []string{
			"", ".a", "$secret", `a\`, `a\b`, "\xff", strings.Repeat("n", 257), strings.Repeat("a.", 70),
			"n.x", "l.2", "l.x", "l.01",
		} {
			var wrong *bag.PathError
			if err := b.Put(path, 1); !errors.As(err, &wrong) || wrong.Path != path {
				t.Errorf("%.20q: %v", path, err)
			}
		}
		if err := b.Put("f", func() {}); err == nil || !strings.Contains(err.Error(), `"f"`) {
			t.Errorf("%v", err)
		}
		if err := b.PutAll(map[string]any{"a": 1, "b.": 2}); err != nil || !b.Has("b.") {
			t.Errorf("%v", err)
		}
		must(t, s.Err())
		if got := b.Get("l"); !reflect.DeepEqual(got, []any{int64(1)}) {
			t.Errorf("%#v", got)
		}
	})
}

func TestValuesThatNestTooDeeplyAreRefused(t *testing.T) {
	c := newClient(t)
	status := c.request(func(b bag.Bag, s *cloakroom.Session) {
		deep := json.RawMessage(strings.Repeat("[", 9990) + strings.Repeat("]", 9990))
		var wrong *bag.PathError
		if err := b.Put(strings.Repeat("a.", 40)+"a", deep); !errors.As(err, &wrong) {
			t.Errorf("%v", err)
		}
		must(t, s.Err())
	})
	if status != http.StatusOK {
		t.Errorf("status %d", status)
	}
}

// A path may come from a visitor, who must not be able to make the request fail.
func TestReadingAtABadPathFindsNothingAndFailsNothing(t *testing.T) {
	c := newClient(t)
	status := c.request(func(b bag.Bag, s *cloakroom.Session) {
		must(t, b.Put("m", 1))
		for _, path := range []string{"", "$secret", `a\b`, "\xff", strings.Repeat("a.", 70)} {
			if v := b.Get(path, "missing"); v != "missing" || b.Has(path) || b.Pull(path, "missing") != "missing" {
				t.Errorf("%.20q: %#v", path, v)
			}
			var wrong *bag.PathError
			if err := b.Forget("none", path); !errors.As(err, &wrong) || wrong.Path != path {
				t.Errorf("%.20q: %v", path, err)
			}
		}
		must(t, s.Err())
	})
	if status != http.StatusOK {
		t.Errorf("status %d", status)
	}
}

func TestParallelEditsOfOneFieldAreAllKept(t *testing.T) {
	c := newClient(t)
	c.request(func(b bag.Bag, _ *cloakroom.Session) { must(t, b.Put("u.list", []int{})) })
	const n = 10
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			c.request(func(b bag.Bag, _ *cloakroom.Session) { must(t, b.Put(fmt.Sprintf("u.m%d", i), i)) })
		})
		all.Go(func() {
			c.request(func(b bag.Bag, _ *cloakroom.Session) { must(t, b.Push("u.list", i)) })
		})
	}
	all.Wait()
	c.request(func(b bag.Bag, _ *cloakroom.Session) {
		if u := b.Get("u").(map[string]any); len(u) != n+1 || len(u["list"].([]any)) != n {
			t.Errorf("%v", u)
		}
	})
}

func TestAnEditThatBecomesImpossibleFailsTheCommit(t *testing.T) {
	c := newClient(t)
	c.request(func(b bag.Bag, _ *cloakroom.Session) { must(t, b.Push("list", 1)) })
	status := c.request(func(b bag.Bag, _ *cloakroom.Session) {
		must(t, b.Push("list", 2))
		c.request(func(b bag.Bag, _ *cloakroom.Session) { must(t, b.Put("list", "a string now")) })
	})
	if status != http.StatusInternalServerError {
		t.Errorf("status %d", status)
	}
	c.request(func(b bag.Bag, _ *cloakroom.Session) {
		if v := b.Get("list"); v != "a string now" {
			t.Errorf("%#v", v)
		}
	})
}

// Digits that no Go number holds survive an edit beside them.
func TestNumbersThatAreNotTouchedKeepTheirDigits(t *testing.T) {
	c := newClient(t)
	c.request(func(b bag.Bag, s *cloakroom.Session) {
		s.SetRaw("o", `{"n":1.10000000000000000000000001,"m":12345678901234567890}`)
		must(t, b.Put("o.x", 1))
		if raw, _ := s.Raw("o"); raw != `{"m":12345678901234567890,"n":1.10000000000000000000000001,"x":1}` {
			t.Errorf("%s", raw)
		}
	})
}

func FuzzPaths(f *testing.F) {
	f.Add("user.teams.0", "user.teams", `"v"`)
	f.Add(`a\.b`, "a", `[1]`)
	f.Add("__proto__.x", "constructor.prototype.x", `{"__proto__":{"a":1}}`)
	f.Fuzz(func(t *testing.T, p, q, text string) {
		c := newClient(t)
		c.request(func(b bag.Bag, s *cloakroom.Session) {
			var v any
			if json.Unmarshal([]byte(text), &v) != nil {
				v = text
			}
			if b.Put(p, v) == nil && (s.Err() != nil || !b.Has(p)) {
				t.Fatalf("put at %q: has %v, %v", p, b.Has(p), s.Err())
			}
			if err := b.Push(q, v); err == nil {
				if _, ok := b.Get(q).([]any); !ok {
					t.Fatalf("pushed at %q: %#v", q, b.Get(q))
				}
			}
			before := b.Get(p)
			if got := b.Pull(p); !reflect.DeepEqual(got, before) {
				t.Fatalf("pulled %#v, got %#v", got, before)
			}
			b.All()
			escaped := bag.Escape(p)
			if b.Put(escaped, 1) == nil && b.All()[p] != int64(1) {
				t.Fatalf("%q escaped is %q: %v", p, escaped, b.All())
			}
		})
	})
}
