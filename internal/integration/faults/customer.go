package faults

import "sync"

// shop is one round of a customer: a new session, a sign-in, a renewed secret, and a
// sign-out that overtakes a request.
func (c *crowd) shop(m *member) {
	v := &visitor{site: c.site}
	a, ok := c.insist(m, v, "/add")
	if !ok {
		return
	}
	for _, path := range []string{"/signin?owner=ann", "/renew"} {
		if !c.change(m, v, path, a.id) {
			return
		}
	}
	old := &visitor{c.site, v.cookie}
	var late sync.WaitGroup
	late.Go(func() { c.get("/add", old.cookie) })
	_, ok = c.insist(m, v, "/signout")
	late.Wait()
	if !ok {
		return
	}
	if a, ok := c.insist(m, old, "/read"); ok && a.id != "none" {
		c.t.Errorf("a session is back after its sign-out: %+v", a)
	}
	c.mu.Lock()
	c.ended = append(c.ended, old.cookie)
	c.mu.Unlock()
}

// change asks for a page that replaces the secret, and reports whether the session goes
// on. When the store could not say, the client has to get in with the cookie it has.
func (c *crowd) change(m *member, v *visitor, path, id string) bool {
	before := v.cookie
	in := v.visit(m, path).status == 200 && v.cookie != before
	if !in {
		a, ok := c.insist(m, v, "/read")
		if !ok {
			return false
		}
		in = a.id == id
	}
	if !in {
		c.mu.Lock()
		c.locked = append(c.locked, path)
		c.mu.Unlock()
	}
	return in
}
