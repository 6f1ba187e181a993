package main

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// connections is how many keep-alive connections the load comes from, and loaders how
// many goroutines share them.
const (
	connections = 64
	loaders     = 2
)

// serve begins to answer the paths /read and /write over HTTP on a loopback address, and
// makes n sessions for them.
func (c *child) serve(n int) (address string, cookies []string, err error) {
	home, isWeb := c.stand.home.(web)
	if !isWeb {
		return "", nil, fmt.Errorf("%s is not served by net/http", c.stand.peer.name)
	}
	for range n {
		cookie, err := signUp(home, small)
		if err != nil {
			return "", nil, err
		}
		cookies = append(cookies, cookie)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	var turn atomic.Int64
	next := func() string { return small.others[turn.Add(1)%others] }
	reader := home.handler(task{kind: read, data: small, next: next})
	writer := home.handler(task{kind: write, data: small, next: next})
	go http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/http-read" {
			reader.ServeHTTP(w, r)
		} else {
			writer.ServeHTTP(w, r)
		}
	}))
	return listener.Addr().String(), cookies, nil
}

// A load is a set of connections to one server.
type load struct {
	conns   []net.Conn
	cookies []string
}

func dial(address string, cookies []string) (*load, error) {
	l := &load{cookies: cookies}
	for range cookies {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			l.close()
			return nil, err
		}
		l.conns = append(l.conns, conn)
	}
	return l, nil
}

func (l *load) close() {
	for _, conn := range l.conns {
		conn.Close()
	}
}

// run sends requests for d and returns how many were answered.
func (l *load) run(path string, d time.Duration) (int, error) {
	var (
		wg    sync.WaitGroup
		sent  [loaders]int
		errs  [loaders]error
		until = time.Now().Add(d)
	)
	for i := range loaders {
		wg.Go(func() {
			var requests [][]byte
			var conns []net.Conn
			for j := i; j < len(l.conns); j += loaders {
				conns = append(conns, l.conns[j])
				requests = append(requests, fmt.Appendf(nil, "GET /%s HTTP/1.1\r\nHost: localhost\r\nUser-Agent: bench\r\nAccept: */*\r\nCookie: %s\r\n\r\n", path, l.cookies[j]))
			}
			sent[i], errs[i] = drive(conns, requests, until)
		})
	}
	wg.Wait()
	total := 0
	for i := range loaders {
		if errs[i] != nil {
			return 0, errs[i]
		}
		total += sent[i]
	}
	return total, nil
}

// drive writes a request on each connection and then reads all the answers, again and
// again. That costs the machine one system call for each, and hardly ever a wait.
func drive(conns []net.Conn, requests [][]byte, until time.Time) (sent int, err error) {
	buf := make([]byte, 16<<10)
	for first := true; first || time.Now().Before(until); first = false {
		for i, conn := range conns {
			if _, err := conn.Write(requests[i]); err != nil {
				return sent, err
			}
		}
		for _, conn := range conns {
			if err := receive(conn, buf); err != nil {
				return sent, err
			}
		}
		sent += len(conns)
	}
	return sent, nil
}

var (
	goodStart = []byte("HTTP/1.1 200 OK\r\n")
	goodEnd   = append([]byte("\r\n\r\n"), ok...)
)

func receive(conn net.Conn, buf []byte) error {
	for n := 0; ; {
		more, err := conn.Read(buf[n:])
		if err != nil {
			return err
		}
		n += more
		if bytes.HasSuffix(buf[:n], goodEnd) && bytes.HasPrefix(buf, goodStart) {
			return nil
		}
		if n == len(buf) || n >= len(goodStart) && !bytes.HasPrefix(buf, goodStart) {
			return fmt.Errorf("the server answered %q", buf[:n])
		}
	}
}
