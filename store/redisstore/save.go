package redisstore

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"github.com/redis/rueidis"

	"github.com/cloakroom-go/cloakroom/store"
)

// The answers of the script to an edit that it has not made.
const (
	saidNotFound  = -1
	saidExists    = -2
	saidConflict  = -3
	saidMalformed = -4
)

// saving edits a record, as store.Apply defines it. It answers with the new version; or
// with that, expiry and owner; or with one of the numbers above.
//
// ARGV: 1 "create" or ""; 2 the expiry or ""; 3 the owner: "" keeps it, "=name" sets it,
// "?name" keeps it and asks for it when it is another one; how many names 4 must have a
// value, 5 must be absent, 6 are to be removed; then those names, the first two sorts, the
// values of the first, the third; the rest is names and values to set.
//
// Lua's unpack takes a few thousand values, so everything goes in pieces of a thousand.
var saving = script{
	sha: "30c78a76674f4b78a9c7172e0ca02dcd36b5c512",
	text: `#!lua
local key, create = KEYS[1], ARGV[1] == 'create'
local equal, n, gone = tonumber(ARGV[4]), ARGV[4] + ARGV[5], tonumber(ARGV[6])
local function piece(from, to) return unpack(ARGV, from, math.min(from + 999, to)) end
local held = redis.call('HMGET', key, '', piece(7, 6 + n))
local meta = held[1]
if create then
  if meta then return -2 end
  if redis.call('EXISTS', key) == 1 then return -4 end
elseif not meta then
  return redis.call('EXISTS', key) == 1 and -4 or -1
end
local version, expires, owner
if create then
  local now = redis.call('TIME')
  version, expires, owner = now[1] * 1000000 + now[2], ARGV[2], ''
else
  version, expires, owner = string.match(meta, '^([1-9]%d*) (%-?%d+) (.*)$')
  if not version or #version > 16 then return -4 end
  version = version + 1
end
for i = 1, n do
  if i > 1 and i % 1000 == 1 then held = redis.call('HMGET', key, '', piece(6 + i, 6 + n)) end
  local value = held[(i - 1) % 1000 + 2]
  if i > equal then
    if value then return -3 end
  elseif value ~= ARGV[6 + n + i] then
    return -3
  end
end
local at = 7 + n + equal
for i = at, at + gone - 1, 1000 do redis.call('HDEL', key, piece(i, at + gone - 1)) end
local how, name = string.sub(ARGV[3], 1, 1), string.sub(ARGV[3], 2)
local tell = how == '?' and name ~= owner or how == '=' and ARGV[2] == ''
if how == '=' then owner = name end
if ARGV[2] ~= '' then expires = ARGV[2] end
meta = string.format('%.0f', version) .. ' ' .. expires .. ' ' .. owner
at = at + gone
redis.call('HSET', key, '', meta, piece(at, #ARGV))
for i = at + 1000, #ARGV, 1000 do redis.call('HSET', key, piece(i, #ARGV)) end
if ARGV[2] ~= '' then redis.call('PEXPIREAT', key, expires) end
if tell then return {version, expires, owner} end
return version`,
}

// maxBytes is the longest string that Redis takes, unless it was told otherwise
// (proto-max-bulk-len). Tests lower it.
var maxBytes = 512 << 20

// Save applies change to the record at key in one step of Redis and one round trip. Its
// errors are those of [store.Store] and [store.Apply]; [store.ErrMalformed] with the Redis
// key and what is wrong with what is there; one that gives both sizes when a value is
// longer than 512 MiB; one that wraps [ErrTooFewReplicas]; and outages. After one of the
// latter two the change may have landed.
//
// A change of an owner, or of the expiry of a record that has one, is told to the owner's
// index in the same round trip, or in a second one when change.Base does not say who the
// owner is. When the index cannot be told, that is an outage.
func (s *Store) Save(ctx context.Context, key string, change store.Change) (version uint64, err error) {
	version, err = s.save(ctx, key, &change)
	if s.written != nil {
		s.written.noteSave(key, version, err)
	}
	if err != nil {
		return 0, fmt.Errorf("redisstore: save: %w", err)
	}
	return version, nil
}

