package redis_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/kvstore"
	"github.com/cloakroom-go/cloakroom/store/kvstore/kvtest"
	"github.com/cloakroom-go/cloakroom/store/redisstore"
	"github.com/cloakroom-go/cloakroom/store/storetest"

	"github.com/redis/rueidis"
)

func newKV(t testing.TB, client rueidis.Client, prefix string) *redisstore.KV {
	t.Helper()
	kv, err := redisstore.NewKV(client, &redisstore.KVOptions{Prefix: prefix})
	if err != nil {
		t.Fatal(err)
	}
	return kv
}

func TestTheKVKeepsEveryRule(t *testing.T) {
	for name, client := range clients {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			kv := newKV(t, client(t), t.Name()+":")
			kvtest.Run(t, func(*testing.T) kvstore.KV { return kv })
		})
	}
}

func TestAStoreOnTheKVKeepsEveryRule(t *testing.T) {
	t.Parallel()
	s := kvstore.New(newKV(t, clients["redis"](t), t.Name()+":"))
	storetest.Run(t, func(*testing.T) store.Store { return s })
}

// What connect-redis keeps: a string at a prefix with nothing in between, the expiry that
// of the key.
func TestTheKVSharesTheStringsOfOtherPrograms(t *testing.T) {
	ctx, client := t.Context(), clients["redis"](t)
	kv := newKV(t, client, "sess:")
	const theirs = `{"cookie":{"originalMaxAge":null},"views":1}`
	do(t, client, "SET", "sess:abc", theirs, "EX", "86400")
	got, err := kv.Get(ctx, "abc")
	if err != nil || got.Value != theirs {
		t.Fatalf("%+v, %v", got, err)
	}
	if left := time.Until(got.ExpiresAt); left < 23*time.Hour || left > 24*time.Hour {
		t.Errorf("it ends in %v, want a day", left)
	}
	ours := kvstore.Entry{Value: strings.Replace(theirs, "1", "2", 1), ExpiresAt: time.Now().Add(time.Hour)}
	if err := kv.CompareAndSwap(ctx, "abc", &got, ours); err != nil {
		t.Fatal(err)
	}
	if text := do(t, client, "GET", "sess:abc"); text != ours.Value {
		t.Errorf("they read %q", text)
	}
	if text := do(t, client, "PEXPIRETIME", "sess:abc"); text != number(ours.ExpiresAt.UnixMilli()) {
		t.Errorf("they see the end %s, want %d", text, ours.ExpiresAt.UnixMilli())
	}

	do(t, client, "SET", "sess:forever", theirs)
	got, err = kv.Get(ctx, "forever")
	if err != nil || !got.ExpiresAt.IsZero() {
		t.Errorf("of a key without expiry: %v, %v, want no end", got.ExpiresAt, err)
	}
	if err := kv.CompareAndSwap(ctx, "forever", &got, kvstore.Entry{Value: "x"}); err != nil {
		t.Fatal(err)
	}
	if ttl := do(t, client, "PTTL", "sess:forever"); ttl != "-1" {
		t.Errorf("an entry without end got the TTL %s", ttl)
	}
}

func TestTheKVLeavesAKeyOfAnotherTypeAlone(t *testing.T) {
	ctx, client := t.Context(), clients["redis"](t)
	kv := newKV(t, client, "kv other:")
	do(t, client, "RPUSH", "kv other:k", "a")
	_, err := kv.Get(ctx, "k")
	isMalformed(t, "Get", err, `"kv other:k"`, "list")
	isMalformed(t, "CompareAndSwap", kv.CompareAndSwap(ctx, "k", nil, kvstore.Entry{Value: "x"}), `"kv other:k"`, "list")
	if text := do(t, client, "LRANGE", "kv other:k", "0", "-1"); text != "a" {
		t.Errorf("the list is now %q", text)
	}
	if err := kv.Delete(ctx, "k"); err != nil {
		t.Fatal(err)
	}
	if _, err := kv.Get(ctx, "k"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("after Delete: %v", err)
	}
}
