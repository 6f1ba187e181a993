package redisstore

import (
	"context"
	"fmt"
	"iter"
	"strconv"
	"strings"
	"time"

	"github.com/redis/rueidis"

	"github.com/cloakroom-go/cloakroom/store"
)

// The index of an owner is a sorted set. In a Cluster it is on another node than the
// records, so it cannot be changed in one step with them. It may hold too much: whoever
// reads it looks at the records. It must not hold too little.
//
// The member "=key" stands for a record, with the time when it may be dropped: as long
// after the record's expiry as the record had to live when that was told, so that the
// loss of what was told later does not matter at once. The member "+key" says when the
// record was last given to this owner. A Save tells the index before the record shows it,
// and for settling time nobody may take that for a stale entry.

// settling is longer than a Save is under way.
const settling = 10 * time.Minute

// entering tells the index of a record.
//
// ARGV: 1 the record's key; 2 its expiry; 3 "given" or ""; 4 settling in milliseconds.
var entering = script{
	sha: "73ca7e1bfc480f3d14e4b87c218cf995fdbb3da0",
	text: `#!lua
local now = redis.call('TIME')
now = now[1] * 1000 + math.floor(now[2] / 1000)
local drop = ARGV[2] + math.max(ARGV[2] - now, 0)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[4])
redis.call('ZADD', KEYS[1], 'GT', drop, '=' .. ARGV[1])
if ARGV[3] == 'given' then redis.call('ZADD', KEYS[1], now, '+' .. ARGV[1]) end
if redis.call('PEXPIRETIME', KEYS[1]) < drop then redis.call('PEXPIREAT', KEYS[1], drop) end
return 1`,
}

// leaving takes records out of the index that were not their owner's when somebody looked,
// unless they were given to the owner too lately for that to mean anything.
//
// ARGV: 1 the time before which they must have been given; the rest is keys.
var leaving = script{
	sha: "06099784fa3c56a36d9979d663c96cbb756260e1",
	text: `#!lua flags=allow-oom
for i = 2, #ARGV do
  local given = redis.call('ZSCORE', KEYS[1], '+' .. ARGV[i])
  if not given or tonumber(given) < tonumber(ARGV[1]) then
    redis.call('ZREM', KEYS[1], '=' .. ARGV[i], '+' .. ARGV[i])
  end
end
return 1`,
}

// indexAt returns where the index of an owner is.
func (s *Store) indexAt(owner string) string { return s.options.Prefix + "o:" + owner }

// An entry is what a Save tells the index.
type entry struct {
	key     string
	owner   string // "" when it is nobody or not known
	expires int64  // milliseconds; 0 when it is not known
	given   bool   // the Save gives the record to the owner
	ask     string // what the script for the record is asked, see saving
}

// newEntry returns what the index has to know of a change, as far as the change says so.
func newEntry(key string, c *store.Change) entry {
	e := entry{key: key}
	if c.Owner != nil {
		e.ask = "=" + *c.Owner
	}
	if reserved(key) {
		return e
	}
	switch {
	case c.Owner != nil:
		e.owner, e.given = *c.Owner, true
	case c.Create || c.ExpiresAt.IsZero():
		return e
	default:
		e.ask = "?"
		if c.Base != nil {
			e.owner = c.Base.Owner
			e.ask += e.owner
		}
	}
	if !c.ExpiresAt.IsZero() {
		e.expires = c.ExpiresAt.UnixMilli()
	} else if c.Base != nil {
		e.expires = c.Base.ExpiresAt.UnixMilli()
	}
	return e
}

// known reports whether the index can be told before the script has answered.
func (e *entry) known() bool { return e.owner != "" && e.expires != 0 }

// tells reports whether what the index was told is what the script says.
func (e *entry) tells(actual meta) bool {
	return e.owner == actual.owner && e.expires == actual.expires
}

// enters returns the command that tells the index.
func (s *Store) enters(e entry) command {
	given := ""
	if e.given {
		given = "given"
	}
	at := s.indexAt(e.owner)
	return func(b rueidis.Builder, eval bool) rueidis.Completed {
		expires, settles := strconv.FormatInt(e.expires, 10), strconv.FormatInt(settling.Milliseconds(), 10)
		return entering.on(b, eval, at, e.key, expires, given, settles)
	}
}