func (s *Store) save(ctx context.Context, key string, change *store.Change) (version uint64, err error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	if err := check(change); err != nil {
		return 0, err
	}
	at, e := s.at(key), newEntry(key, change)
	edit := func(b rueidis.Builder, eval bool) rueidis.Completed {
		var room [32]string
		return saving.on(b, eval, at, arguments(room[:0], change, e.ask)...)
	}
	var answer, told rueidis.RedisResult
	switch waits := s.options.WaitReplicas > 0 && decisive(key, change); {
	case waits:
		if e.known() {
			if err := s.waited(ctx, s.indexAt(e.owner), s.enters(e)).Error(); err != nil {
				return 0, s.indexOutage(ctx, e.owner, err)
			}
		}
		answer = s.waited(ctx, at, edit)
	case e.known():
		told, answer = s.line.runBoth(ctx, s.enters(e), edit)
	default:
		answer = s.line.run(ctx, edit)
	}
	version, actual, err := s.saved(ctx, at, answer)
	if err != nil {
		return 0, err
	}
	if err := told.Error(); err != nil {
		return 0, s.indexOutage(ctx, e.owner, err)
	}
	if actual.owner != "" && !reserved(key) && !e.tells(actual) {
		e.owner, e.expires = actual.owner, actual.expires
		if err := s.line.run(ctx, s.enters(e)).Error(); err != nil {
			return 0, s.indexOutage(ctx, e.owner, err)
		}
	}
	return version, nil
}

// check refuses what Redis, or the script, would not.
func check(c *store.Change) error {
	_, err := store.Apply(store.Record{}, !c.Create, store.Change{Create: c.Create, Owner: c.Owner, ExpiresAt: c.ExpiresAt})
	if err != nil {
		return err
	}
	for name, value := range c.Set.All() {
		if len(value) > maxBytes {
			return fmt.Errorf("the field %q has %d bytes: Redis takes at most %d", name, len(value), maxBytes)
		}
	}
	return nil
}

// decisive reports whether a change opens or ends something, as described at
// Options.WaitReplicas.
func decisive(key string, c *store.Change) bool {
	if reserved(key) {
		return true
	}
	for _, name := range []string{"$secret", "$epoch"} {
		if _, sets := c.Set.Get(name); sets || slices.Contains(c.Unset, name) {
			return true
		}
	}
	return false
}

// neverName is a name that no field has, since it is not UTF-8.
const neverName = "\xff"

// arguments appends the ARGV of saving. The owner is in the form of the script.
func arguments(args []string, c *store.Change, owner string) []string {
	var equal, absent, gone int
	for i := range c.If {
		switch cond := &c.If[i]; {
		case !cond.Absent:
			equal++
		case cond.Name != metaName: // no field has that name, so that one always holds
			absent++
		}
	}
	for _, name := range c.Unset {
		if name != metaName {
			gone++
		}
	}
	create, expires := "", ""
	if c.Create {
		create = "create"
	}
	if !c.ExpiresAt.IsZero() {
		expires = strconv.FormatInt(c.ExpiresAt.UnixMilli(), 10)
	}
	args = append(args, create, expires, owner, strconv.Itoa(equal), strconv.Itoa(absent), strconv.Itoa(gone))
	for i := range c.If {
		switch cond := &c.If[i]; {
		case cond.Absent:
		case cond.Name == metaName:
			args = append(args, neverName)
		default:
			args = append(args, cond.Name)
		}
	}
	for i := range c.If {
		if cond := &c.If[i]; cond.Absent && cond.Name != metaName {
			args = append(args, cond.Name)
		}
	}
	for i := range c.If {
		if cond := &c.If[i]; !cond.Absent {
			args = append(args, cond.Value)
		}
	}
	for _, name := range c.Unset {
		if name != metaName {
			args = append(args, name)
		}
	}
	for name, value := range c.Set.All() {
		args = append(args, name, value)
	}
	return args
}

// saved reads the answer of saving. actual is what the script told, or empty.
func (s *Store) saved(ctx context.Context, at string, answer rueidis.RedisResult) (version uint64, actual meta, err error) {
	m, err := answer.ToMessage()
	if err != nil {
		return 0, meta{}, s.line.problem(ctx, at, err)
	}
	if m.IsInt64() {
		n, _ := m.ToInt64()
		switch n {
		case saidNotFound:
			return 0, meta{}, store.ErrNotFound
		case saidExists:
			return 0, meta{}, store.ErrExists
		case saidConflict:
			return 0, meta{}, store.ErrConflict
		case saidMalformed:
			return 0, meta{}, s.line.describe(ctx, at)
		}
		actual.version, err = versionOf(n)
		return actual.version, meta{}, err
	}
	parts, err := m.ToArray()
	if err != nil || len(parts) != 3 {
		return 0, meta{}, errStrange
	}
	n, errN := parts[0].AsInt64()
	expires, errE := parts[1].AsInt64()
	owner, errO := parts[2].ToString()
	if errN != nil || errE != nil || errO != nil {
		return 0, meta{}, errStrange
	}
	actual = meta{expires: expires, owner: owner}
	actual.version, err = versionOf(n)
	return actual.version, actual, err
}

func versionOf(n int64) (uint64, error) {
	if n <= 0 {
		return 0, errStrange
	}
	return uint64(n), nil
}
