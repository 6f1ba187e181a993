package demo

import (
	"fmt"
	"net/http"
	"time"

	"github.com/cloakroom-go/cloakroom"
)

// idleTimeout is that of sessions which have none of their own.
const idleTimeout = 24 * time.Hour

// A Timeout is one that the visitor may choose.
type Timeout struct {
	Value, Label string
	idle         time.Duration // 0 gives a session back that of the Config
	Chosen       bool
}

// timeouts are those to choose from, with the one in force marked.
func timeouts(s *cloakroom.Session) []Timeout {
	all := []Timeout{
		{Value: "30s", Label: "30 seconds", idle: 30 * time.Second},
		{Value: "5m", Label: "5 minutes", idle: 5 * time.Minute},
		{Value: "default", Label: "24 hours, the default"},
	}
	for i, t := range all {
		all[i].Chosen = s.IdleTimeout() == t.idle || t.idle == 0 && s.IdleTimeout() == idleTimeout
	}
	return all
}

// setTimeout gives the session the idle timeout that was chosen, which counts from now.
func (d *Site) setTimeout(w http.ResponseWriter, r *http.Request, s *cloakroom.Session) {
	if err := r.ParseForm(); err == nil {
		for _, t := range timeouts(s) {
			if t.Value == r.PostForm.Get("idle") {
				s.SetIdleTimeout(t.idle)
				s.ForceSave() // also of a session with nothing else in it
				done(w, r, "timeout")
				return
			}
		}
	}
	v := d.view(w, r, s)
	v.TimeoutError = "Choose one of the three."
	d.render(w, http.StatusUnprocessableEntity, "page.html", v)
}

// use counts as a use of the session, which other requests do at a tenth of its timeout.
func (d *Site) use(w http.ResponseWriter, r *http.Request, s *cloakroom.Session) {
	s.Touch()
	done(w, r, "timeout")
}

// A Countdown is how long a session lasts if nobody uses it. All times are those of the
// server, and as stored: looking at the page is no use.
type Countdown struct {
	End        time.Time
	Left       time.Duration
	Whole      time.Duration // what there was at the last use
	ByLifetime bool          // the lifetime ends it, whether it is used or not
}

func countdown(s *cloakroom.Session, end, now time.Time) Countdown {
	c := Countdown{End: s.LastSeenAt().Add(s.IdleTimeout())}
	if !c.End.Before(end) {
		c.End, c.ByLifetime = end, true
	}
	c.Left, c.Whole = max(c.End.Sub(now), 0), c.End.Sub(s.LastSeenAt())
	return c
}

// Clock is what is left, in hours, minutes and seconds.
func (c Countdown) Clock() string {
	seconds := int((c.Left + time.Second - 1) / time.Second)
	if seconds < 3600 {
		return fmt.Sprintf("%d:%02d", seconds/60, seconds%60)
	}
	return fmt.Sprintf("%d:%02d:%02d", seconds/3600, seconds/60%60, seconds%60)
}

// Last says what has happened when nothing is left.
func (c Countdown) Last() string {
	if c.ByLifetime {
		return "its lifetime was over"
	}
	return "it was not used for " + span(c.Whole)
}
