package redis_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/internal/integration/proxy"
	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/redisstore"
)

// counted is a store whose way to the server is counted. Its client has one connection,
// which sends nothing of its own while the test runs.
func counted(t testing.TB, options redisstore.Options) (*redisstore.Store, *proxy.Proxy) {
	t.Helper()
	p := proxy.New(t, sharedRedis(t).Addr())
	option := rueidis.ClientOption{InitAddress: []string{p.Addr()}, PipelineMultiplex: -1}
	option.Dialer.KeepAlive = time.Minute // and so are the pings
	return newStore(t, connect(t, option), options), p
}

// costs demands that f takes that many round trips, and returns the bytes sent.
func costs(t testing.TB, p *proxy.Proxy, what string, want int64, f func()) (up int64) {
	t.Helper()
	before := p.Counts()
	f()
	after := p.Counts()
	if trips := after.RoundTrips - before.RoundTrips; trips != want {
		t.Errorf("%s takes %d round trips, want %d", what, trips, want)
	}
	return after.Up - before.Up
}

func TestEachRequestTakesAsFewRoundTripsAsItCan(t *testing.T) {
	s, p := counted(t, redisstore.Options{})
	sessions, err := cloakroom.New(s, &cloakroom.Config{Owners: true})
	if err != nil {
		t.Fatal(err)
	}
	cart, visits := cloakroom.NewKey[string]("cart"), cloakroom.NewKey[int]("visits")
	site := sessions.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/untouched" {
			return
		}
		session, err := sessions.Load(r.Context())
		if err != nil {
			sessions.Fail(w, r, err)
			return
		}
		switch r.URL.Path {
		case "/read":
			cart.Get(session)
		case "/write":
			visits.Update(session, func(n int) int { return n + 1 })
		case "/fill":
			cart.Set(session, strings.Repeat("x", 64<<10))
		case "/signin":
			session.SignIn("alice")
		case "/signout":
			if err := session.Destroy(r.Context()); err != nil {
				t.Error(err)
			}
		}
	}))
	var cookie *http.Cookie
	visit := func(path string) {
		r := httptest.NewRequest("GET", "https://example.com"+path, nil)
		if cookie != nil {
			r.AddCookie(cookie)
		}
		w := httptest.NewRecorder()
		site.ServeHTTP(w, r)
		if w.Code != http.StatusOK {
			t.Errorf("%s: status %d", path, w.Code)
		}
		if sent := w.Result().Cookies(); len(sent) > 0 {
			cookie = sent[0]
		}
	}
	visit("/write") // so that the server knows the scripts
	visit("/signin")
	visit("/signout")
	cookie = nil

	costs(t, p, "a request without a cookie that leaves the session alone", 0, func() { visit("/untouched") })
	costs(t, p, "a read without a cookie", 0, func() { visit("/read") })
	costs(t, p, "a new session", 1, func() { visit("/write") })
	costs(t, p, "a request that leaves the session alone", 0, func() { visit("/untouched") })
	costs(t, p, "a read", 1, func() { visit("/read") })
	costs(t, p, "a write", 2, func() { visit("/write") })
	visit("/fill")
	if up := costs(t, p, "a write to a session of 64 KB", 2, func() { visit("/write") }); up >= 2000 {
		t.Errorf("writing one value of a session of 64 KB sends %d bytes, want less than 2000", up)
	}
	costs(t, p, "a sign-in", 2, func() { visit("/signin") })
	costs(t, p, "a sign-out", 2, func() { visit("/signout") })
}

func TestEachCallIsOneRoundTrip(t *testing.T) {
	s, p := counted(t, redisstore.Options{})
	ctx := t.Context()
	owner := "alice"
	fresh := store.Change{Create: true, Owner: &owner, Set: fields("a", "1"), ExpiresAt: inAnHour()}
	save(t, s, "warm", fresh)
	if _, err := s.Save(ctx, "none", store.Change{}); err == nil {
		t.Fatal("there is no such record")
	}
	costs(t, p, "a Create with an owner", 1, func() { save(t, s, "k", fresh) })
	base, err := s.Load(ctx, "k")
	if err != nil {
		t.Fatal(err)
	}
	costs(t, p, "a Save of a field", 1, func() { save(t, s, "k", store.Change{Set: fields("a", "2")}) })
	costs(t, p, "a touch", 1, func() { save(t, s, "k", store.Change{Base: &base, ExpiresAt: inAnHour()}) })
	costs(t, p, "a Save that meets nothing", 1, func() { s.Save(ctx, "none", store.Change{}) })
	costs(t, p, "a Load", 1, func() { s.Load(ctx, "k") })
	costs(t, p, "a Load of nothing", 1, func() { s.Load(ctx, "none") })
	costs(t, p, "a LoadFields", 1, func() { s.LoadFields(ctx, "k", "a", "c") })
	save(t, s, "k", store.Change{Set: fields("b", strings.Repeat("2", 64<<10))})
	before := p.Counts().Down
	s.LoadFields(ctx, "k", "a")
	if down := p.Counts().Down - before; down > 1000 {
		t.Errorf("a LoadFields of a small field of a large record moves %d bytes", down)
	}
	costs(t, p, "a Ping", 1, func() { s.Ping(ctx) })
	costs(t, p, "ListOwner", 2, func() { owned(t, s, "alice") })
	costs(t, p, "a Delete", 1, func() { s.Delete(ctx, "k") })
}

// In a Cluster the index and the record are on two nodes, which are told at the same time.
func TestASignInIsOneCommandForEachOfTwoNodes(t *testing.T) {
	client := clients["cluster"](t)
	s := newStore(t, client, redisstore.Options{})
	owner := "alice"
	calls := func() (n int) {
		for _, node := range client.Nodes() {
			info, err := node.Do(t.Context(), node.B().Info().Section("commandstats").Build()).ToString()
			if err != nil {
				t.Fatal(err)
			}
			for line := range strings.Lines(info) {
				var calls int
				if _, err := fmt.Sscanf(line, "cmdstat_evalsha:calls=%d,", &calls); err == nil {
					n += calls
				}
			}
		}
		return n
	}
	for i := range 20 { // until every node knows the scripts
		create(t, s, fmt.Sprint("warm", i), fmt.Sprint("owner", i))
	}
	create(t, s, "k", "")
	before := calls()
	save(t, s, "k", store.Change{Owner: &owner, Set: fields("a", "1"), ExpiresAt: inAnHour()})
	if n := calls() - before; n != 2 {
		t.Errorf("a sign-in ran %d scripts, want one for the record and one for the index", n)
	}
	before = calls()
	save(t, s, "k", store.Change{Set: fields("a", "2")})
	if n := calls() - before; n != 1 {
		t.Errorf("a write ran %d scripts, want 1", n)
	}
}
