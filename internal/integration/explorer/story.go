package explorer

import (
	"errors"
	"fmt"
	"strings"

	"github.com/cloakroom-go/cloakroom"
)

// The report: one line for each step, with who did what, and what came of it.

// name is a short name for a key, in the order in which keys appear.
func (s *schedule) name(key string) string {
	if s.names == nil {
		return key
	}
	if _, ok := s.names[key]; !ok {
		s.names[key] = fmt.Sprintf("S%d", len(s.names)+1)
	}
	return s.names[key]
}

// tokenName names a token after its session and its number among those of the session.
func (s *schedule) tokenName(token string) string {
	if token == "" {
		return "no cookie"
	}
	n := 1
	for _, t := range s.tokens {
		if t == token {
			break
		}
		if t[:idLength] == token[:idLength] {
			n++
		}
	}
	return fmt.Sprintf("cookie %s/%d", s.name(token[:idLength]), n)
}

func (s *schedule) holds(c client) string {
	return fmt.Sprintf("%v holds %s", c, s.tokenName(s.jars[c]))
}

// tell writes a line about the step just taken.
func (s *schedule) tell(r *request, operation, result string) {
	if s.told == nil {
		return
	}
	fmt.Fprintf(s.told, "%3d. %-36s %s", s.step, r.name, operation)
	if result != "" {
		s.told.WriteString(" -> " + result)
	}
	s.told.WriteString("\n")
}

// tellOutcome writes what the request was answered.
func (s *schedule) tellOutcome(r *request, o outcome) {
	if s.told == nil || s.step == 0 {
		return
	}
	var said []string
	switch reason, names := o.dropped(); {
	case o.err != nil && !errors.Is(o.err, cloakroom.ErrEnded):
		said = append(said, o.err.Error())
	case reason != "":
		said = append(said, fmt.Sprintf("dropped %s: %s", strings.Join(names, ", "), reason))
	case o.shown.id == "":
		said = append(said, "an empty session")
	default:
		said = append(said, fmt.Sprintf("%s of %q, %v", s.name(o.shown.id), o.shown.owner, o.shown.content))
	}
	if o.renewLost() {
		said = append(said, "the renewal lost")
	}
	if o.answer.clear {
		said = append(said, "the response clears the cookie")
	} else if o.answer.token != "" {
		said = append(said, "the response has a cookie")
	}
	did := ""
	if len(o.did) > 0 {
		did = program(o.did).String() + "; "
	}
	fmt.Fprintf(s.told, "%5s%-36s   %s%s: %s\n", "", "", did, o.kind, strings.Join(said, "; "))
}

func (s *schedule) story() string {
	if s.told == nil {
		return ""
	}
	return s.told.String()
}
