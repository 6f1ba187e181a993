package cloakroom_test

import (
	"context"
	"errors"
	"math"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/store"
)

type profile struct {
	Name string
	Tags []string
	At   time.Time
}

// There and back through the store, to the bit.
func roundTrip[T any](t *testing.T, r *rig, values ...T) {
	t.Helper()
	k := cloakroom.NewKey[T]("value")
	cookie := r.fresh()
	for _, v := range values {
		r.with(func(s *cloakroom.Session) { k.Set(s, v) }, cookie)
		r.with(func(s *cloakroom.Session) {
			if got, ok := k.Lookup(s); !ok || !reflect.DeepEqual(got, v) {
				t.Errorf("%T: %+v came back as %+v, %v (%v)", v, v, got, ok, s.Err())
			}
		}, cookie)
	}
}

func TestValuesComeBackAsTheyWere(t *testing.T) {
	r := newRig(t, nil)
	roundTrip(t, r, "", "plain", `quo"te`, `back\slash`, "new\nline", "nul\x00", "ü 🧥 \u2028 <&>", strings.Repeat("long ", 1000))
	roundTrip(t, r, 0, -1, math.MaxInt, math.MinInt)
	roundTrip(t, r, int64(math.MaxInt64), math.MinInt64)
	roundTrip(t, r, int32(math.MinInt32), 7)
	roundTrip(t, r, uint64(math.MaxUint64))
	roundTrip(t, r, uint(math.MaxUint))
	roundTrip(t, r, uint32(math.MaxUint32))
	roundTrip(t, r, true, false)
	roundTrip(t, r, 0.1, math.MaxFloat64, math.SmallestNonzeroFloat64, -0.5)
	roundTrip(t, r, []byte{0, 255, 1})
	roundTrip(t, r, time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC))
	roundTrip(t, r, map[string]int{"a": 1})
	roundTrip(t, r, []string{"a", "b"}, nil)
	roundTrip(t, r, profile{"n", []string{"x"}, time.Unix(1, 2).UTC()})
	roundTrip(t, r, &profile{Name: "p"})
	type userID string
	roundTrip(t, r, userID("u1"))
}

func TestNewKeyPanicsOnNamesThatCannotBe(t *testing.T) {
	for _, name := range []string{"", "$secret", "\xff", strings.Repeat("x", 257)} {
		func() {
			defer func() {
				if p, ok := recover().(string); !ok || !strings.Contains(p, "NewKey") {
					t.Errorf("%.5q: panicked with %v", name, p)
				}
			}()
			cloakroom.NewKey[int](name)
			t.Errorf("%.5q was taken", name)
		}()
	}
}

func TestAnUnencodableValueFailsTheCommitAndNamesKeyAndType(t *testing.T) {
	odd := cloakroom.NewKey[chan int]("odd")
	nan := cloakroom.NewKey[float64]("nan")
	for what, f := range map[string]func(s *cloakroom.Session){
		`"odd" as chan int`: func(s *cloakroom.Session) { odd.Set(s, make(chan int)) },
		`"nan" as float64`:  func(s *cloakroom.Session) { nan.Set(s, math.NaN()) },
		`"name" as string`:  func(s *cloakroom.Session) { name.Set(s, "\xff") },
		`"odd2" as func()`: func(s *cloakroom.Session) {
			cloakroom.NewKey[func()]("odd2").Update(s, func(f func()) func() { return func() {} })
		},
	} {
		r := newRig(t, nil)
		var err error
		res := r.with(func(s *cloakroom.Session) { visits.Set(s, 1); f(s); err = s.Err() })
		if err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("%s: Err is %v", what, err)
		}
		if _, saves, _ := r.spy.calls(); res.StatusCode != 500 || saves != 0 || ticket(res) != "" {
			t.Errorf("%s: status %d, %d saves", what, res.StatusCode, saves)
		}
		if w, ok := find(r.log.take(), func(cloakroom.Warning) bool { return true }); !ok || !strings.Contains(w.Problem, what) {
			t.Errorf("%s: the Observer was told %+v", what, w)
		}
	}
}

