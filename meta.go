package cloakroom

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
)

// The fields of a record that belong to the manager. Each is one field of its own, so
// that a touch can never undo a renew. Times are milliseconds since 1970.
const (
	fieldCreated  = "$created"  // when the session was stored first
	fieldEpoch    = "$epoch"    // grows with every sign-in; absent before the first one on a stored session
	fieldLimits   = "$limits"   // what the session has of its own; absent for the manager's defaults
	fieldPrevious = "$previous" // the hash before the last renewal and until when it is remembered
	fieldSecret   = "$secret"   // SHA-256 of the secret
	fieldSeen     = "$seen"     // last use; absent until the first touch
	fieldStart    = "$start"    // when the lifetime began; absent when that is $created
)

// reserved reports whether a field belongs to the manager.
func reserved(name string) bool { return strings.HasPrefix(name, "$") }

// previousGrace is how long the hash of a replaced secret is remembered, so that
// requests under way with it do not send a cookie over the new one.
const previousGrace = time.Minute

// A meta is what the manager's own fields say of times. The others are looked up where
// they are needed, so that a session is small.
type meta struct {
	created, start, seen int64
	limits               limits
}

// limits are a session's own settings; zero values stand for the manager's.
type limits struct {
	idle, lifetime int64 // milliseconds; noIdle for none
	persistent     tristate
}

const noIdle = -1

type tristate int8

const (
	unset tristate = iota
	yes
	no
)

// parseMeta reads the manager's fields. An error means that the record cannot be one
// of ours, and names the field without its value.
func parseMeta(fields store.Fields) (h meta, err error) {
	for name, value := range fields.All() {
		if name >= "%" { // what sorts behind "$..." is the program's
			break
		}
		ok := true
		switch name {
		case fieldCreated:
			h.created, ok = parseMillis(value)
		case fieldEpoch:
			_, ok = parseMillis(value)
		case fieldLimits:
			h.limits, ok = parseLimits(value)
		case fieldPrevious:
			_, _, ok = parsePrevious(value)
		case fieldSecret:
			_, ok = parseHash(value)
		case fieldSeen:
			h.seen, ok = parseMillis(value)
		case fieldStart:
			h.start, ok = parseMillis(value)
		}
		if !ok {
			return meta{}, fmt.Errorf("the field %s is malformed", name)
		}
	}
	if h.created == 0 {
		return meta{}, fmt.Errorf("the field %s is missing", fieldCreated)
	}
	h.start = max(h.start, h.created)
	h.seen = max(h.seen, h.start)
	return h, nil
}

// maxMillis is the year 9999: what is later is no time that a manager wrote.
const maxMillis = 253402300799999

// maxLimit is as long as a time.Duration can be.
const maxLimit = math.MaxInt64 / int64(time.Millisecond)

func parseMillis(text string) (int64, bool) {
	n, err := strconv.ParseInt(text, 10, 64)
	return n, err == nil && n > 0 && n <= maxMillis
}

func parseHash(text string) (string, bool) {
	if len(text) != hashLen+2 || text[0] != '"' || text[len(text)-1] != '"' {
		return "", false
	}
	return text[1 : len(text)-1], true
}

// storedSecret returns what $secret holds for a secret.
func storedSecret(secret string) string {
	hash := hashSecret(secret)
	return `"` + string(hash[:]) + `"`
}

// opensWith reports whether secret is that of the record.
func opensWith(fields store.Fields, secret string) bool {
	text, _ := fields.Get(fieldSecret)
	return isSecret(text, secret)
}

// isSecret reports whether text is what storedSecret makes of secret.
func isSecret(text, secret string) bool {
	stored, ok := parseHash(text)
	if !ok {
		return false
	}
	hash := hashSecret(secret)
	return secretMatches(&hash, stored)
}

// openedWith reports whether secret was that of the record a moment before now.
func openedWith(fields store.Fields, secret string, now int64) bool {
	text, _ := fields.Get(fieldPrevious)
	stored, until, ok := parsePrevious(text)
	if !ok || now >= until {
		return false
	}
	hash := hashSecret(secret)
	return secretMatches(&hash, stored)
}

// same reports whether a field is the same in both.
func same(name string, a, b store.Fields) bool {
	x, inA := a.Get(name)
	y, inB := b.Get(name)
	return inA == inB && x == y
}

// The previous hash is a JSON array: the hash, and until when.
func parsePrevious(text string) (hash string, until int64, ok bool) {
	inner, ok := strings.CutPrefix(text, "[")
	if !ok {
		return "", 0, false
	}
	quoted, number, ok := strings.Cut(strings.TrimSuffix(inner, "]"), ",")
	if !ok || len(inner) == len(strings.TrimSuffix(inner, "]")) {
		return "", 0, false
	}
	if hash, ok = parseHash(quoted); !ok {
		return "", 0, false
	}
	until, ok = parseMillis(number)
	return hash, until, ok
}

func formatPrevious(secret string, until int64) string {
	return "[" + secret + "," + strconv.FormatInt(until, 10) + "]"
}

// storedLimits is the JSON form.
type storedLimits struct {
	Idle       int64 `json:"idle,omitempty"`
	Lifetime   int64 `json:"lifetime,omitempty"`
	Persistent *bool `json:"persistent,omitempty"`
}

func parseLimits(text string) (limits, bool) {
	s, err := decode[storedLimits](text)
	if err != nil || s.Idle < noIdle || s.Lifetime < 0 || s.Idle > maxLimit || s.Lifetime > maxLimit {
		return limits{}, false
	}
	l := limits{idle: s.Idle, lifetime: s.Lifetime}
	if s.Persistent != nil {
		l.persistent = no
		if *s.Persistent {
			l.persistent = yes
		}
	}
	return l, true
}

func (l limits) format() (string, error) {
	s := storedLimits{Idle: l.idle, Lifetime: l.lifetime}
	if l.persistent != unset {
		persistent := l.persistent == yes
		s.Persistent = &persistent
	}
	return encode(s)
}

// idleTimeout returns the timeout in force; NoTimeout for none.
func (m *Manager) idleTimeout(l limits) time.Duration {
	switch l.idle {
	case 0:
		return m.cfg.IdleTimeout
	case noIdle:
		return NoTimeout
	}
	return time.Duration(l.idle) * time.Millisecond
}

func (m *Manager) lifetime(l limits) time.Duration {
	if l.lifetime == 0 {
		return m.cfg.Lifetime
	}
	return time.Duration(l.lifetime) * time.Millisecond
}

func (s *Session) persistent(l limits) bool {
	if l.persistent == unset {
		return !s.browser
	}
	return l.persistent == yes
}

// touchInterval follows a session's own idle timeout.
func (m *Manager) touchInterval(l limits) time.Duration {
	if l.idle > 0 {
		return m.idleTimeout(l) / touchFraction
	}
	return m.cfg.TouchInterval
}

// deadline returns when the lifetime ends, in milliseconds.
func (m *Manager) deadline(h *meta) int64 {
	return min(h.start+m.lifetime(h.limits).Milliseconds(), maxMillis)
}

// expiry returns when the session ends if it is not used any more after seen.
func (m *Manager) expiry(h *meta, seen int64) int64 {
	end := m.deadline(h)
	if idle := m.idleTimeout(h.limits); idle != NoTimeout {
		end = min(end, seen+idle.Milliseconds())
	}
	return end
}

func (m *Manager) touchDue(h *meta, now int64) bool {
	interval := m.touchInterval(h.limits)
	return interval > 0 && now-h.seen >= interval.Milliseconds()
}
