package flash_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/flash"
	"github.com/cloakroom-go/cloakroom/store/memstore"
)

var name = cloakroom.NewKey[string]("name")

// A client sends requests with the cookie that it got.
type client struct {
	*testing.T
	m      *cloakroom.Manager
	cookie string
}

func newClient(t *testing.T) *client {
	t.Helper()
	m, err := cloakroom.New(memstore.New(nil), nil)
	if err != nil {
		t.Fatal(err)
	}
	return &client{T: t, m: m}
}

// request runs f in a request of its own; it may be called by several goroutines once there
// is a cookie.
func (c *client) request(f func(s *cloakroom.Session)) *http.Response {
	c.Helper()
	r := httptest.NewRequest("GET", "https://example.com/", nil)
	if c.cookie != "" {
		r.Header.Set("Cookie", c.cookie)
	}
	w := httptest.NewRecorder()
	c.m.Handler(c.m.Func(func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) { f(s) })).ServeHTTP(w, r)
	for _, set := range w.Result().Cookies() {
		c.cookie = set.Name + "=" + set.Value
	}
	return w.Result()
}

// finds returns what a request reads under the names.
func (c *client) finds(names ...string) (found []string) {
	c.Helper()
	c.request(func(s *cloakroom.Session) {
		for _, n := range names {
			v, ok := flash.Get[string](s, n)
			if ok {
				found = append(found, n+"="+v)
			}
		}
	})
	return found
}

func (c *client) wants(want string, names ...string) {
	c.Helper()
	if got := fmt.Sprint(c.finds(names...)); got != want {
		c.Errorf("found %s, want %s", got, want)
	}
}

func set(names ...string) func(*cloakroom.Session) {
	return func(s *cloakroom.Session) {
		for _, n := range names {
			flash.Set(s, n, "v")
		}
	}
}

func TestAValueIsForTheNextRequestThatReads(t *testing.T) {
	c := newClient(t)
	c.request(func(s *cloakroom.Session) {
		set("notice", "other")(s)
		if _, ok := flash.Get[string](s, "notice"); ok {
			t.Error("the request that set it reads it")
		}
	})
	for range 3 {
		c.request(func(s *cloakroom.Session) { name.Set(s, "an image was sent") })
	}
	c.wants("[notice=v]", "notice", "none")
	c.wants("[]", "notice", "other") // all that waits is opened together
}

func TestAValueIsReadAsOftenAsItsRequestLikes(t *testing.T) {
	c := newClient(t)
	c.request(set("notice"))
	c.wants("[notice=v notice=v]", "notice", "notice")
}

func TestARequestThatReadsAndSetsHandsOnWhatItSet(t *testing.T) {
	c := newClient(t)
	c.request(set("a", "b"))
	c.request(func(s *cloakroom.Session) {
		flash.Set(s, "a", "second")
		if v, _ := flash.Get[string](s, "b"); v != "v" {
			t.Errorf("b is %q", v)
		}
		flash.Set(s, "c", "third")
	})
	c.wants("[a=second c=third]", "a", "b", "c")
}

func TestNowIsForThisRequestAndStoredNowhere(t *testing.T) {
	c := newClient(t)
	res := c.request(func(s *cloakroom.Session) {
		flash.Now(s, "notice", "now")
		if v, ok := flash.Get[string](s, "notice"); !ok || v != "now" {
			t.Errorf("%q, %v", v, ok)
		}
		if names := flash.Names(s); !slices.Equal(names, []string{"notice"}) {
			t.Errorf("names %q", names)
		}
		flash.Keep(s, "notice")
	})
	if len(res.Cookies()) != 0 {
		t.Error("a session was stored")
	}
}

func TestAVisitorWhoReadsLeavesNoRecord(t *testing.T) {
	c := newClient(t)
	c.request(func(s *cloakroom.Session) {
		flash.Names(s)
		flash.Keep(s, "x")
		flash.Reflash(s)
		if err := flash.Take(t.Context(), s); err != nil {
			t.Error(err)
		}
	})
	if c.cookie != "" {
		t.Error("a session was stored")
	}
}