func TestAValueOfAnotherTypeIsLeftAloneAndSetsErr(t *testing.T) {
	r := newRig(t, nil)
	cookie := r.fresh()
	number := cloakroom.NewKey[int]("name") // it holds the string "first"
	for what, f := range map[string]func(s *cloakroom.Session){
		"Get": func(s *cloakroom.Session) {
			if number.Get(s) != 0 {
				t.Error("Get did not return zero")
			}
		},
		"Update": func(s *cloakroom.Session) { number.Update(s, func(int) int { t.Error("f was called"); return 1 }) },
		"Pop": func(s *cloakroom.Session) {
			if _, ok := number.Pop(s); ok {
				t.Error("Pop found a number")
			}
		},
	} {
		r.with(func(s *cloakroom.Session) {
			f(s)
			if s.Err() == nil || !strings.Contains(s.Err().Error(), `"name"`) || strings.Contains(s.Err().Error(), "first") {
				t.Errorf("%s: Err is %v: it must name the field and not its value", what, s.Err())
			}
		}, cookie)
	}
	r.log.take()
	if res := r.with(func(s *cloakroom.Session) { number.Get(s) }, cookie); res.StatusCode != 200 {
		t.Errorf("a request that only read was answered %d", res.StatusCode)
	}
	if _, ok := find(r.log.take(), func(w cloakroom.Warning) bool { return strings.Contains(w.Problem, `"name"`) }); !ok {
		t.Error("nobody was told")
	}
	if res := r.with(func(s *cloakroom.Session) { number.Set(s, number.Get(s)+1) }, cookie); res.StatusCode != 500 {
		t.Errorf("an edit that rests on a zero value that is none was answered %d", res.StatusCode)
	}
	r.with(func(s *cloakroom.Session) {
		if name.Get(s) != "first" {
			t.Error("the value was touched")
		}
	}, cookie)
}

func TestSetEncodesAtOnce(t *testing.T) {
	r := newRig(t, nil)
	cookie := ticket(r.with(func(s *cloakroom.Session) {
		list := []string{"a"}
		cart.Set(s, list)
		list[0] = "changed later"
		got := cart.Get(s)
		got[0] = "changed by the reader"
	}))
	r.with(func(s *cloakroom.Session) {
		if got := cart.Get(s); !slices.Equal(got, []string{"a"}) {
			t.Errorf("cart %q", got)
		}
	}, cookie)
}

func TestAValueSetToWhatItWasIsNoChange(t *testing.T) {
	r := newRig(t, nil)
	cookie := r.fresh()
	r.with(func(s *cloakroom.Session) {
		name.Set(s, "other")
		name.Set(s, "first")
		name.Update(s, func(n string) string { return n })
		s.Delete("missing")
	}, cookie)
	if loads, saves, _ := r.spy.calls(); loads != 1 || saves != 0 {
		t.Errorf("%d loads, %d saves", loads, saves)
	}
}

func TestTheViewShowsItsEdits(t *testing.T) {
	r := newRig(t, nil)
	cookie := r.fresh()
	r.with(func(s *cloakroom.Session) {
		visits.Set(s, 3)
		if visits.Update(s, func(n int) int { return n * 2 }) != 6 || visits.Get(s) != 6 {
			t.Error("Update does not see Set")
		}
		if got := s.Names(); !slices.Equal(got, []string{"name", "visits"}) {
			t.Errorf("Names %q", got)
		}
		if v, ok := visits.Pop(s); !ok || v != 6 || s.Has("visits") {
			t.Error("Pop does not see Update")
		}
		if _, ok := visits.Pop(s); ok {
			t.Error("popped twice")
		}
		visits.Update(s, func(n int) int { return n + 1 })
		name.Delete(s)
		if s.Has("name") || visits.Get(s) != 1 {
			t.Error("Delete or Update after Pop")
		}
		s.Clear()
		if len(s.Names()) != 0 {
			t.Errorf("after Clear: %q", s.Names())
		}
		cart.Update(s, func(c []string) []string { return append(c, "x") })
		s.SetRaw("raw", " \n{ \"a\" : 1 }\t")
		if text, ok := s.Raw("raw"); !ok || text != `{ "a" : 1 }` {
			t.Errorf("Raw %q", text)
		}
	}, cookie)
	r.with(func(s *cloakroom.Session) {
		if got := s.Names(); !slices.Equal(got, []string{"cart", "raw"}) {
			t.Errorf("stored %q", got)
		}
		if text, _ := s.Raw("raw"); text != `{ "a" : 1 }` {
			t.Errorf("Raw %q: kept to the byte?", text)
		}
	}, cookie)
}

