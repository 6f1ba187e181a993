package redisstore

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strconv"
	"strings"
	"sync"

	"github.com/redis/rueidis"
)

// List yields the keys of all live records, except those that begin with "$", in no order.
// It walks all keys of the database with SCAN, also those of others, in a Cluster master
// by master. While it does, it keeps a connection of its own. Every error is an outage.
//
// SCAN may return a key again when Redis halves its table of keys. List remembers the last
// few thousand keys that it yielded, which is enough unless so many keys vanish at once
// that the table shrinks to less than a thousandth between two pages: then a key could be
// yielded twice. When a server fails over, or slots of a Cluster move during the walk, SCAN
// loses its place, and the walk ends with an error.
func (s *Store) List(ctx context.Context) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		w := walk{s: s, ctx: ctx, yield: func(key string) bool { return yield(key, nil) }}
		if err := w.all(); err != nil && !errors.Is(err, errStopped) {
			yield("", fmt.Errorf("redisstore: list: %w", err))
		}
	}
}

// errStopped says that the caller does not want more.
var errStopped = errors.New("stopped")

// A walk is one List.
type walk struct {
	s      *Store
	ctx    context.Context
	yield  func(string) bool
	recent recent
}

func (w *walk) all() error {
	if err := w.ctx.Err(); err != nil {
		return err
	}
	if w.s.line.client.Mode() == rueidis.ClientModeCluster {
		return w.cluster()
	}
	return w.node("", (*node).scan)
}

// node calls f with a server, in a Cluster with the master that has the slot of the key
// route.
func (w *walk) node(route string, f func(*node, *walk) error) (err error) {
	n := &node{line: w.s.line, route: route}
	defer func() { go n.end(err) }() // also when the caller panics; it waits for what may be under way
	return f(n, w)
}

// A node is a server that is walked over. Its connection is one that only this walk uses:
// a cursor of SCAN means nothing to another server, and when another one comes to the same
// address, the connection breaks.
type node struct {
	line  *line
	route string

	mu      sync.Mutex
	conn    rueidis.DedicatedClient
	release func()
	ended   bool
}

// connection returns the connection. The first call makes it.
func (n *node) connection() (rueidis.DedicatedClient, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.ended {
		return nil, errStopped
	}
	if n.conn == nil {
		n.conn, n.release = n.line.client.Dedicate()
	}
	return n.conn, nil
}

// end gives the connection back, or breaks it when nobody knows what it is at.
func (n *node) end(err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.ended = true
	switch {
	case n.conn == nil:
	case err == nil || errors.Is(err, errStopped):
		n.release()
	default:
		n.conn.Close()
	}
}

func (n *node) do(ctx context.Context, cmd rueidis.Completed) (rueidis.RedisMessage, error) {
	if n.route != "" {
		cmd = cmd.SetSlot(n.route)
	}
	m, err := guardedOne(ctx, n.line, func() rueidis.RedisResult {
		conn, err := n.connection()
		if err != nil {
			return rueidis.NewErrorResult(err)
		}
		return conn.Do(ctx, cmd)
	}).ToMessage()
	return m, outage(ctx, err)
}

func (n *node) scan(w *walk) error {
	start := w.s.at("")
	for cursor := uint64(0); ; {
		b := w.s.line.client.B()
		m, err := n.do(w.ctx, b.Arbitrary("SCAN", strconv.FormatUint(cursor, 10), "MATCH", literally(start)+"*",
			"COUNT", strconv.Itoa(page), "TYPE", "hash").Build())
		if err != nil {
			return err
		}
		found, err := m.AsScanEntry()
		if err != nil {
			return err
		}
		for _, at := range found.Elements {
			key := strings.TrimPrefix(at, start)
			if key == "" || reserved(key) || !w.recent.add(key) {
				continue
			}
			if !w.yield(key) {
				return errStopped
			}
			if err := w.ctx.Err(); err != nil {
				return err
			}
		}
		if cursor = found.Cursor; cursor == 0 {
			return nil
		}
	}
}

// literally returns a pattern that matches text and nothing else.
func literally(text string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`, `]`, `\]`).Replace(text)
}

// recent is a set of keys that forgets the oldest ones.
type recent struct{ young, old map[string]struct{} }

const recentKeys = 4096

// add adds a key, and reports whether it was not there.
func (r *recent) add(key string) bool {
	if _, ok := r.old[key]; ok {
		return false
	}
	if _, ok := r.young[key]; ok {
		return false
	}
	if r.young == nil || len(r.young) >= recentKeys {
		r.young, r.old = make(map[string]struct{}), r.young
	}
	r.young[key] = struct{}{}
	return true
}
