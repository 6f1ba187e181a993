package cloakroom

import "log/slog"

// What is printed or logged by mistake shall not sign anybody in: these types print
// without their secrets, whatever the verb.

// String names the session by its public ID.
func (s *Session) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return "session " + s.token.Key
}

// GoString is String.
func (s *Session) GoString() string { return s.String() }

// LogValue is String, for package slog.
func (s *Session) LogValue() slog.Value { return slog.StringValue(s.String()) }

// String shows the key and hides the secret.
func (t Token) String() string { return "token of " + t.Key }

// GoString is String.
func (t Token) GoString() string { return t.String() }

// LogValue is String, for package slog.
func (t Token) LogValue() slog.Value { return slog.StringValue(t.String()) }

// String hides the token.
func (t Ticket) String() string {
	switch {
	case t.Clear:
		return "ticket that clears"
	case t.Token == "":
		return "no ticket"
	}
	return "ticket"
}

// GoString is String.
func (t Ticket) GoString() string { return t.String() }

// LogValue is String, for package slog.
func (t Ticket) LogValue() slog.Value { return slog.StringValue(t.String()) }
