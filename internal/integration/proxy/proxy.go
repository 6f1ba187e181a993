// Package proxy stands between a client and a server and makes the faults of a network:
// connections that are cut, refused, slow, half open, or lost with the answer.
package proxy

import (
	"bytes"
	"errors"
	"net"
	"sync"
	"testing"
	"time"
)

// A Proxy forwards TCP connections to one address. Its methods are safe for concurrent use.
type Proxy struct {
	t      testing.TB
	addr   string // of the proxy
	target string
	tasks  sync.WaitGroup

	mu       sync.Mutex
	listener net.Listener
	conns    map[*connection]bool
	delay    time.Duration
	moving   chan struct{} // closed while bytes are let through
	loss     *loss
	counts   Counts
}

// Counts is what has gone through a proxy since it was made.
type Counts struct {
	Up, Down   int64 // bytes to the server, and to the client
	RoundTrips int64 // bursts of bytes to the server that were answered by some to the client
	Accepted   int64 // connections
	Open       int   // connections now
}

// New returns a proxy for the server at addr. It ends with the test.
func New(t testing.TB, addr string) *Proxy {
	t.Helper()
	p := &Proxy{t: t, target: addr, conns: make(map[*connection]bool), moving: make(chan struct{})}
	close(p.moving)
	if err := p.listen("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	p.addr = p.listener.Addr().String()
	t.Cleanup(p.close)
	return p
}

// Addr returns where the proxy is to be reached.
func (p *Proxy) Addr() string { return p.addr }

// Counts returns what has gone through.
func (p *Proxy) Counts() Counts {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.counts.Open = len(p.conns)
	return p.counts
}

// Cut resets all connections.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		c.cut()
	}
}

// Refuse makes the proxy refuse new connections, or accept them again.
func (p *Proxy) Refuse(on bool) {
	p.t.Helper()
	p.mu.Lock()
	refuses := p.listener == nil
	if on && !refuses {
		p.listener.Close()
		p.listener = nil
	}
	p.mu.Unlock()
	if on || !refuses {
		return
	}
	var err error
	for range 100 { // a client's connection may have been given the port meanwhile
		if err = p.listen(p.addr); err == nil {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	p.t.Fatal(err)
}

// Delay makes each round trip longer by d at least. What is under way is not delayed.
func (p *Proxy) Delay(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.delay = d
}

// Stall makes connections half open, old ones and new ones: they stay, and nothing gets
// through in either direction until Stall(false), which loses nothing.
func (p *Proxy) Stall(on bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-p.moving:
		if on {
			p.moving = make(chan struct{})
		}
	default:
		if !on {
			close(p.moving)
		}
	}
}

// CutAfterRequest makes an answer get lost: of the pieces that clients send from now on
// and that hold marker, the n-th is forwarded, and when the server has begun to answer it,
// the connection is cut. The channel that is returned is closed then. A request that
// comes in several pieces counts only if the marker is in one piece; an empty one is in all.
// Another call takes the place of an earlier one that has not come to its piece.
func (p *Proxy) CutAfterRequest(n int, marker string) <-chan struct{} {
	l := &loss{left: n, marker: []byte(marker), done: make(chan struct{})}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.loss = l
	return l.done
}

// A loss is an answer that is to be lost.
type loss struct {
	left   int
	marker []byte
	done   chan struct{}
}

func (p *Proxy) listen(addr string) error {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.listener = l
	p.tasks.Go(func() { p.accept(l) })
	return nil
}

func (p *Proxy) accept(l net.Listener) {
	for {
		client, err := l.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err == nil {
			p.tasks.Go(func() { p.serve(client.(*net.TCPConn)) })
		}
	}
}

func (p *Proxy) close() {
	p.Refuse(true)
	p.Cut()
	p.tasks.Wait()
}

// A connection is two: the client's, and the one to the server.
type connection struct {
	client, server *net.TCPConn
	ended          chan struct{}
	end            sync.Once
	asked          bool  // bytes went up since bytes came down
	loses          *loss // the next answer
}

func (c *connection) cut() {
	c.end.Do(func() {
		close(c.ended)
		for _, conn := range []*net.TCPConn{c.client, c.server} {
			conn.SetLinger(0) // a reset, which loses what is under way
			conn.Close()
		}
	})
}

func (p *Proxy) serve(client *net.TCPConn) {
	server, err := net.Dial("tcp", p.target)
	if err != nil {
		client.SetLinger(0)
		client.Close()
		return
	}
	c := &connection{client: client, server: server.(*net.TCPConn), ended: make(chan struct{})}
	p.mu.Lock()
	if p.listener == nil { // refused while it was accepted
		c.cut()
	}
	p.conns[c] = true
	p.counts.Accepted++
	p.mu.Unlock()

	var directions sync.WaitGroup
	directions.Go(func() { p.forward(c, c.client, c.server, p.up) })
	directions.Go(func() { p.forward(c, c.server, c.client, p.down) })
	directions.Wait()
	c.cut()
	p.mu.Lock()
	delete(p.conns, c)
	p.mu.Unlock()
}

// forward moves bytes until one side ends, and then says so to the other side.
func (p *Proxy) forward(c *connection, from, to *net.TCPConn, pass func(*connection, []byte) (time.Duration, bool)) {
	piece := make([]byte, 64<<10)
	for {
		n, err := from.Read(piece)
		if n > 0 {
			delay, ok := pass(c, piece[:n])
			if !ok || !p.hold(c, delay) {
				c.cut()
				return
			}
			if _, err := to.Write(piece[:n]); err != nil {
				c.cut()
				return
			}
		}
		if err != nil {
			if !p.hold(c, 0) || to.CloseWrite() != nil {
				c.cut()
			}
			return
		}
	}
}

// hold waits for the delay and for the end of a stall, and says whether the connection
// has lasted.
func (p *Proxy) hold(c *connection, delay time.Duration) bool {
	if delay > 0 {
		select {
		case <-time.After(delay):
		case <-c.ended:
			return false
		}
	}
	p.mu.Lock()
	moving := p.moving
	p.mu.Unlock()
	select {
	case <-moving:
		return true
	case <-c.ended:
		return false
	}
}

// up counts a piece that goes to the server.
func (p *Proxy) up(c *connection, piece []byte) (delay time.Duration, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.counts.Up += int64(len(piece))
	c.asked = true
	if p.loss != nil && bytes.Contains(piece, p.loss.marker) {
		if p.loss.left--; p.loss.left == 0 {
			c.loses, p.loss = p.loss, nil
		}
	}
	return p.delay, true
}

// down counts a piece that goes to the client, and tells when it has to be lost.
func (p *Proxy) down(c *connection, piece []byte) (delay time.Duration, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if c.loses != nil {
		c.cut()
		close(c.loses.done)
		return 0, false
	}
	p.counts.Down += int64(len(piece))
	if c.asked {
		p.counts.RoundTrips++
		c.asked = false
	}
	return 0, true
}