// indexOutage is the error for a Save whose record may be saved. It wraps none of package
// store's errors.
func (s *Store) indexOutage(ctx context.Context, owner string, err error) error {
	return fmt.Errorf("the owner's index at the Redis key %q could not be told: %w", s.indexAt(owner), outage(ctx, err))
}

// page is how many records ListOwner looks at in one round trip, and List asks for.
const page = 256

// ListOwner yields the keys of the live records that belong to owner, except those that
// begin with "$". The owner "" has none. It reads the owner's index at once, which takes
// memory for each of the owner's records, then looks at the records themselves, page by
// page, and takes out of the index what is not the owner's any more. Every error is an
// outage, or [store.ErrMalformed] when something else is where the index should be.
func (s *Store) ListOwner(ctx context.Context, owner string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		if err := s.listOwner(ctx, owner, func(key string) bool { return yield(key, nil) }); err != nil {
			yield("", fmt.Errorf("redisstore: list owner: %w", err))
		}
	}
}

func (s *Store) listOwner(ctx context.Context, owner string, yield func(string) bool) error {
	if err := ctx.Err(); err != nil || owner == "" {
		return err
	}
	keys, seen, err := s.entries(ctx, owner)
	for err == nil && len(keys) > 0 {
		n := min(page, len(keys))
		var mine, stale []string
		if mine, stale, err = s.owned(ctx, owner, keys[:n]); err != nil {
			return err
		}
		keys = keys[n:]
		if len(stale) > 0 {
			// What cannot be taken out now will be the next time.
			s.line.run(ctx, s.leaves(owner, seen-settling.Milliseconds(), stale))
		}
		for _, key := range mine {
			if !yield(key) {
				return nil
			}
		}
		err = ctx.Err()
	}
	return err
}

// entries returns the keys in an index, and the time on its server before they were read.
func (s *Store) entries(ctx context.Context, owner string) (keys []string, seen int64, err error) {
	at, b := s.indexAt(owner), s.line.client.B()
	answers := s.line.all(ctx,
		repeatable(b.Arbitrary("TIME").Build().SetSlot(at)),
		repeatable(b.Arbitrary("ZRANGE").Keys(at).Args("0", "-1").Build()))
	clock, err := answers[0].AsIntSlice()
	if err != nil || len(clock) != 2 {
		return nil, 0, outage(ctx, err)
	}
	members, err := answers[1].AsStrSlice()
	if err != nil {
		return nil, 0, s.line.problem(ctx, at, err)
	}
	for _, m := range members {
		if key, ok := strings.CutPrefix(m, "="); ok {
			keys = append(keys, key)
		}
	}
	return keys, clock[0]*1000 + clock[1]/1000, nil
}

// owned looks at records and says which are the owner's.
func (s *Store) owned(ctx context.Context, owner string, keys []string) (mine, stale []string, err error) {
	b := s.line.client.B()
	cmds := make([]rueidis.Completed, len(keys))
	for i, key := range keys {
		cmds[i] = repeatable(b.Arbitrary("HGET").Keys(s.at(key)).Args(metaName).Build())
	}
	for i, answer := range s.line.all(ctx, cmds...) {
		text, err := answer.ToString()
		if err != nil && !rueidis.IsRedisNil(err) && !wrongType(err) {
			return nil, nil, outage(ctx, err)
		}
		if m, ok := parseMeta(text); ok && m.owner == owner {
			mine = append(mine, keys[i])
		} else {
			stale = append(stale, keys[i])
		}
	}
	return mine, stale, nil
}

func (s *Store) leaves(owner string, before int64, keys []string) command {
	at := s.indexAt(owner)
	args := append([]string{strconv.FormatInt(before, 10)}, keys...)
	return func(b rueidis.Builder, eval bool) rueidis.Completed {
		return leaving.on(b, eval, at, args...)
	}
}
