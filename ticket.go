package cloakroom

// ticket returns what the client of a stored session is to carry.
func (s *Session) ticket() Ticket {
	s.mu.Lock()
	token, h := s.token, s.meta
	s.mu.Unlock()
	t := Ticket{Token: s.m.cfg.Tokens.Format(token), Send: true}
	if s.m.persistent(h.limits) {
		t.Expires = millis(s.m.deadline(&h))
	}
	return t
}

// send hands the client its ticket.
func (s *Session) send() {
	s.deliver(s.ticket())
	s.mu.Lock()
	s.resend, s.presents = false, true
	s.mu.Unlock()
}

// deliver gives a ticket to the response, or keeps it for Manager.Commit.
func (s *Session) deliver(t Ticket) {
	if s.x != nil {
		s.x.owe(t)
		return
	}
	s.out = &t
}
