package redisstore

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/redis/rueidis"

	"github.com/cloakroom-go/cloakroom/store"
)

// Store keeps sessions in Redis or Valkey. It is a [store.Store], and a
// [store.FieldLoader], [store.Lister], [store.OwnerLister] and [store.Pinger]. Redis
// removes what has expired by itself. It is safe for concurrent use.
type Store struct {
	options Options
	line    *line
	written *written // nil without Options.StaleReads
}

var _ interface {
	store.Store
	store.FieldLoader
	store.Lister
	store.OwnerLister
	store.Pinger
} = (*Store)(nil)

// New returns a Store in what client is connected to: one server, the master that
// sentinels tell of, or a Cluster. The client stays the caller's: to configure and, when
// the last call of the Store has returned, to close. options may be nil. New sends
// nothing; [Store.Check] tells whether the server is set up to keep sessions.
//
// It is an error when client is nil or has rueidis.ClientOption.ConnLifetime, with which it
// repeats writes, or when a number in options is negative.
func New(client rueidis.Client, options *Options) (*Store, error) {
	o, err := options.withDefaults(client)
	if err != nil {
		return nil, err
	}
	s := &Store{options: o, line: newLine(client)}
	if o.StaleReads > 0 {
		s.written = &written{window: o.StaleReads}
	}
	return s, nil
}

// at returns where the record is.
func (s *Store) at(key string) string { return s.options.Prefix + "s:" + key }

// reserved reports whether a key is one of the manager's own.
func reserved(key string) bool { return strings.HasPrefix(key, "$") }

// errNoRecord is made once, so that a Load of a key that nobody has costs little.
var errNoRecord = fmt.Errorf("redisstore: load: %w", store.ErrNotFound)

// Load returns the live record at key, in one round trip. Its errors are
// [store.ErrNotFound], [store.ErrMalformed] with the Redis key and what is wrong with what
// is there, and outages. With Options.StaleReads it may cost no round trip and return a
// record of the past, as described there.
func (s *Store) Load(ctx context.Context, key string) (store.Record, error) {
	rec, err := s.load(ctx, key)
	switch {
	case err == nil:
		return rec, nil
	case err == store.ErrNotFound:
		return store.Record{}, errNoRecord
	}
	return store.Record{}, fmt.Errorf("redisstore: load: %w", err)
}

func (s *Store) load(ctx context.Context, key string) (store.Record, error) {
	if err := ctx.Err(); err != nil {
		return store.Record{}, err
	}
	if s.written != nil {
		if rec, ok := s.loadCopy(ctx, key); ok {
			return rec, nil
		}
	}
	return s.line.record(ctx, s.at(key))
}

// record loads the record that is at a Redis key.
func (l *line) record(ctx context.Context, at string) (store.Record, error) {
	// Built by hand, the command does not count as one that a client may send to replicas,
	// which lag behind; it may be sent again when the connection breaks.
	cmd := repeatable(l.client.B().Arbitrary("HGETALL").Keys(at).Build())
	members, err := l.do(ctx, cmd).AsStrMap()
	if err != nil {
		return store.Record{}, l.problem(ctx, at, err)
	}
	return read(at, members)
}

// LoadFields is [Store.Load] with only the named fields in the record: the others are not
// moved. It always asks Redis.
func (s *Store) LoadFields(ctx context.Context, key string, names ...string) (store.Record, error) {
	rec, err := s.loadFields(ctx, key, names)
	if err != nil {
		return store.Record{}, fmt.Errorf("redisstore: load fields: %w", err)
	}
	return rec, nil
}

func (s *Store) loadFields(ctx context.Context, key string, names []string) (store.Record, error) {
	if err := ctx.Err(); err != nil {
		return store.Record{}, err
	}
	at := s.at(key)
	names = distinct(names)
	cmd := repeatable(s.line.client.B().Arbitrary("HMGET").Keys(at).Args(metaName).Args(names...).Build())
	values, err := s.line.do(ctx, cmd).ToArray()
	if err != nil {
		return store.Record{}, s.line.problem(ctx, at, err)
	}
	if len(values) == 0 || values[0].IsNil() {
		rec, err := s.line.record(ctx, at) // or something that is none
		rec.Fields = rec.Fields.Pick(names...)
		return rec, err
	}
	return readFields(at, names, values)
}

// Delete removes what is at key, also when [Store.Load] finds it malformed. A missing
// record is not an error; every error is an outage.
func (s *Store) Delete(ctx context.Context, key string) error {
	if err := s.remove(ctx, key); err != nil {
		return fmt.Errorf("redisstore: delete: %w", err)
	}
	return nil
}

func (s *Store) remove(ctx context.Context, key string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if s.written != nil {
		defer s.written.note(key, unknown)
	}
	at := s.at(key)
	var answer rueidis.RedisResult
	if s.options.WaitReplicas > 0 {
		answer = s.waited(ctx, at, func(b rueidis.Builder, eval bool) rueidis.Completed {
			return removal.on(b, eval, at)
		})
	} else {
		answer = s.line.do(ctx, s.line.client.B().Unlink().Key(at).Build())
	}
	return outage(ctx, answer.Error())
}

// Ping asks for a record that is not there, and in a Cluster whether all of it is up: it
// returns nil when a Load would be answered now, else the outage.
func (s *Store) Ping(ctx context.Context) error {
	if err := s.ping(ctx); err != nil {
		return fmt.Errorf("redisstore: ping: %w", err)
	}
	return nil
}

func (s *Store) ping(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	b := s.line.client.B()
	err := s.line.do(ctx, b.Arbitrary("EXISTS").Keys(s.at("")).Build()).Error()
	if err != nil || s.line.client.Mode() != rueidis.ClientModeCluster {
		return outage(ctx, err)
	}
	info, err := s.line.do(ctx, b.ClusterInfo().Build()).ToString()
	switch {
	case err != nil:
		return outage(ctx, err)
	case !strings.Contains(info, "cluster_state:ok"):
		return errors.New("the Cluster is down: a part of its slots is not served")
	}
	return nil
}
