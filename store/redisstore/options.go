package redisstore

import (
	"errors"
	"fmt"
	"reflect"
	"time"

	"github.com/redis/rueidis"
)

// Options are the settings of a Store that have a default. They are copied by [New].
type Options struct {
	// Prefix begins every key that the Store writes: sessions are at Prefix + "s:" + key,
	// and the index of an owner is at Prefix + "o:" + owner. Stores with different prefixes
	// can share a database, as long as no prefix begins with another one. Defaults to
	// "cloakroom:".
	Prefix string

	// WaitReplicas is how many replicas must have a change that revokes or opens a session
	// before it counts as done: each Delete, each Save that sets or removes "$secret" or
	// "$epoch", and each Save of a key that begins with "$". With the number of replicas
	// that a master has, no failover brings back what was ended; with fewer, one may promote
	// a replica that was not among them. Too few replicas in time are an error that wraps
	// [ErrTooFewReplicas]: the change is on the master and may be lost with it. A session
	// manager that finds a new secret there goes on with it, so that only a sign-out is
	// certain to outlive a failover; one that was refused is tried again. Such a call
	// takes a connection of its own and as long as the replicas need. Defaults to 0: nothing
	// waits, and a failover can undo the changes of its last moments, sign-outs among them.
	WaitReplicas int

	// WaitTimeout is how long one call waits for replicas, or less when its context ends
	// earlier. Defaults to 1 second.
	WaitTimeout time.Duration

	// StaleReads lets Load answer from a copy in this process that Redis keeps up to date
	// (server-assisted client-side caching): a session that is read again costs no round
	// trip. Redis tells of a change within a moment; when it cannot, because the connection
	// hangs or the process does, Load may return what was true up to StaleReads ago. So a
	// session that another process has ended may be accepted for that long. What this Store
	// itself has written is seen at once. Copies are dropped when their connection is lost.
	// They take at most rueidis.ClientOption.CacheSizeEachConn bytes for each connection.
	// Defaults to 0: every Load asks Redis. It has no effect with
	// rueidis.ClientOption.DisableCache.
	StaleReads time.Duration
}

const (
	defaultPrefix      = "cloakroom:"
	defaultWaitTimeout = time.Second
)

// checkClient refuses a client that cannot be used. With ConnLifetime, rueidis sends a
// command again when the connection's life ends before the answer is there, also one that
// writes: a Save would be made twice. The client does not tell whether it has one, so this
// looks for itself.
func checkClient(client rueidis.Client) error {
	if client == nil {
		return errors.New("redisstore: client is nil: make one with rueidis.NewClient first")
	}
	if v := reflect.Indirect(reflect.ValueOf(client)); v.Kind() == reflect.Struct {
		if f := v.FieldByName("hasLftm"); f.Kind() == reflect.Bool && f.Bool() {
			return errors.New("redisstore: the client has rueidis.ClientOption.ConnLifetime, with which it may make a Save twice: leave it out")
		}
	}
	return nil
}

func (o *Options) withDefaults(client rueidis.Client) (Options, error) {
	var c Options
	if o != nil {
		c = *o
	}
	if err := checkClient(client); err != nil {
		return c, err
	}
	switch {
	case c.WaitReplicas < 0:
		return c, fmt.Errorf("redisstore: Options.WaitReplicas is %d: use the number of replicas that a master has, or 0", c.WaitReplicas)
	case c.WaitTimeout < 0:
		return c, fmt.Errorf("redisstore: Options.WaitTimeout is %v: use how long a call may wait for replicas", c.WaitTimeout)
	case c.StaleReads < 0:
		return c, fmt.Errorf("redisstore: Options.StaleReads is %v: use how old an answer may be, or 0", c.StaleReads)
	}
	if c.Prefix == "" {
		c.Prefix = defaultPrefix
	}
	if c.WaitTimeout == 0 {
		c.WaitTimeout = defaultWaitTimeout
	}
	return c, nil
}
