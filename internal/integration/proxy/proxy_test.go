package proxy_test

import (
	"bufio"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom/internal/integration/proxy"
)

// An echo answers each line with the same line, and remembers them.
type echo struct {
	net.Listener
	mu    sync.Mutex
	lines []string
}

func newEcho(t *testing.T) *echo {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	e := &echo{Listener: l}
	var conns sync.WaitGroup
	conns.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			conns.Go(func() { e.serve(conn) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		conns.Wait() // the proxy, made later, has cut them by now
	})
	return e
}

func (e *echo) serve(conn net.Conn) {
	defer conn.Close()
	for r := bufio.NewReader(conn); ; {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		e.mu.Lock()
		e.lines = append(e.lines, line)
		e.mu.Unlock()
		io.WriteString(conn, line)
	}
}

func (e *echo) heard() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return strings.Join(e.lines, "")
}

func setup(t *testing.T) (*echo, *proxy.Proxy) {
	e := newEcho(t)
	return e, proxy.New(t, e.Addr().String())
}

// A client talks in lines.
type client struct {
	net.Conn
	t *testing.T
	r *bufio.Reader
}

func dial(t *testing.T, p *proxy.Proxy) *client {
	t.Helper()
	conn, err := net.Dial("tcp", p.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetReadDeadline(time.Now().Add(time.Minute))
	return &client{conn, t, bufio.NewReader(conn)}
}

func (c *client) send(line string) {
	c.t.Helper()
	if _, err := io.WriteString(c, line+"\n"); err != nil {
		c.t.Fatal(err)
	}
}

func (c *client) expect(line string) {
	c.t.Helper()
	if got, err := c.r.ReadString('\n'); err != nil || got != line+"\n" {
		c.t.Fatalf("got %q, %v, want %q", got, err, line)
	}
}

func (c *client) expectEnd() {
	c.t.Helper()
	if got, err := c.r.ReadString('\n'); got != "" || !errors.Is(err, syscall.ECONNRESET) && err != io.EOF {
		c.t.Fatalf("got %q, %v, want the end of the connection", got, err)
	}
}

func TestBytesGoThroughAndAreCounted(t *testing.T) {
	_, p := setup(t)
	c := dial(t, p)
	for _, line := range []string{"one", "three"} {
		c.send(line)
		c.expect(line)
	}
	want := proxy.Counts{Up: 10, Down: 10, RoundTrips: 2, Accepted: 1, Open: 1}
	if got := p.Counts(); got != want {
		t.Errorf("counts are %+v, want %+v", got, want)
	}
	large := strings.Repeat("x", 1<<20)
	sent := make(chan error)
	go func() {
		_, err := io.WriteString(c, large+"\n")
		sent <- err
	}()
	c.expect(large)
	if err := <-sent; err != nil {
		t.Error(err)
	}
	c.Close()
	eventually(t, func() bool { return p.Counts().Open == 0 })
}

// eventually waits for what a closed connection brings about on its other side.
func eventually(t *testing.T, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it never came")
		}
	}
}

func TestAHalfClosedClientStillGetsItsAnswer(t *testing.T) {
	_, p := setup(t)
	c := dial(t, p)
	c.send("last")
	if err := c.Conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	c.expect("last")
	c.expectEnd()
}

func TestCutEndsWhatIsOpenAndNothingElse(t *testing.T) {
	_, p := setup(t)
	a, b := dial(t, p), dial(t, p)
	for _, c := range []*client{a, b} {
		c.send("before")
		c.expect("before")
	}
	p.Cut()
	a.expectEnd()
	b.expectEnd()
	eventually(t, func() bool { return p.Counts().Open == 0 })
	c := dial(t, p)
	c.send("after")
	c.expect("after")
}

func TestRefuseKeepsWhatIsOpen(t *testing.T) {
	_, p := setup(t)
	c := dial(t, p)
	c.send("before")
	c.expect("before")
	for range 2 { // twice is the same as once
		p.Refuse(true)
		if conn, err := net.Dial("tcp", p.Addr()); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Fatalf("dial: %v, %v, want it refused", conn, err)
		}
	}
	c.send("during")
	c.expect("during")
	for range 2 {
		p.Refuse(false)
		other := dial(t, p)
		other.send("after")
		other.expect("after")
	}
}

func TestAServerThatIsAwayCutsTheClient(t *testing.T) {
	e, p := setup(t)
	e.Close()
	conn, err := net.Dial("tcp", p.Addr()) // can be late for its own reset
	if err == nil {
		_, err = conn.Read(make([]byte, 1))
		conn.Close()
	}
	if !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("got %v, want a reset", err)
	}
	if got := p.Counts(); got != (proxy.Counts{}) {
		t.Errorf("counts are %+v, want none", got)
	}
}

func TestDelayMakesRoundTripsLonger(t *testing.T) {
	_, p := setup(t)
	c := dial(t, p)
	const delay = 50 * time.Millisecond
	p.Delay(delay)
	begin := time.Now()
	c.send("slow")
	c.expect("slow")
	if took := time.Since(begin); took < delay {
		t.Errorf("the answer took %s, want %s at least", took, delay)
	}
	p.Delay(time.Hour)
	c.send("never")
	eventually(t, func() bool { return p.Counts().Up == int64(len("slow\nnever\n")) })
	p.Cut() // does not wait for the hour
	c.expectEnd()
}

func TestStallHoldsBothDirectionsAndLosesNothing(t *testing.T) {
	e, p := setup(t)
	old := dial(t, p)
	old.send("before")
	old.expect("before")
	p.Stall(true)
	p.Stall(true) // twice is the same as once
	fresh := dial(t, p)
	for _, c := range []*client{old, fresh} {
		c.send("during")
		c.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
		if got, err := c.r.ReadString('\n'); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("got %q, %v from a stalled connection", got, err)
		}
		c.SetReadDeadline(time.Now().Add(time.Minute))
	}
	if got := e.heard(); got != "before\n" {
		t.Errorf("the server heard %q", got)
	}
	p.Stall(false)
	p.Stall(false)
	old.expect("during")
	fresh.expect("during")
}

func TestCutAfterRequestLosesTheAnswerAndNotTheRequest(t *testing.T) {
	for _, tc := range []struct {
		name   string
		n      int
		marker string
		lines  []string // the last one is the one whose answer is lost
	}{
		{"next", 1, "", []string{"a"}},
		{"third", 3, "", []string{"a", "b", "c"}},
		{"marked", 1, "b", []string{"a", "abc"}},
		{"second marked", 2, "b", []string{"b", "a", "b"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			e, p := setup(t)
			c, other := dial(t, p), dial(t, p)
			done := p.CutAfterRequest(tc.n, tc.marker)
			last := len(tc.lines) - 1
			for _, line := range tc.lines[:last] {
				c.send(line)
				c.expect(line)
			}
			select {
			case <-done:
				t.Fatal("it is done too early")
			default:
			}
			c.send(tc.lines[last])
			c.expectEnd()
			<-done
			if got, want := e.heard(), strings.Join(tc.lines, "\n")+"\n"; got != want {
				t.Errorf("the server heard %q, want %q", got, want)
			}
			other.send(tc.lines[last])
			other.expect(tc.lines[last])
		})
	}
}
