//go:build !slim

package open

import (
	"context"
	"fmt"

	"github.com/bradfitz/gomemcache/memcache"

	"github.com/cloakroom-go/cloakroom/store/memcachestore"
)

// openMemcache takes one server or several, among which the sessions are divided.
func openMemcache(ctx context.Context, url string) (*Opened, error) {
	a, err := parse(url, 11211)
	if err != nil {
		return nil, err
	}
	if a.given {
		return nil, wrong(url, "has a user, and memcached is spoken to without one")
	}
	if a.path != "" {
		return nil, wrong(url, "has something after the slash, where memcached takes nothing")
	}
	if err := a.allow(); err != nil {
		return nil, err
	}
	client, err := within(ctx, func() (*memcache.Client, error) {
		list := new(memcache.ServerList)
		if err := list.SetServers(a.hosts...); err != nil { // looks their names up
			return nil, err
		}
		client := memcache.NewFromSelector(list)
		client.Timeout = patience
		return client, client.Ping()
	}, func(client *memcache.Client) { client.Close() })
	if err != nil {
		return nil, fail("memcached", a.place(), err, "")
	}
	sessions, err := memcachestore.New(client, nil)
	if err != nil {
		return nil, fail("memcached", a.place(), err, "")
	}
	return &Opened{
		Store: sessions,
		Kind:  "memcached",
		Place: "memcached at " + a.place() + ", which may drop them when its memory is full",
		close: func() error {
			if err := client.Close(); err != nil {
				return fmt.Errorf("memcached at %s: close: %w", a.place(), err)
			}
			return nil
		},
	}, nil
}
