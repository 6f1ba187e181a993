package cloakroom

import (
	"context"
	"time"
)

// settleTime is what a reload that settles an uncertain Save may take even when the
// budget is used up: not knowing could lock the client out.
const settleTime = 250 * time.Millisecond

// maxAgain is how often a Save whose answer was lost is sent again.
const maxAgain = 2

// settle handles an update whose answer was lost. When it wrote a secret, the record says
// whether it landed. If not, it may be under way still, and would lock the client out
// later. So it is sent again, which is safe: both are good only for the secret that they
// replace, and one of them replaces it.
func (op *operation) settle(cause error) (again bool, err error) {
	if op.want.secret == "" {
		return false, op.doubt(cause)
	}
	rec, err := op.recall()
	if saysGone(err) {
		return false, op.ended(err)
	}
	if err != nil {
		return false, op.doubt(cause)
	}
	meta, err := parseMeta(rec.Fields)
	if err != nil {
		return false, op.doubt(cause)
	}
	if op.ours(rec.Fields) {
		op.found(rec, meta)
		return false, op.landed()
	}
	unchanged := same(fieldSecret, rec.Fields, op.rec.Fields) && same(fieldEpoch, rec.Fields, op.rec.Fields)
	if !unchanged || op.again == maxAgain || op.s.budget.left() <= 0 {
		return false, op.doubt(cause)
	}
	if err := op.rebase(rec.Fields); err != nil {
		return false, op.doubt(err)
	}
	op.found(rec, meta)
	op.again++
	return true, nil
}

// landed ends an update that is in the record already.
func (op *operation) landed() error {
	op.nothing()
	return op.updated(op.rec.Version)
}

// unsure ends an update that was not sent. An earlier try may land all the same.
func (op *operation) unsure(err error) error {
	if op.again > 0 {
		return op.doubt(err)
	}
	return err
}

// recall reads the record until the store can say or time is up: what lost the answer,
// such as a server that is starting again, is in the way of the first try too.
func (op *operation) recall() (record, error) {
	const shortest, longest = 5 * time.Millisecond, 100 * time.Millisecond
	for pause := shortest; ; pause = min(2*pause, longest) {
		rec, err := op.s.load(op.ctx, settleTime, op.token.Key)
		if err == nil || saysGone(err) {
			return rec, err
		}
		if late := op.s.budget.spend(new(callContext), op.ctx, 0, func(ctx context.Context) error {
			return wait(ctx, pause)
		}); late != nil {
			return record{}, err
		}
	}
}

// wait returns early, with its error, when ctx ends.
func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// doubt gives up what was wanted: it may have landed, so a second try could do it twice.
func (op *operation) doubt(cause error) error {
	s := op.s
	s.mu.Lock()
	dropped := op.want
	s.doubt, s.flying = cause, nil
	s.mu.Unlock()
	s.drop(op.ctx, &dropped, ReasonUncertain)
	return cause
}

// remove deletes a record.
func (s *Session) remove(ctx context.Context, key string) error {
	err := s.budget.spend(new(callContext), ctx, 0, func(call context.Context) error {
		_, err := s.m.attempt(ctx, func() error { return s.m.store.Delete(call, s.m.cfg.KeyPrefix+key) })
		return err
	})
	if err != nil {
		return s.m.storeError(ctx, "delete", err)
	}
	return nil
}
