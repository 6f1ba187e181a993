package cloakroom

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"
)

const (
	sweepInterval = time.Minute
	sweepBatch    = 1000
	sweepPause    = 50 * time.Millisecond
)

// Run removes expired sessions from the store, about once a minute and in batches, until
// ctx ends; then it returns nil. Expired sessions are refused with or without it, and it
// may run on every node. With a store that expires records by itself it only waits.
func (m *Manager) Run(ctx context.Context) error {
	if m.sweeper == nil {
		<-ctx.Done()
		return nil
	}
	// Nodes that were started together shall not sweep together.
	wait := time.Duration(rand.Int64N(int64(sweepInterval)))
	for {
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-timer.C:
		}
		if m.sweep(ctx) {
			wait = sweepPause // more is due; requests go first
		} else {
			wait = sweepInterval*3/4 + time.Duration(rand.Int64N(int64(sweepInterval/2)))
		}
	}
}

// sweep removes one batch, and reports whether more is due.
func (m *Manager) sweep(ctx context.Context) (more bool) {
	n, err := m.sweeper.Sweep(ctx, sweepBatch)
	if err != nil {
		if ctx.Err() == nil {
			m.observe(ctx, Outage{Op: "sweep", Err: fmt.Errorf("cloakroom: sweep: %w", err)})
		}
		return false
	}
	return n >= sweepBatch
}

// SweepLottery has requests sweep, for programs that cannot run [Manager.Run]: of every Of
// requests that load a session, Wins on average remove up to a thousand expired ones when
// their handler has returned. SweepLottery{2, 100} is what node-session does.
type SweepLottery struct{ Wins, Of int }

func (l SweepLottery) check() error {
	if l.Wins < 0 || l.Of < 0 || l.Wins > l.Of {
		return fmt.Errorf("cloakroom: Config.SweepLottery is %d of %d: use something like SweepLottery{2, 100}", l.Wins, l.Of)
	}
	return nil
}

// drawLots sweeps if it is this request's turn. The answer has been written, but for what
// the server holds back, so the time is bounded.
func (m *Manager) drawLots(ctx context.Context) {
	l := m.cfg.SweepLottery
	if l.Wins == 0 || m.sweeper == nil || rand.IntN(l.Of) >= l.Wins {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), min(m.cfg.StoreTimeout, time.Second))
	defer cancel()
	m.sweep(ctx)
}
