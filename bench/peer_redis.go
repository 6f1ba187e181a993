package main

import (
	"context"
	"time"

	"github.com/alexedwards/scs/goredisstore"
	scsredis "github.com/alexedwards/scs/redisstore"
	"github.com/alexedwards/scs/v2"
	"github.com/gomodule/redigo/redis"
	goredis "github.com/redis/go-redis/v9"
	"github.com/redis/rueidis"

	"github.com/cloakroom-go/cloakroom/store/redisstore"
)

var redisPeers = []*storePeer{
	{name: "cloakroom-redis", server: "redis", start: func(at place) (webServer, error) { return startCloakroomRedis(at, nil) }},
	{name: "cloakroom-stale", server: "redis", only: "read", start: func(at place) (webServer, error) {
		return startCloakroomRedis(at, &redisstore.Options{StaleReads: 10 * time.Second})
	}},
	{name: "scs-goredis", server: "redis", start: startSCSGoRedis},
	{name: "scs-redigo", server: "redis", start: startSCSRedigo},
	{name: "raw-rueidis", server: "redis", start: startRawRedis, raw: true},
}

func startCloakroomRedis(at place, options *redisstore.Options) (webServer, error) {
	client, err := newRueidis(at)
	if err != nil {
		return nil, err
	}
	s, err := redisstore.New(client, options)
	if err != nil {
		return nil, err
	}
	return newCloakroomStore(s, client.Close)
}

// startSCSGoRedis has go-redis with its defaults.
func startSCSGoRedis(at place) (webServer, error) {
	options, err := goredis.ParseURL(at.URL)
	if err != nil {
		return nil, err
	}
	client := goredis.NewClient(options)
	sessions := scs.New()
	sessions.Store = goredisstore.New(client)
	return &scsStoreServer{scsServer{sessions}, func() { client.Close() }}, nil
}

// startSCSRedigo keeps a connection for each of the clients: what a smaller pool would
// cost is not the store's fault.
func startSCSRedigo(at place) (webServer, error) {
	pool := &redis.Pool{MaxIdle: connections, Dial: func() (redis.Conn, error) { return redis.DialURL(at.URL) }}
	sessions := scs.New()
	sessions.Store = scsredis.New(pool)
	return &scsStoreServer{scsServer{sessions}, func() { pool.Close() }}, nil
}

// An scsStoreServer is an scsServer whose store has something to close.
type scsStoreServer struct {
	scsServer
	end func()
}

func (s *scsStoreServer) close() { s.end() }

func startRawRedis(at place) (webServer, error) {
	client, err := newRueidis(at)
	if err != nil {
		return nil, err
	}
	return &rawServer{redisBlobs{client}}, nil
}

// newRueidis is set up as docs/STORES.md advises.
func newRueidis(at place) (rueidis.Client, error) {
	options, err := rueidis.ParseURL(at.URL)
	if err != nil {
		return nil, err
	}
	options.MaxFlushDelay = 100 * time.Microsecond
	return rueidis.NewClient(options)
}

// redisBlobs are Redis strings that end after a day.
type redisBlobs struct{ client rueidis.Client }

func (b redisBlobs) get(ctx context.Context, key string) ([]byte, error) {
	text, err := b.client.Do(ctx, b.client.B().Get().Key("raw:"+key).Build()).ToString()
	return []byte(text), err
}

func (b redisBlobs) put(ctx context.Context, key string, blob []byte) error {
	return b.client.Do(ctx, b.client.B().Set().Key("raw:"+key).Value(rueidis.BinaryString(blob)).Px(24*time.Hour).Build()).Error()
}

func (b redisBlobs) close() { b.client.Close() }
