package boltstore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
)

// maxBatch bounds the edits of one transaction, and so how long the first of them waits
// for the last.
const maxBatch = 128

// A group does the edits of a Store. bbolt has one writer at a time; edits that wait for it
// together share one transaction, and so one wait for the disk.
type group struct {
	db   *bbolt.DB
	name []byte

	mu      sync.Mutex
	waiting []*job // in order of arrival
	running bool   // a goroutine is in run
}

// A job is one edit that somebody waits for.
type job struct {
	ctx context.Context
	// edit does the edit within a transaction, and does it again when that one was rolled
	// back. The answer goes to the caller. A fault is bbolt's, and the transaction it struck
	// must not be committed.
	edit    func(buckets) (changed bool, answer, fault error)
	changed bool
	answer  error
	done    chan error // gets the answer or the fault, once
}

// do queues an edit and waits until it is committed or ctx ends.
func (g *group) do(ctx context.Context, edit func(buckets) (changed bool, answer, fault error)) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	j := &job{ctx: ctx, edit: edit, done: make(chan error, 1)}
	g.mu.Lock()
	g.waiting = append(g.waiting, j)
	if !g.running {
		// Not on the caller's goroutine: the caller must be able to leave when its ctx
		// ends, and bbolt does not stop waiting for its lock or the disk.
		g.running = true
		go g.run()
	}
	g.mu.Unlock()

	select {
	case err := <-j.done:
		return err
	case <-ctx.Done():
	}
	if g.withdraw(j) {
		return fmt.Errorf("nothing was changed: %w", ctx.Err())
	}
	select {
	case err := <-j.done:
		return err
	default:
		return fmt.Errorf("the change may have landed or not: %w", ctx.Err())
	}
}

// withdraw takes j out of the queue, unless it is in a transaction already.
func (g *group) withdraw(j *job) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	at := slices.Index(g.waiting, j)
	if at < 0 {
		return false
	}
	g.waiting = slices.Delete(g.waiting, at, at+1)
	return true
}

// run commits what waits until nothing does.
func (g *group) run() {
	for g.busy() {
		g.finish(g.take)
	}
}

func (g *group) busy() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.running = len(g.waiting) > 0
	return g.running
}

func (g *group) take() []*job {
	g.mu.Lock()
	defer g.mu.Unlock()
	n := min(len(g.waiting), maxBatch)
	batch := slices.Clone(g.waiting[:n])
	g.waiting = slices.Delete(g.waiting, 0, n)
	return batch
}

// finish sees to it that each job of a batch is done. When a job meets a fault, all are
// tried again one by one, so that one of them, say with a value that is too large, does not
// fail the others.
func (g *group) finish(take func() []*job) {
	batch, struck, err := g.commit(take)
	if struck && len(batch) > 1 {
		for i := range batch {
			g.finish(func() []*job { return batch[i : i+1] })
		}
		return
	}
	for _, j := range batch {
		if err != nil {
			j.done <- err
		} else {
			j.done <- j.answer
		}
	}
}

// errUnchanged rolls a transaction back that has nothing to commit.
var errUnchanged = errors.New("nothing to commit")

// commit does the jobs of a batch in one transaction. The batch is taken with bbolt's lock
// in hand: who comes while somebody else writes is part of it, and who leaves is not. With
// struck, a job met a fault and nothing was changed. A commit that fails in any other way is
// never tried again: it may have landed.
func (g *group) commit(take func() []*job) (batch []*job, struck bool, err error) {
	err = guard(func() error {
		return g.db.Update(func(tx *bbolt.Tx) error {
			batch = take()
			b, err := openBuckets(tx, g.name)
			if err != nil {
				return err
			}
			changed := false
			for _, j := range batch {
				if j.changed, j.answer = false, j.ctx.Err(); j.answer != nil {
					continue
				}
				var fault error
				if j.changed, j.answer, fault = j.edit(b); fault != nil {
					struck = true
					return fault
				}
				changed = changed || j.changed
			}
			if !changed {
				return errUnchanged
			}
			return nil
		})
	})
	switch {
	case err == nil || errors.Is(err, errUnchanged):
		return batch, false, nil
	case batch == nil: // bbolt did not begin
		return take(), false, err
	case errors.Is(err, bolterrors.ErrMaxSizeReached): // of the commit, before it wrote anything
		return batch, true, fmt.Errorf("the record needs more room than the file has, which may not grow beyond %d bytes, bbolt's MaxSize: %w", g.db.MaxSize, err)
	}
	return batch, struck, err
}

// guard returns a panic as an error. bbolt panics when it finds pages that make no sense,
// and on a goroutine of ours that would end the program.
func guard(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("bbolt panicked, so the file may be damaged; check it with \"bbolt check\": %v", p)
		}
	}()
	return f()
}