func TestKeepAndReflashHandOnOnceMore(t *testing.T) {
	c := newClient(t)
	c.request(set("a", "b"))
	c.request(func(s *cloakroom.Session) { flash.Keep(s, "a", "unknown") })
	c.wants("[a=v]", "a", "b", "unknown")

	c.request(set("a", "b"))
	c.request(func(s *cloakroom.Session) {
		flash.Set(s, "b", "newer")
		flash.Reflash(s)
	})
	c.wants("[a=v b=newer]", "a", "b")
	c.wants("[]", "a", "b")
}

func TestAFailedCommitLosesNothing(t *testing.T) {
	c := newClient(t)
	c.request(set("notice"))
	res := c.request(func(s *cloakroom.Session) {
		flash.Names(s)
		flash.Set(s, "bad", make(chan int))
	})
	if res.StatusCode != http.StatusInternalServerError {
		t.Errorf("status %d", res.StatusCode)
	}
	c.wants("[notice=v]", "notice", "bad")
}

func TestAValueOfAnotherTypeIsNoneAndAnError(t *testing.T) {
	c := newClient(t)
	c.request(func(s *cloakroom.Session) { flash.Set(s, "n", []int{1, 2}) })
	c.request(func(s *cloakroom.Session) {
		if v, ok := flash.Get[string](s, "n"); ok || v != "" || s.Err() == nil || !strings.Contains(s.Err().Error(), `"n"`) {
			t.Errorf("%q, %v, %v", v, ok, s.Err())
		}
	})
	c.request(func(s *cloakroom.Session) {
		if v, ok := flash.Get[[]int](s, "n"); !ok || !slices.Equal(v, []int{1, 2}) {
			t.Errorf("%v, %v: the failed request has lost it", v, ok)
		}
	})
}

// Whatever requests of one session do at the same moment, no message is lost unread.
func TestParallelRequestsLoseNoMessage(t *testing.T) {
	c := newClient(t)
	c.request(set("first"))
	const n = 10
	var all sync.WaitGroup
	var mu sync.Mutex
	seen := map[string]int{}
	for i := range n {
		all.Go(func() {
			c.request(func(s *cloakroom.Session) { flash.Set(s, fmt.Sprint("m", i), "v") })
		})
		all.Go(func() {
			c.request(func(s *cloakroom.Session) {
				names := flash.Names(s)
				mu.Lock()
				defer mu.Unlock()
				for _, n := range names {
					seen[n]++
				}
			})
		})
	}
	all.Wait()
	c.request(func(s *cloakroom.Session) {
		for _, n := range flash.Names(s) {
			seen[n]++
		}
	})
	if len(seen) != n+1 {
		t.Errorf("seen %v", seen)
	}
	c.request(func(s *cloakroom.Session) {
		if left := flash.Names(s); len(left) != 0 {
			t.Errorf("left %q", left)
		}
	})
}

func TestOfTwoThatTakeExactlyOneGetsIt(t *testing.T) {
	c := newClient(t)
	const n, rounds = 6, 20
	for range rounds {
		c.request(set("once"))
		var all sync.WaitGroup
		var mu sync.Mutex
		got := 0
		for i := range n {
			all.Go(func() {
				c.request(func(s *cloakroom.Session) {
					if i%2 == 0 { // messages that come meanwhile must not get lost
						flash.Set(s, fmt.Sprint("m", i), "v")
					}
					if err := flash.Take(t.Context(), s); err != nil {
						t.Error(err)
						return
					}
					if _, ok := flash.Get[string](s, "once"); ok {
						mu.Lock()
						got++
						mu.Unlock()
					}
				})
			})
		}
		all.Wait()
		if got != 1 {
			t.Fatalf("%d requests got it", got)
		}
		c.request(func(s *cloakroom.Session) { flash.Names(s) })
	}
}

