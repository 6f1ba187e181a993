package storetest

import (
	"context"
	"crypto/rand"
	"iter"
	"strings"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
)

var listChecks = []check{
	{"List", "live-records", needs(func(t *trial, l store.Lister) {
		var keys []string
		for _, key := range oddTexts(rand.Text()) {
			keys = append(keys, t.own(key))
			t.createAt(key, "u", "a", "1")
		}
		missing, deleted, expired, over := t.key(), t.create("u"), t.create("u"), t.create("u")
		t.delete(deleted)
		t.expire(expired)
		t.expire(over)
		t.createAt(over, "")
		keys = append(keys, over)
		got := t.walk("List", l.List(t.ctx))
		for _, key := range keys {
			if got[key] != 1 {
				t.broken("List yielded the key %q of a live record %d times, want once", key, got[key])
			}
		}
		for key, what := range map[string]string{missing: "a record that never was", deleted: "a deleted record", expired: "an expired record"} {
			if got[key] != 0 {
				t.broken("List yielded %s", what)
			}
		}
	})},
	{"List 1", "reserved", needs(func(t *trial, l store.Lister) {
		for _, key := range reserved(rand.Text()) {
			t.createAt(t.own(key), "u", "a", "1")
		}
		near := t.own("a$" + rand.Text())
		t.createAt(near, "")
		got := t.walk("List", l.List(t.ctx))
		for key := range got {
			if strings.HasPrefix(key, "$") {
				t.broken("List yielded the key %q", key)
			}
		}
		if got[near] != 1 {
			t.broken("List yielded the key %q, which does not begin with \"$\", %d times", near, got[near])
		}
	})},
	{"List 2", "while-records-come-and-go", needs(whileRecordsComeAndGo)},
	{"List 3", "no-lock", needs(func(t *trial, l store.Lister) {
		for range 3 {
			t.create("")
		}
		t.require(t.insideWalk("List", l.List(t.ctx)))
		for range l.List(t.ctx) {
			break
		}
		key := t.key()
		t.require(within("a Create after a walk that was given up", func() error {
			_, err := t.store.Save(t.ctx, key, creation(""))
			return err
		}))
	})},
	{"List 4", "ended-context", needs(func(t *trial, l store.Lister) {
		t.create("")
		t.walkEnds("List", l.List)
	})},
}

// walk counts what a walk yields.
func (t *trial) walk(what string, seq iter.Seq2[string, error]) map[string]int {
	counts, err := counted(what, seq)
	t.require(err)
	return counts
}

func counted(what string, seq iter.Seq2[string, error]) (map[string]int, error) {
	counts := map[string]int{}
	for key, err := range seq {
		if err != nil {
			return nil, failed(err, "%s", what)
		}
		counts[key]++
	}
	return counts, nil
}

// walkEnds demands that a walk whose context has ended, or ends at the first key, stops
// with an error that says so, once and with an empty key. A walk that was about to end
// anyway when its context did may do so without.
func (t *trial) walkEnds(what string, walk func(context.Context) iter.Seq2[string, error]) {
	once := func(ctx context.Context, how string, each func()) (errs int, result error) {
		for key, err := range walk(ctx) {
			each()
			switch {
			case result != nil: // the rest is of no interest
			case errs > 0:
				result = seen("%s with a context that was %s went on after its error", what, how)
			case err != nil && key != "":
				result = seen("%s with a context that was %s yielded an error with the key %q", what, how, key)
			case err != nil:
				errs++
				result = answer(err, ctx.Err(), "%s with a context that was %s", what, how)
			}
		}
		return errs, result
	}
	t.ended(func(ctx context.Context, how string) error {
		errs, err := once(ctx, how, func() {})
		if errs == 0 && err == nil {
			return seen("%s with a context that was %s yielded no error", what, how)
		}
		return err
	})
	ctx, cancel := context.WithCancel(t.ctx)
	defer cancel()
	_, err := once(ctx, "cancelled during the walk", cancel)
	t.require(err)
}

// insideWalk calls the store from the body of the walk, as a caller does that deletes
// what it finds.
func (t *trial) insideWalk(what string, seq iter.Seq2[string, error]) (result error) {
	for _, err := range seq {
		if err != nil {
			return failed(err, "%s", what)
		}
		key := t.key()
		return within("Create, Save, Load and Delete from the body of a loop over "+what, func() error {
			if _, err := t.store.Save(t.ctx, key, creation("")); err != nil {
				return failed(err, "Create from the body of a loop over %s", what)
			}
			if _, err := t.store.Save(t.ctx, key, store.Change{Set: fields("a", "1")}); err != nil {
				return failed(err, "Save from the body of a loop over %s", what)
			}
			if _, err := t.store.Load(t.ctx, key); err != nil {
				return failed(err, "Load from the body of a loop over %s", what)
			}
			if err := t.store.Delete(t.ctx, key); err != nil {
				return failed(err, "Delete from the body of a loop over %s", what)
			}
			return nil
		})
	}
	return seen("%s yielded nothing, and there are records", what)
}

// whileRecordsComeAndGo walks over more records than a page is likely to hold. On the
// way it edits some, so that they move in an index by expiry, by owner or by the time
// of the last change, and has others come and go.
func whileRecordsComeAndGo(t *trial, l store.Lister) {
	const stable, step = 1100, 9
	keys := t.createMany(stable, func(i int) store.Change { return creation("u"+number(i%7), "n", number(i)) })
	passing := t.createMany(stable/step, func(int) store.Change { return creation("") })
	mine := make(map[string]bool, stable)
	for _, key := range keys {
		mine[key] = true
	}
	churn := func(n int) error {
		owner, end := "moved", later().Add(-30*time.Minute)
		if n%2 == 0 {
			end = later().Add(time.Hour)
		}
		c := store.Change{Set: fields("moved", text(n)), Owner: &owner, ExpiresAt: end}
		if _, err := t.store.Save(t.ctx, keys[n*37%len(keys)], c); err != nil {
			return failed(err, "Save during a walk")
		}
		if err := t.store.Delete(t.ctx, passing[n]); err != nil {
			return failed(err, "Delete during a walk")
		}
		for range 2 {
			key := t.key()
			if _, err := t.store.Save(t.ctx, key, creation("")); err != nil {
				return failed(err, "Create during a walk")
			}
			passing = append(passing, key)
		}
		return nil
	}
	counts := map[string]int{}
	found := 0
	var failure error
	for key, err := range l.List(t.ctx) {
		if failure = err; err != nil {
			break
		}
		counts[key]++
		if !mine[key] {
			continue
		}
		if found++; found%step != 0 {
			continue
		}
		failure = within("a Save from the body of a loop over List", func() error { return churn(found / step) })
		if failure != nil {
			break
		}
	}
	if failure != nil {
		t.require(failed(failure, "List"))
	}
	for _, key := range keys {
		if counts[key] != 1 {
			t.broken("List yielded a record %d times that was live from before the walk to its end, while others came and went", counts[key])
		}
	}
	for _, key := range passing {
		if counts[key] > 1 {
			t.broken("List yielded a record %d times that came or went during the walk", counts[key])
		}
	}
}
