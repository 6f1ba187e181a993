package kvtest

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/kvstore"
)

var contextChecks = []check{
	{"KV 4", "ended", func(t *trial) {
		key, free := t.create("a"), t.key()
		cancelled, cancel := context.WithCancel(t.ctx)
		cancel()
		late, cancel := context.WithDeadline(t.ctx, past())
		defer cancel()
		for how, ctx := range map[string]context.Context{"cancelled": cancelled, "past its deadline": late} {
			_, err := t.kv.Get(ctx, key)
			t.answer(err, ctx.Err(), "Get with a context that was %s", how)
			_, err = t.kv.Get(ctx, free)
			t.answer(err, ctx.Err(), "Get of a missing entry with a context that was %s", how)
			for _, old := range []*kvstore.Entry{{Value: "a"}, {Value: "b"}, nil} {
				err = t.kv.CompareAndSwap(ctx, key, old, lasting("c"))
				t.answer(err, ctx.Err(), "CompareAndSwap with a context that was %s", how)
				err = t.kv.CompareAndSwap(ctx, free, old, lasting("c"))
				t.answer(err, ctx.Err(), "CompareAndSwap at a free key with a context that was %s", how)
			}
			t.answer(t.kv.Delete(ctx, key), ctx.Err(), "Delete with a context that was %s", how)
		}
		t.holds(key, "a", "after calls with a context that had ended")
		_, err := t.kv.Get(t.ctx, free)
		t.answer(err, store.ErrNotFound, "Get of a free key after calls with a context that had ended")
	}},
	{"KV 4", "cut-short", cutShort},
}

// cutShort ends contexts while calls are under way. What a CompareAndSwap then did, it did
// wholly; the ones that returned nil are there.
func cutShort(t *trial) {
	const rounds = 40
	pad := strings.Repeat("p", 32<<10)
	key, value := t.create("start"), "start"
	for i := range rounds {
		ctx, cancel := context.WithCancel(t.ctx)
		var end time.Time
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			time.Sleep(time.Duration(rand.IntN(1000)) * time.Microsecond)
			end = time.Now()
			cancel()
		}()
		next := number(i) + pad
		swapped := t.kv.CompareAndSwap(ctx, key, &kvstore.Entry{Value: value}, lasting(next))
		_, got := t.kv.Get(ctx, key)
		returned := time.Now()
		<-ended
		if late := returned.Sub(end); late > patience {
			t.broken("CompareAndSwap and Get returned %v after their context had ended", late)
		}
		for call, err := range map[string]error{"CompareAndSwap": swapped, "Get": got} {
			if err != nil && !errors.Is(err, context.Canceled) {
				t.broken("%s, cancelled while under way: the error was %q, want nil or %q", call, err, context.Canceled)
			}
		}
		value = t.settled(key, value, next, swapped == nil)
	}
}

// settled returns which of two values is at key, once a CompareAndSwap from the first to the
// second has returned. One that was cut short may be on its way still: it is given the time
// to arrive, or else to be shut out by a change of something that it does not compare.
func (t *trial) settled(key, before, after string, done bool) string {
	now := t.get(key, "after a CompareAndSwap that was cancelled while under way").Value
	switch {
	case now == after:
		return after
	case now != before:
		t.broken("after a CompareAndSwap that was cancelled while under way there is neither the old value nor the new one, but %s", short(now))
	case done:
		t.broken("a CompareAndSwap with a context that ended soon after returned nil, and its value is not there")
	}
	shut := before + "."
	if err := t.kv.CompareAndSwap(t.ctx, key, &kvstore.Entry{Value: before}, lasting(shut)); errors.Is(err, store.ErrConflict) {
		t.holds(key, after, "after a CompareAndSwap that was cancelled while under way, and another from the same value that failed")
		return after
	} else if err != nil {
		t.require(failed(err, "CompareAndSwap after one that was cancelled"))
	}
	return shut
}