func TestWhatARequestSetsSurvivesItsOwnTake(t *testing.T) {
	c := newClient(t)
	c.request(set("a"))
	c.request(func(s *cloakroom.Session) {
		flash.Set(s, "b", "mine")
		if err := flash.Take(t.Context(), s); err != nil {
			t.Fatal(err)
		}
		if names := flash.Names(s); !slices.Equal(names, []string{"a"}) {
			t.Errorf("took %q", names)
		}
		if err := flash.Take(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	})
	c.wants("[b=mine]", "a", "b")
}

func TestASignOutHandsItsMessageToTheNewSession(t *testing.T) {
	c := newClient(t)
	c.request(func(s *cloakroom.Session) { s.SignIn("u1") })
	c.request(func(s *cloakroom.Session) {
		if err := s.Destroy(t.Context()); err != nil {
			t.Error(err)
		}
		flash.Set(s, "notice", "signed out")
	})
	c.wants("[notice=signed out]", "notice")
}

func TestNobodyInheritsTheMessagesOfAnotherOwner(t *testing.T) {
	for what, change := range map[string]func(s *cloakroom.Session){
		"sign-in": func(s *cloakroom.Session) { s.SignIn("b") },
		"destroy": func(s *cloakroom.Session) {
			if err := s.Destroy(t.Context()); err != nil {
				t.Error(err)
			}
			name.Set(s, "another session")
		},
		"restart": func(s *cloakroom.Session) { s.Restart(); name.Set(s, "another session") },
	} {
		c := newClient(t)
		c.request(func(s *cloakroom.Session) { s.SignIn("a"); flash.Set(s, "notice", "for a") })
		c.request(func(s *cloakroom.Session) {
			if v, _ := flash.Get[string](s, "notice"); v != "for a" {
				t.Errorf("%s: %q", what, v)
			}
			change(s)
			flash.Reflash(s)
			flash.Keep(s, "notice")
		})
		if got := c.finds("notice"); len(got) != 0 {
			t.Errorf("%s: inherited %q", what, got)
		}
	}
}

func TestTextThatIsNotUTF8IsRefused(t *testing.T) {
	c := newClient(t)
	c.request(func(s *cloakroom.Session) {
		flash.Set(s, "\xff", 1)
		if s.Err() == nil {
			t.Error("a name that is not UTF-8 was taken")
		}
	})
	c.request(func(s *cloakroom.Session) {
		flash.Set(s, "v", "\xff")
		if s.Err() == nil {
			t.Error("a string that is not UTF-8 was taken")
		}
	})
}

func TestOldInputComesBackWithoutSecrets(t *testing.T) {
	c := newClient(t)
	c.request(func(s *cloakroom.Session) {
		flash.SetInput(s, url.Values{
			"name": {"Ada"}, "colour": {"red", "blue"}, "password": {"x"}, "Password2": {"x"}, "csrf_token": {"x"}, "card": {"4111"},
		}, "card")
	})
	c.request(func(s *cloakroom.Session) {
		form := flash.Input(s)
		if len(form) != 2 || form.Get("name") != "Ada" || !slices.Equal(form["colour"], []string{"red", "blue"}) {
			t.Errorf("%v", form)
		}
	})
	c.request(func(s *cloakroom.Session) {
		if form := flash.Input(s); form == nil || len(form) != 0 {
			t.Errorf("%v", form)
		}
	})
}

func FuzzNamesAndValues(f *testing.F) {
	f.Add("notice", "value")
	f.Add("", "\xff")
	f.Add("__proto__", `"}{`)
	f.Fuzz(func(t *testing.T, n, value string) {
		c := newClient(t)
		c.request(func(s *cloakroom.Session) { flash.Set(s, n, []byte(value)) })
		c.request(func(s *cloakroom.Session) {
			names := flash.Names(s)
			if !utf8.ValidString(n) && len(names) == 0 {
				return
			}
			if len(names) != 1 {
				t.Fatalf("names %q", names)
			}
			if v, ok := flash.Get[[]byte](s, names[0]); !ok || string(v) != value {
				t.Errorf("%q became %q, %v", value, v, ok)
			}
		})
	})
}
