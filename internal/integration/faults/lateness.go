package faults

import (
	"sync/atomic"
	"time"
)

// A lateness measures how long the machine has kept this process from running: what it
// does so late is not the store's fault.
type lateness struct {
	total atomic.Int64 // nanoseconds
	last  atomic.Int64 // when it was measured last
	stop  chan struct{}
}

const (
	tick      = 5 * time.Millisecond
	tolerance = 10 * time.Millisecond // less is nothing
	excuse    = time.Second           // more excuses nothing
)

func newLateness() *lateness {
	l := &lateness{stop: make(chan struct{})}
	l.last.Store(time.Now().UnixNano())
	go func() {
		for {
			select {
			case <-l.stop:
				return
			case <-time.After(tick):
			}
			now := time.Now().UnixNano()
			l.total.Add(l.since(now))
			l.last.Store(now)
		}
	}()
	return l
}

// since returns by how much a measurement at now is late.
func (l *lateness) since(now int64) int64 {
	late := now - l.last.Load() - int64(tick)
	if late < int64(tolerance) {
		return 0
	}
	return late
}

// sum returns how late everything has been so far.
func (l *lateness) sum() time.Duration {
	return time.Duration(l.total.Load() + l.since(time.Now().UnixNano()))
}
