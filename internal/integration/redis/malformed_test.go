package redis_test

import (
	"testing"

	"github.com/redis/rueidis"

	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/redisstore"
)

// What is found where a session should be.
var strangers = map[string]struct {
	make  []string // the command, without the key
	says  string   // of the error
	print []string // the command that shows it
}{
	"a string":                    {[]string{"SET", "theirs"}, "a string", []string{"GET"}},
	"a list":                      {[]string{"RPUSH", "theirs"}, "a list", []string{"LRANGE", "0", "-1"}},
	"a set":                       {[]string{"SADD", "theirs"}, "a set", []string{"SMEMBERS"}},
	"a hash of another program":   {[]string{"HSET", "a", "1"}, "without the member with the empty name", []string{"HVALS"}},
	"a hash with another meaning": {[]string{"HSET", "", "x", "a", "1"}, `"x"`, []string{"HVALS"}},
	"a version of zero":           {[]string{"HSET", "", "0 99999999999999 ", "a", "1"}, `"0 99999999999999 "`, []string{"HVALS"}},
	"a version that is too large": {[]string{"HSET", "", "12345678901234567 99999999999999 ", "a", "1"}, "12345678901234567", []string{"HVALS"}},
	"a version only":              {[]string{"HSET", "", "17", "a", "1"}, `"17"`, []string{"HVALS"}},
}

func TestWhatIsNoSessionIsReportedAndLeftAlone(t *testing.T) {
	for _, name := range []string{"redis", "cluster"} {
		t.Run(name, func(t *testing.T) { leftAlone(t, clients[name](t)) })
	}
}

func leftAlone(t *testing.T, client rueidis.Client) {
	ctx := t.Context()
	s := newStore(t, client, redisstore.Options{Prefix: "malformed:"})
	for name, stranger := range strangers {
		const at = "malformed:s:k"
		do(t, client, "DEL", at)
		do(t, client, append([]string{stranger.make[0], at}, stranger.make[1:]...)...)
		show := append([]string{stranger.print[0], at}, stranger.print[1:]...)
		before := do(t, client, show...)
		says := []string{`"` + at + `"`, stranger.says}

		_, err := s.Load(ctx, "k")
		isMalformed(t, name+": Load", err, says...)
		_, err = s.LoadFields(ctx, "k", "a")
		isMalformed(t, name+": LoadFields", err, says...)
		_, err = s.Save(ctx, "k", store.Change{Set: fields("a", "2")})
		isMalformed(t, name+": Save", err, says...)
		_, err = s.Save(ctx, "k", store.Change{Set: fields("a", "2"), If: []store.Condition{{Name: "a", Value: "0"}}})
		isMalformed(t, name+": Save with a condition", err, says...)
		if stranger.says != `"x"` && stranger.make[1] != "" {
			_, err = s.Save(ctx, "k", store.Change{Create: true, Set: fields("a", "2"), ExpiresAt: inAnHour()})
			isMalformed(t, name+": Create", err, says...)
		}
		if after := do(t, client, show...); after != before {
			t.Errorf("%s: it is now %q, was %q", name, after, before)
		}
		if err := s.Delete(ctx, "k"); err != nil {
			t.Errorf("%s: Delete: %v", name, err)
		}
		if n := do(t, client, "EXISTS", at); n != "0" {
			t.Errorf("%s: Delete left it there", name)
		}
	}
}

// A name that no field may have makes a record malformed, not shorter.
func TestAMemberThatIsNoFieldIsReported(t *testing.T) {
	client := clients["redis"](t)
	s := newStore(t, client, redisstore.Options{Prefix: "member:"})
	create(t, s, "k", "", "a", "1")
	do(t, client, "HSET", "member:s:k", "\xff", "1")
	_, err := s.Load(t.Context(), "k")
	isMalformed(t, "Load", err, `"member:s:k"`, "UTF-8")
}

func TestSomethingElseInPlaceOfAnIndexIsReported(t *testing.T) {
	client := clients["redis"](t)
	s := newStore(t, client, redisstore.Options{Prefix: "index:"})
	do(t, client, "SET", "index:o:alice", "theirs")
	for _, err := range s.ListOwner(t.Context(), "alice") {
		isMalformed(t, "ListOwner", err, `"index:o:alice"`, "string")
	}
	owner := "alice"
	_, err := s.Save(t.Context(), "k", store.Change{Create: true, Owner: &owner, ExpiresAt: inAnHour()})
	if err == nil || isAnswer(err) {
		t.Errorf("Save to an index that cannot be told: %v, want an outage, since the record may be there", err)
	}
	if text := do(t, client, "GET", "index:o:alice"); text != "theirs" {
		t.Errorf("it is now %q", text)
	}
}
