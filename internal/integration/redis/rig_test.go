package redis_test

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"github.com/cloakroom-go/cloakroom/internal/integration/servers"
	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/redisstore"
)

func TestMain(m *testing.M) { servers.Main(m) }

// The servers that tests share, each with a prefix of its own.
var (
	sharedRedis    = servers.Shared(servers.Redis)
	sharedValkey   = servers.Shared(servers.Valkey)
	sharedCluster  = servers.Shared(servers.RedisCluster)
	sharedSentinel = servers.Shared(servers.RedisSentinel)
)

// starts are for tests that need a server of their own.
var starts = map[string]func(testing.TB, ...servers.Mode) *servers.Server{"redis": servers.Redis, "valkey": servers.Valkey}

// connect returns a client that ends with the test.
func connect(t testing.TB, option rueidis.ClientOption) rueidis.Client {
	t.Helper()
	client, err := rueidis.NewClient(option)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

// toGroup connects to a Cluster or to the master that sentinels tell of.
func toGroup(t testing.TB, g *servers.Group) rueidis.Client {
	t.Helper()
	return connect(t, rueidis.ClientOption{InitAddress: g.Addrs(), Sentinel: rueidis.SentinelOption{MasterSet: g.MasterName}})
}

// toServer connects to one server.
func toServer(t testing.TB, addr string) rueidis.Client {
	t.Helper()
	return connect(t, rueidis.ClientOption{InitAddress: []string{addr}})
}

// newStore makes a store with a prefix that no other test has.
func newStore(t testing.TB, client rueidis.Client, options redisstore.Options) *redisstore.Store {
	t.Helper()
	if options.Prefix == "" {
		options.Prefix = t.Name() + ":"
	}
	s, err := redisstore.New(client, &options)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// do sends a command, as another program would, and returns the answer: several with
// spaces between them. In a Cluster the second word has to be the key.
func do(t testing.TB, client rueidis.Client, words ...string) string {
	t.Helper()
	cmd := client.B().Arbitrary(words[0])
	if len(words) > 1 {
		cmd = cmd.Keys(words[1]).Args(words[2:]...)
	}
	m, err := client.Do(context.Background(), cmd.Build()).ToMessage()
	if err != nil && !rueidis.IsRedisNil(err) {
		t.Fatalf("%q: %v", words, err)
	}
	return text(m)
}

func text(m rueidis.RedisMessage) string {
	switch {
	case m.IsArray():
		list, _ := m.ToArray()
		words := make([]string, len(list))
		for i, m := range list {
			words[i] = text(m)
		}
		return strings.Join(words, " ")
	case m.IsInt64():
		n, _ := m.ToInt64()
		return number(n)
	}
	s, _ := m.ToString()
	return strings.TrimPrefix(s, "txt:") // of a verbatim string
}

func number(n int64) string { return strconv.FormatInt(n, 10) }

// fields makes Fields of names and values in turn.
func fields(pairs ...string) store.Fields {
	var list []store.Field
	for i := 0; i < len(pairs); i += 2 {
		list = append(list, store.Field{Name: pairs[i], Value: pairs[i+1]})
	}
	f, err := store.NewFields(list...)
	if err != nil {
		panic(err)
	}
	return f
}

// create makes a record that lives for an hour.
func create(t testing.TB, s store.Store, key, owner string, pairs ...string) {
	t.Helper()
	save(t, s, key, store.Change{Create: true, Owner: &owner, Set: fields(pairs...), ExpiresAt: inAnHour()})
}

func save(t testing.TB, s store.Store, key string, c store.Change) uint64 {
	t.Helper()
	version, err := s.Save(t.Context(), key, c)
	if err != nil {
		t.Fatal(err)
	}
	return version
}

func inAnHour() time.Time { return time.Now().Add(time.Hour).Truncate(time.Millisecond) }

// isMalformed demands store.ErrMalformed, and that the error says these things.
func isMalformed(t testing.TB, what string, err error, says ...string) {
	t.Helper()
	if !errors.Is(err, store.ErrMalformed) {
		t.Errorf("%s: the error is %v, want %v", what, err, store.ErrMalformed)
		return
	}
	for _, s := range says {
		if !strings.Contains(err.Error(), s) {
			t.Errorf("%s: the error %q does not say %s", what, err, s)
		}
	}
}

func isError(t testing.TB, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: the error is %v, want %v", what, err, want)
	}
}

// within returns a context that ends so soon.
func within(t testing.TB, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}
