package seeds

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/bag"
	"github.com/cloakroom-go/cloakroom/csrf"
	"github.com/cloakroom-go/cloakroom/flash"
)

// The form's token: node-session only makes one; here it is checked as well.

// formToken returns a token that a page of the browser shows.
func (b *browser) formToken() (token string) {
	b.s.t.Helper()
	b.with(func(s *cloakroom.Session) { token = csrf.Token(s) })
	return token
}

// accepts says whether a form's token is good for the browser's session.
func (b *browser) accepts(token string, good bool) {
	b.s.t.Helper()
	b.with(func(s *cloakroom.Session) { want(b.s.t, "the form's token is good", csrf.Valid(s, token), good) })
}

func formTokensAreGoodWhileTheSessionIs(t *testing.T) {
	b := newSite(t).browser()
	b.set("ada")
	first, second := b.formToken(), b.formToken()
	if first == second {
		t.Error("a token is shown twice, so compression could leak it")
	}
	b.set("lovelace")
	b.accepts(first, true)
	b.accepts(second, true)
	b.accepts(second[:80], false)
}

func renewChangesFormTokens(t *testing.T) {
	b := newSite(t).browser()
	b.set("ada")
	before := b.formToken()
	b.with((*cloakroom.Session).Renew)
	b.accepts(before, false)
	b.accepts(b.formToken(), true)
}

func anotherSessionHasOtherFormTokens(t *testing.T) {
	s := newSite(t)
	b, other := s.browser(), s.browser()
	b.set("ada")
	other.set("grace")
	b.accepts(other.formToken(), false)
	b.accepts(b.formToken(), true)
	want(t, "the token of a visitor of whom nothing is kept", s.browser().formToken(), "")
}

// Flash: a value for the next request that asks.

// flashes says what a request finds, and does something then.
func (b *browser) flashes(found string, edit func(*cloakroom.Session)) {
	b.s.t.Helper()
	b.with(func(s *cloakroom.Session) {
		want(b.s.t, "flash", fmt.Sprint(flash.Names(s)), found)
		edit(s)
	})
}

func flashed(names ...string) func(*cloakroom.Session) {
	return func(s *cloakroom.Session) {
		for _, n := range names {
			flash.Set(s, n, "the value of "+n)
		}
	}
}

func flashIsForTheNextRequest(t *testing.T) {
	b := newSite(t).browser()
	b.flashes("[]", flashed("a"))
	b.set("a request for an image that reads no flash")
	b.with(func(s *cloakroom.Session) {
		v, ok := flash.Get[string](s, "a")
		want(t, "found", ok, true)
		want(t, "the value", v, "the value of a")
	})
	b.flashes("[]", nothing)
}

func flashIsRemovedByWhoReadsIt(t *testing.T) {
	s := newSite(t)
	b := s.browser()
	token := b.with(flashed("a", "b")).token()
	b.flashes("[a b]", flashed("c"))
	b.flashes("[c]", nothing)
	b.flashes("[]", nothing)
	if text := s.stored(token, "flash"); strings.Contains(text, "value") {
		t.Errorf("left in the store: %s", text)
	}
}

func reflashKeepsAll(t *testing.T) {
	b := newSite(t).browser()
	b.with(flashed("a", "b"))
	b.flashes("[a b]", flash.Reflash)
	b.flashes("[a b]", nothing)
	b.flashes("[]", nothing)
}

func keepKeepsSome(names ...string) func(*testing.T) {
	return func(t *testing.T) {
		b := newSite(t).browser()
		b.with(flashed("a", "b", "c"))
		b.flashes("[a b c]", func(s *cloakroom.Session) { flash.Keep(s, append(names, "never there")...) })
		b.flashes(fmt.Sprint(names), nothing)
		b.flashes("[]", nothing)
	}
}

// The paths: node-session's dotted names.

// inBag runs steps, each in a request of its own.
func inBag(steps func(t *testing.T, visit func(func(b bag.Bag)))) func(*testing.T) {
	return func(t *testing.T) {
		b := newSite(t).browser()
		steps(t, func(f func(bag.Bag)) {
			t.Helper()
			a := b.with(func(s *cloakroom.Session) {
				f(bag.Of(s))
				noError(t, s.Err())
			})
			want(t, "status", a.status, http.StatusOK)
		})
	}
}

func aUser(t *testing.T) func(bag.Bag) {
	return func(b bag.Bag) {
		noError(t, b.Put("user", map[string]any{"name": "Ada", "teams": []string{"red"}, "age": 0, "admin": false, "note": nil}))
	}
}

// gets says what is at a path, as fmt prints it with its type.
func gets(t *testing.T, b bag.Bag, path, want string) {
	t.Helper()
	if got := fmt.Sprintf("%#v", b.Get(path)); got != want {
		t.Errorf("%s: got %s, want %s", path, got, want)
	}
}

