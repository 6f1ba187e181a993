package redisstore

import (
	"context"
	"errors"

	"github.com/redis/rueidis"
)

// A script is an edit that Redis does in one step. The first line of each makes Redis 7
// refuse it before it begins where it could not write: on a replica, when memory is full.
type script struct {
	sha  string // of text; a test compares them, since FIPS mode forbids to compute it
	text string
}

// on returns the command that runs the script on a key: by its hash, or with eval by its
// text, which makes Redis remember it.
func (s *script) on(b rueidis.Builder, eval bool, key string, args ...string) rueidis.Completed {
	if eval {
		return b.Arbitrary("EVAL", s.text, "1").Keys(key).Args(args...).Build()
	}
	return b.Arbitrary("EVALSHA", s.sha, "1").Keys(key).Args(args...).Build()
}

// A command makes one that runs a script, by hash or by text.
type command func(b rueidis.Builder, eval bool) rueidis.Completed

// run sends a command, and once more with the text when Redis has forgotten the script:
// then it has done nothing.
func (l *line) run(ctx context.Context, c command) rueidis.RedisResult {
	answer := l.do(ctx, c(l.client.B(), false))
	if forgotten(answer) {
		answer = l.do(ctx, c(l.client.B(), true))
	}
	return answer
}

// runBoth is run for two commands that are sent together.
func (l *line) runBoth(ctx context.Context, one, two command) (rueidis.RedisResult, rueidis.RedisResult) {
	answers := l.all(ctx, one(l.client.B(), false), two(l.client.B(), false))
	for i, c := range []command{one, two} {
		if forgotten(answers[i]) {
			answers[i] = l.do(ctx, c(l.client.B(), true))
		}
	}
	return answers[0], answers[1]
}

// errStrange is for what no script of this package says.
var errStrange = errors.New("a script gave an answer that it cannot have given: is that a Redis?")

func forgotten(answer rueidis.RedisResult) bool {
	err, ok := rueidis.IsRedisErr(answer.Error())
	return ok && err.IsNoScript()
}

// removal deletes a record whose end replicas are to know. When it is gone already, they
// need not know yet: an earlier Delete may have found too few of them. WAIT waits for the
// writes of its own connection only (Valkey 8 does; Redis 7 also for earlier ones of
// others), so there must be one.
var removal = script{
	sha: "5e92708c30b327364fe0157abf729e536f41cca5",
	text: `#!lua flags=allow-oom
if redis.call('UNLINK', KEYS[1]) == 0 then
  redis.call('SET', KEYS[1], '', 'PX', 1)
  redis.call('UNLINK', KEYS[1])
end
return 1`,
}
