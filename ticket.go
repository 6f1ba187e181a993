package cloakroom

// ticket returns what the client of a stored session is to carry.
func (s *Session) ticket(token Token, h *meta) Ticket {
	t := Ticket{Token: s.m.cfg.Tokens.Format(token), Send: true}
	if s.persistent(h.limits) {
		t.Expires = millis(s.m.deadline(h))
	}
	return t
}

// send hands the client the ticket of the session that was saved, unless another one has
// taken its place meanwhile.
func (op *operation) send() {
	s := op.s
	t := s.ticket(op.token, &op.next)
	s.mu.Lock()
	current := s.begun == op.begun
	if current {
		s.resend, s.rolled, s.presents = false, true, true
	}
	s.mu.Unlock()
	if current {
		s.deliver(t)
	}
}

// withdraw takes back what an earlier Save of this request had for the client, and has not
// been sent: it opens nothing any more, and would overwrite a token that does.
func (s *Session) withdraw() {
	if s.x != nil {
		s.x.withdraw()
		return
	}
	s.out = nil
}

// deliver gives a ticket to the response, or keeps it for Manager.Commit.
func (s *Session) deliver(t Ticket) {
	if s.x != nil {
		s.x.owe(t)
		return
	}
	s.out = &t
}
