package memcachestore

import (
	"bufio"
	"fmt"
	"io"
	"math"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bradfitz/gomemcache/memcache"
)

// A fake is a memcached as far as this package uses one, with faults on demand.
type fake struct {
	addr string

	mu    sync.Mutex
	items map[string]fakeItem
	last  uint64
	conns map[net.Conn]bool
	log   []string // the commands, without their last argument and data
	// before may answer a command in the server's place, or drop its connection by "".
	before func(command string) (answer string, instead bool)
}

type fakeItem struct {
	data string
	cas  uint64
	end  time.Time // zero for never
}

func newFake(t *testing.T) *fake {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := &fake{addr: ln.Addr().String(), items: map[string]fakeItem{}, conns: map[net.Conn]bool{}}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			f.mu.Lock()
			f.conns[conn] = true
			f.mu.Unlock()
			wg.Go(func() { f.serve(conn) })
		}
	})
	t.Cleanup(func() {
		ln.Close()
		f.hangUp()
		wg.Wait()
	})
	return f
}

// hangUp closes all connections.
func (f *fake) hangUp() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for conn := range f.conns {
		conn.Close()
	}
}

func (f *fake) serve(conn net.Conn) {
	defer func() {
		conn.Close()
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.conns, conn)
	}()
	r := bufio.NewReader(conn)
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		words := strings.Fields(line)
		data := ""
		if words[0] == "add" || words[0] == "cas" {
			var length int
			fmt.Sscan(words[4], &length)
			b := make([]byte, length+2)
			if _, err := io.ReadFull(r, b); err != nil {
				return
			}
			data = string(b[:length])
		}
		answer := f.answer(words, data)
		if answer == "" {
			return
		}
		if _, err := io.WriteString(conn, answer); err != nil {
			return
		}
	}
}

func (f *fake) answer(words []string, data string) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	command := words[0]
	if command == "version" {
		words = append(words, "")
	}
	f.log = append(f.log, command+" "+words[1])
	if f.before != nil {
		if answer, instead := f.before(command); instead {
			return answer
		}
	}
	key := words[1]
	item, there := f.items[key]
	there = there && (item.end.IsZero() || time.Now().Before(item.end))
	switch command {
	case "version":
		return "VERSION 1.6\r\n"
	case "gets":
		if !there {
			return "END\r\n"
		}
		return fmt.Sprintf("VALUE %s 0 %d %d\r\n%s\r\nEND\r\n", key, len(item.data), item.cas, item.data)
	case "delete":
		delete(f.items, key)
		if !there {
			return "NOT_FOUND\r\n"
		}
		return "DELETED\r\n"
	case "add":
		if there {
			return "NOT_STORED\r\n"
		}
	case "cas":
		var id uint64
		fmt.Sscan(words[5], &id)
		if !there {
			return "NOT_FOUND\r\n"
		} else if id != item.cas {
			return "EXISTS\r\n"
		}
	default:
		return "ERROR\r\n"
	}
	var seconds int64
	fmt.Sscan(words[3], &seconds)
	f.last++
	f.items[key] = fakeItem{data, f.last, fakeEnd(seconds)}
	return "STORED\r\n"
}

func fakeEnd(seconds int64) time.Time {
	switch {
	case seconds == 0:
		return time.Time{}
	case seconds < 0:
		return time.Now().Add(-1)
	case seconds <= 30*24*60*60:
		return time.Now().Truncate(time.Second).Add(time.Duration(seconds) * time.Second)
	}
	return time.Unix(seconds, 0)
}

// put stores something behind the client's back.
func (f *fake) put(key, data string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.last++
	f.items[key] = fakeItem{data: data, cas: f.last}
}

func (f *fake) get(key string) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.items[key].data
}

// forget empties the log, and says what the next commands will meet.
func (f *fake) forget(before func(command string) (answer string, instead bool)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.log, f.before = nil, before
}

func (f *fake) commands() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return strings.Join(f.log, ", ")
}

func newStore(t *testing.T, f *fake, options *Options) *Store {
	t.Helper()
	client := memcache.New(f.addr)
	client.Timeout = math.MaxInt64 / 2 // what hangs shows, it does not pass
	client.MaxIdleConns = 16
	t.Cleanup(func() { client.Close() })
	s, err := New(client, options)
	if err != nil {
		t.Fatal(err)
	}
	return s
}
