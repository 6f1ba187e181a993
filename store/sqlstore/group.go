package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"sync"
	"time"
)

// maxBatch bounds the edits of one transaction, and so how long the first of them waits
// for the last and how long readers keep the log from being folded into the file.
const maxBatch = 128

// A group makes the changes of a database with one writer at a time. Those that wait for
// the writer together share one transaction, and so one wait for the disk.
type group struct {
	db       *sql.DB
	dialect  *Dialect
	lock     *command   // takes the write lock and changes nothing
	commands []*command // all that the jobs use

	mu      sync.Mutex
	waiting []*job // in order of arrival
	running bool   // a goroutine is in run
}

func newGroup(db *sql.DB, d *Dialect, lock *command, commands ...*command) *group {
	return &group{db: db, dialect: d, lock: lock, commands: append(commands, lock)}
}

// A job is one edit that somebody waits for.
type job struct {
	ctx context.Context
	// work does the edit within a transaction, and does it again when that one was rolled
	// back. The answer goes to the caller; a fault is the database's, and the transaction
	// it struck must not be committed.
	work   func(context.Context, *transaction) (answer, fault error)
	answer error
	done   chan error // gets the answer or the fault, once
}

// do queues work and waits until it is committed or ctx ends. Errors of the database, and
// the end of ctx, come back as outages, answers as they are.
func (g *group) do(ctx context.Context, work func(context.Context, *transaction) (answer, fault error)) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	j := &job{ctx: ctx, work: work, done: make(chan error, 1)}
	g.mu.Lock()
	g.waiting = append(g.waiting, j)
	if !g.running {
		// Not on the caller's goroutine: the caller must be able to leave when its ctx
		// ends, and drivers cannot be relied on to stop waiting for a lock or a disk.
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
	for {
		g.mu.Lock()
		if len(g.waiting) == 0 {
			g.running = false
			g.waiting = nil
			g.mu.Unlock()
			return
		}
		n := min(len(g.waiting), maxBatch)
		batch := g.waiting[:n:n]
		g.waiting = g.waiting[n:]
		g.mu.Unlock()
		g.finish(batch)
	}
}

// finish sees to it that each job of a batch is done. When a job meets a fault, all are
// tried again one by one, so that one of them, say with a value that is too large, does
// not fail the others.
func (g *group) finish(batch []*job) {
	struck, err := g.commit(batch)
	if struck && len(batch) > 1 {
		for i := range batch {
			g.finish(batch[i : i+1])
		}
		return
	}
	for _, j := range batch {
		if err != nil {
			j.done <- outage(j.ctx, err)
		} else {
			j.done <- j.answer
		}
	}
}

// commit does the jobs of a batch in one transaction. With struck, a job met a fault and
// nothing was changed. A commit that fails is never tried again: it may have landed.
func (g *group) commit(batch []*job) (struck bool, err error) {
	ctx, cancel := bound(batch)
	defer cancel()
	tx, err := g.begin(ctx)
	if err != nil {
		return false, err
	}
	defer tx.release()
	for _, j := range batch {
		if j.answer = j.ctx.Err(); j.answer != nil {
			continue
		}
		// With the lock held there is nothing left to wait for, and a driver that is told to
		// watch a context pays for a goroutine per statement.
		answer, fault := j.work(context.WithoutCancel(ctx), tx)
		if fault != nil {
			return true, fault
		}
		j.answer = answer
	}
	if err := tx.tx.Commit(); err != nil {
		return false, fmt.Errorf("commit: %w", err)
	}
	return false, nil
}

// bound returns a context for a batch, which no single writer can cancel: it lives until
// the last of their deadlines, but not for ever.
func bound(batch []*job) (context.Context, context.CancelFunc) {
	end := time.Now().Add(patience)
	latest := time.Time{}
	for _, j := range batch {
		deadline, ok := j.ctx.Deadline()
		if !ok {
			return context.WithDeadline(context.Background(), end)
		}
		if deadline.After(latest) {
			latest = deadline
		}
	}
	if latest.Before(end) {
		end = latest
	}
	return context.WithDeadline(context.Background(), end)
}
