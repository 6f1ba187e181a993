package seeds

import (
	"context"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/redisstore"
)

// koaRedisRows are the cases of koa-redis.
func koaRedisRows() []row {
	return []row{
		{"KX-01", theProgramsClientStaysTheProgramsOwn},
		{"KX-03", inRedisByURL("0")},
		{"KX-04", inRedisByURL("3")},
		{"KX-05", everyRecordInRedisHasItsEnd(func(s *cloakroom.Session) { s.SetLifetime(90 * time.Second) }, 90*time.Second)},
		{"KX-06", badBytesInRedisSignOut},
		{"KX-07", valuesInRedisAreJSON},
		{"KX-09", everyRecordInRedisHasItsEnd(nothing, 24*time.Hour)},
		{"KX-10", destroyLeavesNothingInRedis},
		{"KX-11", redisForgetsWhatHasExpired},
	}
}

var koaRedisLeftOut = []reason{
	{"KX-02", "a client is the program's: the store neither copies it nor closes it"},
	{"KX-08", "values are JSON for everybody who reads the store; a serializer of one's own would hide them, and Config.SealKeys is the way to do that"},
}

// A redisSite is a site over Redis, with a client to look at what is there.
type redisSite struct {
	*site
	client rueidis.Client
	prefix string
}

func newRedisSite(t *testing.T) *redisSite { return redisSiteAt(t, sharedRedis(t).URL()) }

func redisSiteAt(t *testing.T, url string) *redisSite {
	t.Helper()
	client := connect(t, url)
	prefix := t.Name() + ":"
	st, err := redisstore.New(client, &redisstore.Options{Prefix: prefix})
	if err != nil {
		t.Fatal(err)
	}
	return &redisSite{newSiteOver(t, st, cloakroom.Config{}), client, prefix}
}

// at is where a token's record is.
func (s *redisSite) at(token string) string { return s.prefix + "s:" + idOf(token) }

// ask sends a command whose answer is a number or text.
func (s *redisSite) ask(command ...string) string {
	s.t.Helper()
	answer, err := s.client.Do(context.Background(), s.client.B().Arbitrary(command...).Build()).ToAny()
	if err != nil && !rueidis.IsRedisNil(err) {
		s.t.Fatalf("%q: %v", command, err)
	}
	return text(answer)
}

func theProgramsClientStaysTheProgramsOwn(t *testing.T) {
	s := newRedisSite(t)
	b := s.browser()
	b.set("ada")
	b.reads("ada")
	noError(t, s.store.Store.(*redisstore.Store).Ping(t.Context()))
	want(t, "the client still answers", s.ask("PING"), "PONG")
	s.client.Close() // and only now does it end
	answers503(t, b.with(nothing))
}

// inRedisByURL says that sessions are in the database that a URL names, and in no other.
func inRedisByURL(database string) func(*testing.T) {
	return func(t *testing.T) {
		u, err := url.Parse(sharedRedis(t).URL())
		if err != nil {
			t.Fatal(err)
		}
		first := connect(t, u.String())
		u.Path = "/" + database
		s := redisSiteAt(t, u.String())
		b := s.browser()
		token := b.set("ada").token()
		b.reads("ada")
		want(t, "keys in the database", s.ask("EXISTS", s.at(token)), "1")
		other := redisSite{site: s.site, client: first}
		elsewhere := "1"
		if database != "0" {
			elsewhere = "0"
		}
		want(t, "keys in the first database", other.ask("EXISTS", s.at(token)), elsewhere)
		b.with(destroy(t, t.Context()))
		want(t, "keys after Destroy", s.ask("EXISTS", s.at(token)), "0")
	}
}

func everyRecordInRedisHasItsEnd(edit func(*cloakroom.Session), d time.Duration) func(*testing.T) {
	return func(t *testing.T) {
		s := newRedisSite(t)
		var end time.Time
		token := s.browser().with(func(session *cloakroom.Session) {
			edit(session)
			name.Set(session, "ada")
			noError(t, session.Save(t.Context()))
			end = session.ExpiresAt()
		}).token()
		want(t, "Redis's end", s.ask("PEXPIRETIME", s.at(token)), text(end.UnixMilli()))
		if left := time.Until(end); left > d || left < d-time.Minute {
			t.Errorf("%v are left, want %v", left, d)
		}
	}
}

