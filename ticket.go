package cloakroom

import "context"

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

// send hands the client its ticket, or keeps it for Manager.Commit.
func (s *Session) send() error {
	if err := s.deliver(s.ticket()); err != nil {
		return err
	}
	s.mu.Lock()
	s.resend, s.presents = false, true
	s.mu.Unlock()
	return nil
}

func (s *Session) deliver(t Ticket) error {
	if s.x == nil {
		s.out = t
		return nil
	}
	if m := s.m; m.cookie != nil && m.cookie.secure && !t.Clear && plainHTTP(&s.x.req) {
		m.warn(context.WithoutCancel(s.ctx), "a Secure session cookie was sent over plain HTTP, and browsers will drop it",
			"serve HTTPS, have the proxy send X-Forwarded-Proto, or set Config.Insecure on a development machine")
	}
	return s.m.cfg.Transport.Send(s.x.w, &s.x.req, t)
}
