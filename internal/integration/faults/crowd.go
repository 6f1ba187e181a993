package faults

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// recovery is how long a store may take until it serves again without help.
var recovery = 15 * time.Second

// A crowd visits a site, and checks what it sees, until it is sent home.
type crowd struct {
	*site
	keeps   bool // what is acknowledged has to stay, whatever happens meanwhile
	members []*member
	shared  []*atomic.Pointer[tally]

	stop     chan struct{}
	tasks    sync.WaitGroup
	sendHome func() // stops all, and returns when nobody is there

	mu     sync.Mutex
	ended  []string // cookies of sessions that have acknowledged their end
	locked []string // what clients asked for who cannot get in any more
	long   bool     // the store was away for longer than a request waits
}

// A member of the crowd does one thing again and again.
type member struct {
	name           string
	adds           bool
	served, failed atomic.Int64 // answers: 200, and 503
}

// gather sends the crowd in. keeps is false for a server that may forget.
func (s *site) gather(keeps bool) *crowd {
	s.t.Helper()
	c := &crowd{site: s, keeps: keeps, stop: make(chan struct{})}
	c.sendHome = sync.OnceFunc(func() {
		close(c.stop)
		c.tasks.Wait()
	})
	s.t.Cleanup(c.sendHome) // when the test ends early
	for i := range 3 {
		v, a := s.arrive()
		session := new(atomic.Pointer[tally])
		session.Store(newTally(v.cookie, a.id))
		c.shared = append(c.shared, session)
		for range 2 {
			c.send(&member{name: fmt.Sprintf("adder %d", i), adds: true}, func(m *member) { c.add(m, session) })
		}
	}
	for i := range 2 {
		c.send(&member{name: fmt.Sprintf("customer %d", i)}, c.shop)
	}
	c.send(&member{name: "stranger"}, c.stroll)
	return c
}

func (c *crowd) send(m *member, visit func(*member)) {
	c.members = append(c.members, m)
	c.tasks.Go(func() {
		for {
			select {
			case <-c.stop:
				return
			default:
				visit(m)
			}
		}
	})
}

// leave sends the crowd home and looks at what the sessions hold in the end.
func (c *crowd) leave() {
	c.t.Helper()
	c.sendHome()
	for _, session := range c.shared {
		c.audit(session.Load())
	}
	// Who was not told the new secret, and cannot learn whether there is one while a request
	// waits, is signed out by it. In a shorter outage nobody is.
	for _, path := range c.locked {
		if c.keeps && !c.long {
			c.t.Errorf("%s: the client is locked out: the old secret opens nothing, and there was no new cookie", path)
		}
	}
	for _, cookie := range c.ended {
		(&visitor{c.site, cookie}).expect("/read", answer{id: "none"})
	}
}

// serve waits until every member has been served n more times.
func (c *crowd) serve(n int64) {
	c.t.Helper()
	c.each("been served", func(m *member) func() bool {
		goal := m.served.Load() + n
		return func() bool { return m.served.Load() >= goal }
	})
}

// without takes the store away for some time, and at least until everybody has noticed who
// comes for something new.
func (c *crowd) without(away, back func(), least time.Duration) {
	c.t.Helper()
	begin := time.Now()
	away()
	c.each("met the outage", func(m *member) func() bool {
		goal := m.failed.Load() + 1
		return func() bool { return !m.adds || m.failed.Load() >= goal }
	})
	time.Sleep(least - time.Since(begin))
	back()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.long = c.long || time.Since(begin) > storeTimeout/2
}

func (c *crowd) each(what string, reached func(*member) func() bool) {
	c.t.Helper()
	var goals []func() bool
	for _, m := range c.members {
		goals = append(goals, reached(m))
	}
	for i, deadline := 0, time.Now().Add(recovery); i < len(goals); i++ {
		if !within(time.Until(deadline), goals[i]) {
			c.t.Errorf("after %v a member of the crowd has not %s: %s", recovery, what, c.members[i].name)
		}
	}
}

// visit asks for a page on behalf of a member.
func (v *visitor) visit(m *member, path string) answer {
	a := v.ask(path)
	switch a.status {
	case 200:
		m.served.Add(1)
	default:
		m.failed.Add(1)
		time.Sleep(2 * time.Millisecond) // nobody comes back at once
	}
	return a
}

// insist visits until the store can say, or the crowd leaves.
func (c *crowd) insist(m *member, v *visitor, path string) (a answer, ok bool) {
	for {
		if a = v.visit(m, path); a.status == 200 {
			return a, true
		}
		select {
		case <-c.stop:
			return a, false
		default:
		}
	}
}

// A tally is what is known of the count in a session that several members add to.
type tally struct {
	cookie, id   string
	started      atomic.Int64 // Updates asked for: more cannot have happened
	acknowledged atomic.Int64 // Updates answered with 200: fewer must not be there
}

func newTally(cookie, id string) *tally {
	y := &tally{cookie: cookie, id: id}
	y.started.Store(1)
	y.acknowledged.Store(1)
	return y
}

func (c *crowd) add(m *member, session *atomic.Pointer[tally]) {
	y := session.Load()
	floor := y.acknowledged.Load()
	y.started.Add(1)
	v := &visitor{c.site, y.cookie}
	a := v.visit(m, "/add")
	switch {
	case a.status != 200:
		return
	case a.id != y.id:
		if c.keeps {
			c.t.Errorf("a session is lost: %s has become %s", y.id, a.id)
		}
		session.CompareAndSwap(y, newTally(v.cookie, a.id))
		return
	}
	y.acknowledged.Add(1)
	c.check(y, int64(a.count), floor+1)
}

// check compares a count with what is known.
func (c *crowd) check(y *tally, count, floor int64) {
	if started := y.started.Load(); count > started {
		c.t.Errorf("an Update has happened twice: the count is %d after %d of them", count, started)
	}
	if c.keeps && count < floor {
		c.t.Errorf("an acknowledged Update is lost: the count is %d after %d of them", count, floor)
	}
}

// audit reads a session when all is over.
func (c *crowd) audit(y *tally) {
	c.t.Helper()
	a := (&visitor{c.site, y.cookie}).insist("/read")
	if a.id == y.id {
		c.check(y, int64(a.count), y.acknowledged.Load())
	} else if c.keeps {
		c.t.Errorf("a session is lost: %s", y.id)
	}
}

// stroll is what people do who are not signed in: nothing concerns them.
func (c *crowd) stroll(m *member) {
	v := &visitor{c.site, c.shared[0].Load().cookie}
	for _, a := range []answer{c.get("/plain", v.cookie), c.get("/plain", ""), c.get("/read", "")} {
		if a.status != 200 {
			c.t.Errorf("a request that needs no session got the status %d", a.status)
		}
	}
	m.served.Add(1)
	time.Sleep(2 * time.Millisecond)
}
