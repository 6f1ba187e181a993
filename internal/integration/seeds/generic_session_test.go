package seeds

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/rueidis"
	"go.etcd.io/bbolt"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/bag"
	"github.com/cloakroom-go/cloakroom/internal/integration/servers"
	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/boltstore"
	"github.com/cloakroom-go/cloakroom/store/memstore"
	"github.com/cloakroom-go/cloakroom/store/redisstore"
)

// A place is where sessions live, and how to close it.
type place func(t *testing.T) (st store.Store, shutdown func() error)

func inMemory(*testing.T) (store.Store, func() error) {
	return memstore.New(nil), func() error { return nil }
}

var sharedRedis = servers.Shared(servers.Redis)

func inRedis(t *testing.T) (store.Store, func() error) {
	client := connect(t, sharedRedis(t).URL())
	st, err := redisstore.New(client, &redisstore.Options{Prefix: t.Name() + ":"})
	if err != nil {
		t.Fatal(err)
	}
	return st, func() error { client.Close(); return nil }
}

// connect returns a client that ends with the test.
func connect(t *testing.T, url string) rueidis.Client {
	t.Helper()
	option, err := rueidis.ParseURL(url)
	if err != nil {
		t.Fatal(err)
	}
	client, err := rueidis.NewClient(option)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

func inFile(t *testing.T) (store.Store, func() error) {
	db, err := bbolt.Open(filepath.Join(t.TempDir(), "sessions.db"), 0o600, &bbolt.Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { noError(t, db.Close()) })
	st, err := boltstore.New(db, nil)
	if err != nil {
		t.Fatal(err)
	}
	return st, db.Close
}

// at makes a site at a place, as generic-session is set up: the cookie is called s.
func at(where place, show func(s *site, shutdown func() error)) func(*testing.T) {
	return func(t *testing.T) {
		st, shutdown := where(t)
		show(newSiteOver(t, st, cloakroom.Config{Cookie: cloakroom.Cookie{Name: "s"}}), shutdown)
	}
}

// genericRows are generic-session's cases in memory, redsess's in Redis and
// level-session's in a file: the three suites are one.
func genericRows() (rows []row) {
	for _, step := range []struct {
		generic, redsess string
		show             func(s *site, shutdown func() error)
	}{
		{"B02", "", missingSetGetDelete},
		{"B03", "", manyKeysAtOnce},
		{"F01", "", theSessionIsWhereTheRequestIs},
		{"F02", "02", aNotFoundPageCanBeginASession},
		{"F03", "03", aStringIsSetAndTheIDStays},
		{"F04", "04", anObjectIsSetAndTheCookieStays},
		{"F05", "05", aStringComesBack},
		{"F06", "06", anObjectComesBack},
		{"F07", "07", allDataComesBack},
		{"F08", "08", aStringIsDeleted},
		{"F09", "09", anObjectIsDeleted},
		{"F10", "10", aStringIsSetAgain},
		{"F11", "11", anObjectIsSetAgain},
		{"F12", "12", allIsDeletedAndTheCookieStays},
		{"F13", "13", destroyTakesTheCookieAway},
		{"F14", "14", afterDestroyComesAnotherSession},
		{"F15", "15", everythingShutsDown},
	} {
		rows = append(rows, row{"GS-" + step.generic, at(inMemory, step.show)}, row{"LV-" + step.generic, at(inFile, step.show)})
		if step.redsess != "" {
			rows = append(rows, row{"RS-" + step.redsess, at(inRedis, step.show)})
		}
	}
	return append(rows, row{"RS-16", func(t *testing.T) {
		st, _ := inRedis(t)
		s := newSiteOver(t, st, cloakroom.Config{Cookie: cloakroom.Cookie{Name: "s", Path: "/app"}})
		want(t, "Path", s.browser().set("ada").cookie.Path, "/app")
	}})
}

var genericLeftOut = []reason{
	{"GS-B01", "there is one way to install sessions, Manager.Handler, so no second name for it could differ"},
}

// direct visits a page that reads and writes single values.
func (b *browser) direct(f func(ctx context.Context, d *cloakroom.Direct)) answer {
	b.s.t.Helper()
	return b.get("/", func(_ http.ResponseWriter, r *http.Request) {
		d, err := b.s.m.Direct(r.Context())
		if err != nil {
			b.s.t.Error(err)
			return
		}
		f(r.Context(), d)
	})
}

func missingSetGetDelete(s *site, _ func() error) {
	b := s.browser()
	finds := func(value string, ok bool) {
		s.t.Helper()
		b.direct(func(ctx context.Context, d *cloakroom.Direct) {
			var got string
			found, err := d.Get(ctx, "k", &got)
			noError(s.t, err)
			want(s.t, "found", found, ok)
			want(s.t, "value", got, value)
		})
	}
	finds("", false)
	b.direct(func(ctx context.Context, d *cloakroom.Direct) { noError(s.t, d.Set(ctx, "k", "v")) })
	finds("v", true)
	b.direct(func(ctx context.Context, d *cloakroom.Direct) { noError(s.t, d.Delete(ctx, "k")) })
	finds("", false)
}

func manyKeysAtOnce(s *site, _ func() error) {
	b := s.browser()
	key := func(i int) string { return fmt.Sprint("key", i) }
	each := func(n int, do func(ctx context.Context, d *cloakroom.Direct, i int) error) {
		b.direct(func(ctx context.Context, d *cloakroom.Direct) {
			var all sync.WaitGroup
			for i := range n {
				all.Go(func() { noError(s.t, do(ctx, d, i)) })
			}
			all.Wait()
		})
	}
	remain := func(from int) {
		s.t.Helper()
		b.direct(func(ctx context.Context, d *cloakroom.Direct) {
			var names []string
			for i := range 20 {
				names = append(names, key(i))
			}
			values, err := d.GetMany(ctx, names...)
			noError(s.t, err)
			want(s.t, "number of values", len(values), 20-from)
			for i := from; i < 20; i++ {
				want(s.t, key(i), string(values[key(i)]), fmt.Sprint(i))
			}
		})
	}
	each(20, func(ctx context.Context, d *cloakroom.Direct, i int) error { return d.Set(ctx, key(i), i) })
	remain(0)
	each(10, func(ctx context.Context, d *cloakroom.Direct, i int) error { return d.Delete(ctx, key(i)) })
	remain(10)
}

func theSessionIsWhereTheRequestIs(s *site, _ func() error) {
	deep := func(ctx context.Context) *cloakroom.Session { // any function that has the context
		session, err := s.m.Load(ctx)
		noError(s.t, err)
		return session
	}
	s.browser().get("/", func(_ http.ResponseWriter, r *http.Request) {
		want(s.t, "the same session in the same request", deep(r.Context()), deep(context.WithoutCancel(r.Context())))
	})
}

func aNotFoundPageCanBeginASession(s *site, _ func() error) {
	quiet := s.browser().get("/", func(w http.ResponseWriter, r *http.Request) {
		_, err := s.m.Load(r.Context())
		noError(s.t, err)
		http.NotFound(w, r)
	})
	want(s.t, "the cookie for a visitor of whom nothing is kept", quiet.line, "")
	a := s.browser().get("/", func(w http.ResponseWriter, r *http.Request) {
		session, err := s.m.Load(r.Context())
		noError(s.t, err)
		name.Set(session, "ada")
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprint(w, session.ID())
	})
	want(s.t, "status", a.status, http.StatusNotFound)
	want(s.t, "the ID", a.body, idOf(a.token()))
	want(s.t, "name of the cookie", a.cookie.Name, "s")
	want(s.t, "length of the token", len(a.token()), 43)
	want(s.t, "HttpOnly", a.cookie.HttpOnly, true)
	want(s.t, "seconds until it expires", a.cookie.MaxAge, 30*24*3600)
}

// The values of the cases.
const aString = "a string, \u00fc\u4e16\U0001F600"

func anObject() map[string]any {
	return map[string]any{"a": "b", "list": []any{1.0, nil, false}, "deeper": map[string]any{"c": "d"}}
}

// kept returns a browser whose session holds both values.
func kept(s *site) *browser {
	s.t.Helper()
	b := s.browser()
	b.put("string", aString)
	b.put("object", anObject())
	return b
}

func (b *browser) put(field string, v any) answer {
	b.s.t.Helper()
	return b.direct(func(ctx context.Context, d *cloakroom.Direct) { noError(b.s.t, d.Set(ctx, field, v)) })
}

func (b *browser) drop(field string) answer {
	b.s.t.Helper()
	return b.direct(func(ctx context.Context, d *cloakroom.Direct) { noError(b.s.t, d.Delete(ctx, field)) })
}

// holds says that a field has a value, or none when that is nil.
func (b *browser) holds(field string, value any) {
	b.s.t.Helper()
	b.direct(func(ctx context.Context, d *cloakroom.Direct) {
		var got any
		found, err := d.Get(ctx, field, &got)
		noError(b.s.t, err)
		want(b.s.t, field+" is there", found, value != nil)
		if !reflect.DeepEqual(got, value) {
			b.s.t.Errorf("%s: got %#v, want %#v", field, got, value)
		}
	})
}

func aStringIsSetAndTheIDStays(s *site, _ func() error) {
	b := s.browser()
	first := idOf(b.put("string", aString).token())
	want(s.t, "ID in the next request", b.id(), first)
}

func anObjectIsSetAndTheCookieStays(s *site, _ func() error) {
	b := s.browser()
	b.put("string", aString)
	token := b.token()
	want(s.t, "the cookie that is set", b.put("object", anObject()).line, "")
	want(s.t, "the token", b.token(), token)
}

func aStringComesBack(s *site, _ func() error)  { kept(s).holds("string", aString) }
func anObjectComesBack(s *site, _ func() error) { kept(s).holds("object", anObject()) }

func allDataComesBack(s *site, _ func() error) {
	kept(s).with(func(session *cloakroom.Session) {
		all := bag.Of(session).All()
		object := anObject()
		object["list"] = []any{int64(1), nil, false} // integers are integers here
		if !reflect.DeepEqual(all, map[string]any{"string": aString, "object": object}) {
			s.t.Errorf("all: %#v", all)
		}
	})
}

func deletedAlone(s *site, field, other string, value any) {
	s.t.Helper()
	b := kept(s)
	id := b.id()
	b.drop(field)
	b.holds(field, nil)
	b.holds(other, value)
	want(s.t, "ID", b.id(), id)
}

func aStringIsDeleted(s *site, _ func() error)  { deletedAlone(s, "string", "object", anObject()) }
func anObjectIsDeleted(s *site, _ func() error) { deletedAlone(s, "object", "string", aString) }

func setAgain(s *site, field string, value any) {
	s.t.Helper()
	b := kept(s)
	b.drop(field)
	b.put(field, value)
	b.holds(field, value)
}

func aStringIsSetAgain(s *site, _ func() error)  { setAgain(s, "string", "another") }
func anObjectIsSetAgain(s *site, _ func() error) { setAgain(s, "object", map[string]any{"x": "y"}) }

func allIsDeletedAndTheCookieStays(s *site, _ func() error) {
	b := kept(s)
	token := b.token()
	want(s.t, "the cookie that is set", b.with((*cloakroom.Session).Clear).line, "")
	b.holds("string", nil)
	b.holds("object", nil)
	b.with(func(session *cloakroom.Session) {
		want(s.t, "what is left", strings.Join(session.Names(), " "), "")
		want(s.t, "the session has begun anew", session.IsNew(), false)
	})
	want(s.t, "the token", b.token(), token)
}

func destroy(t *testing.T, ctx context.Context) func(s *cloakroom.Session) {
	return func(s *cloakroom.Session) { noError(t, s.Destroy(ctx)) }
}

func destroyTakesTheCookieAway(s *site, _ func() error) {
	b := kept(s)
	a := b.with(destroy(s.t, s.t.Context()))
	want(s.t, "Max-Age", a.cookie.MaxAge, -1) // as net/http reads 0
	want(s.t, "the token in the jar", b.token(), "")
}

func afterDestroyComesAnotherSession(s *site, _ func() error) {
	b := kept(s)
	old := b.token()
	b.with(destroy(s.t, s.t.Context()))
	b.holds("string", nil)
	b.put("string", "anew")
	b.holds("string", "anew")
	if idOf(b.token()) == idOf(old) {
		s.t.Error("the ended session goes on")
	}
	s.client("s=" + old).signedOut()
}

func everythingShutsDown(s *site, shutdown func() error) {
	b := kept(s)
	b.holds("string", aString)
	for _, server := range s.servers {
		server.Close() // waits for requests
	}
	ctx, cancel := context.WithCancel(s.t.Context())
	cancel()
	noError(s.t, s.m.Run(ctx))
	noError(s.t, shutdown())
	ctx, cancel = context.WithTimeout(s.t.Context(), time.Second)
	defer cancel()
	if _, err := s.m.Open(ctx, b.token()); err != nil && !errors.Is(err, cloakroom.ErrUnavailable) {
		s.t.Errorf("a closed store says %v", err)
	}
}
