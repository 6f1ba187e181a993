package cloakroomtest_test

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/cloakroomtest"
)

func TestClock(t *testing.T) {
	start := time.Date(2030, 5, 6, 7, 8, 9, 0, time.UTC)
	c := cloakroomtest.NewClock(start)
	c.Advance(time.Hour)
	c.Advance(-time.Minute)
	if got := c.Now(); !got.Equal(start.Add(59 * time.Minute)) {
		t.Errorf("%v", got)
	}
	var zero cloakroomtest.Clock
	if a, b := zero.Now(), cloakroomtest.NewClock(time.Time{}).Now(); !a.Equal(b) || a.IsZero() {
		t.Errorf("the zero Clock shows %v, a new one %v", a, b)
	}
}

func TestAClockServesManyGoroutines(t *testing.T) {
	c := cloakroomtest.NewClock(time.Time{})
	start := c.Now()
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			for range 100 {
				c.Advance(time.Second)
				c.Now()
			}
		})
	}
	wait.Wait()
	if passed := c.Now().Sub(start); passed != 800*time.Second {
		t.Errorf("%v passed", passed)
	}
}

func TestABubbleNeedsNoClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newManager(t, &cloakroom.Config{IdleTimeout: time.Hour})
		r := newRequest()
		cloakroomtest.SignedIn(t, m, r, "u1", nil)
		time.Sleep(time.Hour - time.Second)
		if owner := see(m, r).Owner(); owner != "u1" {
			t.Errorf("owner %q before the idle timeout", owner)
		}
		time.Sleep(time.Hour)
		if !see(m, r).IsNew() {
			t.Error("still there after the idle timeout")
		}
	})
}
