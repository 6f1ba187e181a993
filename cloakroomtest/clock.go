package cloakroomtest

import (
	"sync/atomic"
	"time"
)

// A Clock stands still until it is told to move. Give Now to everything that must agree
// about what has expired, the manager and its store:
//
//	clock := cloakroomtest.NewClock(time.Time{})
//	records := memstore.New(&memstore.Options{Now: clock.Now})
//	sessions, err := cloakroom.New(records, &cloakroom.Config{Now: clock.Now})
//
// Timers do not follow it: Config.StoreTimeout and the pauses of [cloakroom.Manager.Run]
// are real time. A test inside a bubble of testing/synctest needs no Clock.
//
// A Clock is safe for concurrent use. The zero Clock is that of NewClock(time.Time{}).
type Clock struct {
	start  time.Time
	passed atomic.Int64 // nanoseconds
}

var defaultStart = time.Date(2025, time.January, 1, 0, 0, 0, 0, time.UTC)

// NewClock returns a clock that stands at start. The zero time stands for midnight UTC of
// 1 January 2025.
func NewClock(start time.Time) *Clock {
	return &Clock{start: start.Round(0)} // without the reading of the monotonic clock
}

// Now returns the time that the clock shows.
func (c *Clock) Now() time.Time {
	start := c.start
	if start.IsZero() {
		start = defaultStart
	}
	return start.Add(time.Duration(c.passed.Load()))
}

// Advance moves the clock by d, which may be negative.
func (c *Clock) Advance(d time.Duration) { c.passed.Add(int64(d)) }