func hasNothing(t *testing.T, visit func(func(bag.Bag))) {
	visit(aUser(t))
	visit(func(b bag.Bag) {
		for _, path := range []string{"none", "user.none", "user.name.none", "user.teams.1", "toString", "user.constructor"} {
			want(t, path, b.Has(path), false)
		}
	})
}

func hasWhatWasPut(t *testing.T, visit func(func(bag.Bag))) {
	visit(aUser(t))
	visit(func(b bag.Bag) {
		for _, path := range []string{"user", "user.name", "user.teams.0", "user.age", "user.admin", "user.note"} {
			want(t, path, b.Has(path), true)
		}
	})
}

func pullTakes(t *testing.T, visit func(func(bag.Bag))) {
	visit(aUser(t))
	visit(func(b bag.Bag) {
		want(t, "a name", b.Pull("user.name"), any("Ada"))
		want(t, "zero", b.Pull("user.age"), any(int64(0)))
		want(t, "false", b.Pull("user.admin"), any(false))
	})
	visit(func(b bag.Bag) {
		for _, path := range []string{"user.name", "user.age", "user.admin"} {
			want(t, path, b.Has(path), false)
		}
		want(t, "what was not pulled", b.Has("user.teams"), true)
	})
}

func pullOfNothing(t *testing.T, visit func(func(bag.Bag))) {
	visit(func(b bag.Bag) {
		want(t, "nothing", b.Pull("none"), nil)
		want(t, "instead", b.Pull("none", "a default"), any("a default"))
	})
}

func getFinds(t *testing.T, visit func(func(bag.Bag))) {
	visit(aUser(t))
	visit(func(b bag.Bag) {
		gets(t, b, "user.name", `"Ada"`)
		gets(t, b, "user.teams", `[]interface {}{"red"}`)
		gets(t, b, "user.age", "0")
	})
}

func getOfNothing(t *testing.T, visit func(func(bag.Bag))) {
	visit(aUser(t))
	visit(func(b bag.Bag) {
		gets(t, b, "none", "<nil>")
		gets(t, b, "user.none", "<nil>")
		want(t, "instead", b.Get("user.none", "a default"), any("a default"))
		want(t, "what is there", b.Get("user.age", "a default"), any(int64(0)))
	})
}

func allIsThere(t *testing.T, visit func(func(bag.Bag))) {
	visit(func(b bag.Bag) { noError(t, b.Put("a", 1), b.Put("b.c", "d")) })
	visit(func(b bag.Bag) { want(t, "all", fmt.Sprint(b.All()), "map[a:1 b:map[c:d]]") })
}

func putSets(t *testing.T, visit func(func(bag.Bag))) {
	visit(func(b bag.Bag) {
		noError(t, b.Put("name", "Ada"), b.Put("a.b.c", 1), b.Put("a.b.d", 2), b.Put("a.b.c", 3))
	})
	visit(func(b bag.Bag) {
		gets(t, b, "name", `"Ada"`)
		want(t, "all", fmt.Sprint(b.Get("a")), "map[b:map[c:3 d:2]]")
	})
}

func putAllSets(t *testing.T, visit func(func(bag.Bag))) {
	visit(func(b bag.Bag) { noError(t, b.PutAll(map[string]any{"a": 1, "b.c": 2})) })
	visit(func(b bag.Bag) { want(t, "all", fmt.Sprint(b.All()), "map[a:1 b:map[c:2]]") })
}

func pushAppends(t *testing.T, visit func(func(bag.Bag))) {
	visit(aUser(t))
	visit(func(b bag.Bag) { noError(t, b.Push("user.teams", "blue"), b.Push("list", 1)) })
	visit(func(b bag.Bag) {
		want(t, "teams", fmt.Sprint(b.Get("user.teams")), "[red blue]")
		want(t, "list", fmt.Sprint(b.Get("list")), "[1]")
	})
}

func pushOntoSomethingElse(t *testing.T, visit func(func(bag.Bag))) {
	visit(aUser(t))
	visit(func(b bag.Bag) {
		var wrong *bag.PathError
		if err := b.Push("user.name", "x"); !errors.As(err, &wrong) || wrong.Path != "user.name" {
			t.Errorf("Push: %v", err)
		}
	})
	visit(func(b bag.Bag) { gets(t, b, "user.name", `"Ada"`) })
}

func forgetRemoves(t *testing.T, visit func(func(bag.Bag))) {
	visit(aUser(t))
	visit(func(b bag.Bag) { want(t, "Forget", b.Forget("user.name", "none"), nil) })
	visit(func(b bag.Bag) {
		want(t, "the name", b.Has("user.name"), false)
		want(t, "the teams", b.Has("user.teams"), true)
		want(t, "Forget", b.Forget("user"), nil)
	})
	visit(func(b bag.Bag) { want(t, "number of values", len(b.All()), 0) })
}

func flushRemovesAll(t *testing.T, visit func(func(bag.Bag))) {
	visit(aUser(t))
	visit(func(b bag.Bag) { b.Flush() })
	visit(func(b bag.Bag) { want(t, "number of values", len(b.All()), 0) })
}
