package redisstore

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/rueidis"

	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/kvstore"
)

// KVOptions are the settings of a KV that have a default. They are copied by [NewKV].
type KVOptions struct {
	// Prefix is put in front of every key, with nothing in between. Defaults to "".
	Prefix string
}

// KV keeps plain Redis strings, whose expiry is the key's own: what connect-redis,
// koa-redis and others keep. It is a [kvstore.KV] without owners and revisions, and is
// safe for concurrent use. A key with no expiry has a zero [kvstore.Entry.ExpiresAt].
type KV struct {
	prefix string
	line   *line
}

var _ kvstore.KV = (*KV)(nil)

// NewKV returns a KV in what client is connected to, as [New] does a Store. It is an error
// when client is nil or has rueidis.ClientOption.ConnLifetime. options may be nil.
func NewKV(client rueidis.Client, options *KVOptions) (*KV, error) {
	if err := checkClient(client); err != nil {
		return nil, err
	}
	kv := &KV{line: newLine(client)}
	if options != nil {
		kv.prefix = options.Prefix
	}
	return kv, nil
}

// getting reads a value and its expiry in one step. It is a script that could write, so a
// replica, which may lag behind, refuses it.
var getting = script{
	sha: "89fed14f40be655e9d120e1e062e22839e0e99c0",
	text: `#!lua flags=allow-oom
local value = redis.call('GET', KEYS[1])
return value and {value, redis.call('PEXPIRETIME', KEYS[1])}`,
}

// Get returns the live entry at key in one round trip. Its errors are [store.ErrNotFound],
// [store.ErrMalformed] when something other than a string is there, and outages.
func (kv *KV) Get(ctx context.Context, key string) (kvstore.Entry, error) {
	e, err := kv.get(ctx, kv.prefix+key)
	if err != nil {
		return kvstore.Entry{}, fmt.Errorf("redisstore: get: %w", err)
	}
	return e, nil
}

func (kv *KV) get(ctx context.Context, at string) (e kvstore.Entry, err error) {
	if err := ctx.Err(); err != nil {
		return e, err
	}
	parts, err := kv.line.run(ctx, func(b rueidis.Builder, eval bool) rueidis.Completed {
		return repeatable(getting.on(b, eval, at))
	}).ToArray()
	switch {
	case rueidis.IsRedisNil(err):
		return e, store.ErrNotFound
	case err != nil:
		return e, kv.line.problem(ctx, at, err)
	case len(parts) != 2:
		return e, errStrange
	}
	value, errV := parts[0].ToString()
	expires, errE := parts[1].AsInt64()
	if errV != nil || errE != nil {
		return e, errStrange
	}
	e.Value = value
	if expires >= 0 {
		e.ExpiresAt = time.UnixMilli(expires)
	}
	return e, nil
}

// swapping puts a value where there is another one, or none.
//
// ARGV: 1 the new value; 2 its expiry or ""; 3 the old value, if there must be one.
var swapping = script{
	sha: "8d416a4d1d9bfe0c898bc65faedc5629c6f74f4f",
	text: `#!lua
if redis.call('GET', KEYS[1]) ~= (ARGV[3] or false) then return 0 end
redis.call('SET', KEYS[1], ARGV[1])
if ARGV[2] ~= '' then redis.call('PEXPIREAT', KEYS[1], ARGV[2]) end
return 1`,
}

// CompareAndSwap puts next at key if there is what old says, in one step of Redis and one
// round trip. Its errors are [store.ErrConflict], [store.ErrMalformed] when something other
// than a string is there, one that gives both sizes when a value is longer than 512 MiB,
// and outages.
func (kv *KV) CompareAndSwap(ctx context.Context, key string, old *kvstore.Entry, next kvstore.Entry) error {
	if err := kv.swap(ctx, kv.prefix+key, old, &next); err != nil {
		return fmt.Errorf("redisstore: compare and swap: %w", err)
	}
	return nil
}

func (kv *KV) swap(ctx context.Context, at string, old, next *kvstore.Entry) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if len(next.Value) > maxBytes {
		return fmt.Errorf("the value has %d bytes: Redis takes at most %d", len(next.Value), maxBytes)
	}
	expires := ""
	if !next.ExpiresAt.IsZero() {
		expires = strconv.FormatInt(next.ExpiresAt.UnixMilli(), 10)
	}
	n, err := kv.line.run(ctx, func(b rueidis.Builder, eval bool) rueidis.Completed {
		if old == nil {
			return swapping.on(b, eval, at, next.Value, expires)
		}
		return swapping.on(b, eval, at, next.Value, expires, old.Value)
	}).ToInt64()
	switch {
	case err != nil:
		return kv.line.problem(ctx, at, err)
	case n == 0:
		return store.ErrConflict
	}
	return nil
}

// Delete removes whatever is at key. A missing entry is not an error; every error is an
// outage.
func (kv *KV) Delete(ctx context.Context, key string) error {
	err := ctx.Err()
	if err == nil {
		at := kv.prefix + key
		err = outage(ctx, kv.line.do(ctx, kv.line.client.B().Unlink().Key(at).Build()).Error())
	}
	if err != nil {
		return fmt.Errorf("redisstore: delete: %w", err)
	}
	return nil
}
