package memcachestore

import (
	"context"
	"errors"
	"io"
	"syscall"

	"github.com/bradfitz/gomemcache/memcache"
)

// call does f and returns when ctx ends, though the client knows no contexts. What is under
// way then ends by the client's own Timeout.
func call[T any](ctx context.Context, f func() (T, error)) (T, error) {
	var none T
	if err := ctx.Err(); err != nil {
		return none, err
	}
	type result struct {
		value T
		err   error
	}
	done := make(chan result, 1)
	go func() {
		value, err := f()
		done <- result{value, err}
	}()
	select {
	case r := <-done:
		return r.value, r.err
	case <-ctx.Done():
		return none, ctx.Err()
	}
}

// again does f, which must be harmless to repeat, until it met a connection that is not
// dead. The client does not look at a connection that it has kept before it uses it, so after
// a restart of the server, or in the morning after a firewall has forgotten it, a call fails
// for each that was kept.
func (s *kv) again(f func() error) error {
	kept := s.client.MaxIdleConns
	if kept < 1 {
		kept = memcache.DefaultMaxIdleConns
	}
	for ; ; kept-- {
		err := f()
		dead := errors.Is(err, io.EOF) || errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNRESET)
		if !dead || kept == 0 {
			return err
		}
	}
}
