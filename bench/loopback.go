package main

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// connections is how many keep-alive connections the load comes from.
const connections = 64

// A load is a set of connections to one server, shared by some goroutines.
type load struct {
	conns      []net.Conn
	cookies    []string
	goroutines int
	// behind, if not nil, returns the CPU time that a server behind the measured one has
	// used.
	behind func() (time.Duration, error)
}

// serve begins to do the work of c over HTTP on a loopback address, and makes n sessions
// for it, if it wants any.
func serve(home web, c *testCase, n int) (address string, cookies []string, err error) {
	cookies = make([]string, n)
	for i := range cookies {
		if !c.cookie {
			break
		}
		if cookies[i], err = signUp(home, c.data); err != nil {
			return "", nil, err
		}
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	var turn atomic.Int64
	next := func() string { return c.data.others[turn.Add(1)%others] }
	go http.Serve(listener, home.handler(task{kind: c.kind, data: c.data, next: next}))
	return listener.Addr().String(), cookies, nil
}

// dial makes a connection for each cookie, which may be "".
func dial(address string, cookies []string, goroutines int) (*load, error) {
	l := &load{cookies: cookies, goroutines: goroutines}
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

// run sends requests for d and returns how many were answered, and in which time.
func (l *load) run(d time.Duration) (answered int, took time.Duration, err error) {
	var (
		wg    sync.WaitGroup
		sent  = make([]int, l.goroutines)
		errs  = make([]error, l.goroutines)
		start = time.Now()
		until = start.Add(d)
	)
	for i := range l.goroutines {
		wg.Go(func() {
			var requests [][]byte
			var conns []net.Conn
			for j := i; j < len(l.conns); j += l.goroutines {
				conns = append(conns, l.conns[j])
				requests = append(requests, requestBytes(l.cookies[j]))
			}
			sent[i], errs[i] = drive(conns, requests, until)
		})
	}
	wg.Wait()
	took = time.Since(start)
	for _, n := range sent {
		answered += n
	}
	return answered, took, errors.Join(errs...)
}

// A tally is what some requests took.
type tally struct {
	requests int
	took     time.Duration
	cpu      float64 // of the process that answered, in nanoseconds
	behind   float64 // of the server behind it
}

func (t *tally) add(more tally) {
	t.requests += more.requests
	t.took += more.took
	t.cpu += more.cpu
	t.behind += more.behind
}

func (t *tally) each(total float64) float64 { return total / float64(t.requests) }

func (t *tally) rate() float64 { return float64(t.requests) / t.took.Seconds() }

// warm sends requests that do not count to a process, which then collects its garbage.
func (l *load) warm(p *process, d time.Duration) error {
	if _, _, err := l.run(d); err != nil {
		return fmt.Errorf("%s: %w", p.role, err)
	}
	_, err := p.ask(order{Do: "collect"})
	return err
}

// measure sends requests to a process for d.
func (l *load) measure(p *process, d time.Duration) (t tally, err error) {
	before, err := l.cpuOf(p)
	if err != nil {
		return t, err
	}
	if t.requests, t.took, err = l.run(d); err != nil {
		return t, fmt.Errorf("%s: %w", p.role, err)
	}
	after, err := l.cpuOf(p)
	t.cpu, t.behind = after.cpu-before.cpu, after.behind-before.behind
	return t, err
}

// cpuOf returns the CPU time that has been used up to now.
func (l *load) cpuOf(p *process) (t tally, err error) {
	r, err := p.ask(order{Do: "cpu"})
	if err != nil || l.behind == nil {
		return tally{cpu: r.CPU}, err
	}
	used, err := l.behind()
	return tally{cpu: r.CPU, behind: float64(used)}, err
}

func requestBytes(cookie string) []byte {
	b := []byte("GET / HTTP/1.1\r\nHost: localhost\r\nUser-Agent: bench\r\nAccept: */*\r\n")
	if cookie != "" {
		b = fmt.Appendf(b, "Cookie: %s\r\n", cookie)
	}
	return append(b, "\r\n"...)
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
