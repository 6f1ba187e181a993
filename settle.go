package cloakroom

import (
	"context"
	"time"
)

// settleTime is what a reload that settles an uncertain Save may take even when the
// budget is used up: not knowing could lock the client out.
const settleTime = 250 * time.Millisecond

// settle handles an update whose answer was lost. When it wrote a secret, the record
// says whether it landed.
func (op *operation) settle(cause error) error {
	if op.want.secret == "" {
		return op.doubt(cause)
	}
	rec, err := op.recall()
	if err != nil {
		if saysGone(err) {
			return op.ended(err)
		}
		return op.doubt(cause)
	}
	h, err := parseMeta(rec.Fields)
	if err != nil || !op.ours(rec.Fields) {
		return op.doubt(cause)
	}
	op.rec, op.meta, op.exact = rec, h, op.s.names == nil
	op.nothing()
	return op.updated(rec.Version)
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
	err := s.budget.spend(new(callContext), ctx, 0, func(ctx context.Context) error {
		_, err := s.m.attempt(ctx, func() error { return s.m.store.Delete(ctx, s.m.cfg.KeyPrefix+key) })
		return err
	})
	if err != nil {
		return s.m.storeError(ctx, "delete", err)
	}
	return nil
}