func TestBadNamesAndTextsSetErr(t *testing.T) {
	for what, f := range map[string]func(s *cloakroom.Session){
		"begins with $":  func(s *cloakroom.Session) { s.Delete("$secret") },
		"belong to the":  func(s *cloakroom.Session) { s.SetRaw("$secret", `"x"`) },
		"is empty":       func(s *cloakroom.Session) { s.Delete("") },
		"is not JSON":    func(s *cloakroom.Session) { s.SetRaw("a", `{`) },
		"257 bytes":      func(s *cloakroom.Session) { s.SetRaw(strings.Repeat("x", 257), `1`) },
		"not valid UTF":  func(s *cloakroom.Session) { s.SetRaw("\xff", `1`) },
		"SetLifetime":    func(s *cloakroom.Session) { s.SetLifetime(-1) },
		"SetIdleTimeout": func(s *cloakroom.Session) { s.SetIdleTimeout(-1) },
		"some day":       func(s *cloakroom.Session) { s.SetLifetime(cloakroom.NoTimeout) },
	} {
		r := newRig(t, nil)
		cookie := r.fresh()
		res := r.with(func(s *cloakroom.Session) {
			if f(s); s.Err() == nil || !strings.Contains(s.Err().Error(), what) {
				t.Errorf("%s: Err is %v", what, s.Err())
			}
		}, cookie)
		if res.StatusCode != 500 {
			t.Errorf("%s: status %d", what, res.StatusCode)
		}
		if text, ok := s0(r, cookie).Raw("$secret"); ok {
			t.Errorf("Raw shows the manager's field: %q", text)
		}
	}
}

// s0 opens the session of a cookie outside a request.
func s0(r *rig, cookie string) *cloakroom.Session {
	_, token, _ := strings.Cut(cookie, "=")
	s, err := r.m.Open(context.Background(), token)
	if err != nil {
		r.t.Fatal(err)
	}
	return s
}

func TestOfTwoPopsOneGetsTheValue(t *testing.T) {
	r := newRig(t, nil)
	cookie := r.fresh()
	var first, second error
	slow := make(chan error, 1)
	p := r.park(func(s *cloakroom.Session) { name.Pop(s); visits.Set(s, 1) }, cookie)
	r.do(func(_ http.ResponseWriter, req *http.Request) {
		s, _ := r.m.Load(req.Context())
		name.Pop(s)
		first = s.Save(req.Context())
	}, cookie)
	p.finish()
	r.do(func(_ http.ResponseWriter, req *http.Request) {
		s, _ := r.m.Load(req.Context())
		if visits.Get(s) != 1 {
			t.Error("the loser's other edit was lost")
		}
	}, cookie)
	close(slow)
	if first != nil {
		t.Errorf("the first: %v", first)
	}
	if d, ok := find(r.log.take(), func(d cloakroom.Dropped) bool { return d.Reason == cloakroom.ReasonPopLost }); !ok || d.Names[0] != "name" {
		t.Errorf("dropped %+v", d)
	}

	// With Save the loser is told, which is what makes a one-time token safe.
	r.with(func(s *cloakroom.Session) { name.Set(s, "again") }, cookie)
	a, b := s0(r, cookie), s0(r, cookie)
	name.Pop(a)
	name.Pop(b)
	visits.Set(b, 9)
	first, second = a.Save(context.Background()), b.Save(context.Background())
	if first != nil || !errors.Is(second, store.ErrConflict) || !strings.Contains(second.Error(), `"name"`) {
		t.Errorf("Save: %v, then %v", first, second)
	}
	if got := visits.Get(s0(r, cookie)); got != 9 {
		t.Errorf("the loser's other edit: %d", got)
	}
}

func TestAPoppedValueThatChangedStays(t *testing.T) {
	r := newRig(t, nil)
	cookie := r.fresh()
	p := r.park(func(s *cloakroom.Session) { name.Pop(s) }, cookie)
	r.with(func(s *cloakroom.Session) { name.Set(s, "newer") }, cookie)
	p.finish()
	if got := name.Get(s0(r, cookie)); got != "newer" {
		t.Errorf("name is %q", got)
	}
}