func badBytesInRedisSignOut(t *testing.T) {
	for _, command := range [][]string{{"SET", "", "{bad json"}, {"HSET", "", "name", "{bad json"}, {"HSET", "", "", "garbage"}, {"RPUSH", "", "x"}} {
		s := newRedisSite(t)
		b := s.browser()
		command[1] = s.at(b.set("ada").token())
		s.ask("DEL", command[1])
		s.ask(command...)
		b.signedOut()
		e, _ := find[cloakroom.Rejected](s.events)
		want(t, "the reason", e.Reason, cloakroom.ReasonBadRecord)
		want(t, "the foreign bytes are left as they are", s.ask("EXISTS", command[1]), "1")
	}
}

func valuesInRedisAreJSON(t *testing.T) {
	s := newRedisSite(t)
	token := s.browser().with(func(session *cloakroom.Session) {
		name.Set(session, `a "b" <c>`)
		count.Set(session, 7)
	}).token()
	want(t, "the string", s.ask("HGET", s.at(token), "name"), `"a \"b\" <c>"`)
	want(t, "the number", s.ask("HGET", s.at(token), "count"), "7")
}

func destroyLeavesNothingInRedis(t *testing.T) {
	s := newRedisSite(t)
	b := s.browser()
	token := b.with(func(session *cloakroom.Session) { session.SignIn("u1"); name.Set(session, "ada") }).token()
	want(t, "keys before", s.ask("EXISTS", s.at(token)), "1")
	b.with(destroy(t, t.Context()))
	want(t, "keys after", s.ask("EXISTS", s.at(token)), "0")
	s.client0(token).signedOut()
}

// client0 is a browser with a token in the default cookie.
func (s *redisSite) client0(token string) *browser {
	return s.site.client("__Host-session=" + token)
}

func redisForgetsWhatHasExpired(t *testing.T) {
	s := newRedisSite(t)
	b := s.browser()
	token := b.with(lasting(200 * time.Millisecond)).token()
	want(t, "length of the token", len(token), 43) // it was stored
	for deadline := time.Now().Add(10 * time.Second); s.ask("EXISTS", s.at(token)) != "0"; {
		if time.Now().After(deadline) {
			t.Fatal("it is there still")
		}
		time.Sleep(20 * time.Millisecond)
	}
	s.client0(token).signedOut()
	if strings.Contains(s.ask("TYPE", s.at(token)), "hash") {
		t.Error("the request brought it back")
	}
}

// TestTheOneCaseOfConnectRedis has no ID: a walk through all that its store can do.
func TestTheOneCaseOfConnectRedis(t *testing.T) {
	s := newRedisSite(t)
	b := s.browser()
	token := b.set("ada").token()
	left := func() time.Duration {
		t.Helper()
		ms, err := strconv.ParseInt(s.ask("PTTL", s.at(token)), 10, 64)
		noError(t, err)
		return time.Duration(ms) * time.Millisecond
	}
	if d := left(); d > 24*time.Hour || d < 23*time.Hour {
		t.Errorf("by default %v are left", d)
	}
	b.with(func(session *cloakroom.Session) { session.SetIdleTimeout(time.Minute) })
	if d := left(); d > time.Minute || d < 30*time.Second {
		t.Errorf("with an end of its own %v are left", d)
	}
	s.ask("PEXPIRE", s.at(token), "20000")
	b.with((*cloakroom.Session).Touch)
	if d := left(); d < 30*time.Second {
		t.Errorf("after a touch %v are left", d)
	}
	ids := map[string]bool{idOf(token): true}
	for range 300 {
		session, err := s.m.Open(t.Context())
		noError(t, err)
		name.Set(session, "ada")
		ticket, err := s.m.Commit(t.Context(), session)
		noError(t, err)
		ids[idOf(ticket.Token)] = true
	}
	for key, err := range s.store.Store.(store.Lister).List(t.Context()) {
		noError(t, err)
		if !ids[key] {
			t.Errorf("%q is listed twice, or is none of them", key)
		}
		delete(ids, key)
		noError(t, s.store.Store.Delete(t.Context(), key)) // as it clears
	}
	want(t, "not listed", len(ids), 0)
	b.signedOut()
	token = b.set("ada").token()
	_, err := s.store.Store.Save(t.Context(), idOf(token), store.Change{ExpiresAt: time.Now().Add(-time.Second)})
	noError(t, err)
	want(t, "keys after an end in the past", s.ask("EXISTS", s.at(token)), "0")
	b.signedOut()
}
