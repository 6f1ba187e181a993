package storetest

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
)

var contextChecks = []check{
	{"Store 4", "ended", func(t *trial) {
		key, free := t.create("u", "a", "1"), t.key()
		want := t.load(key)
		t.ended(func(ctx context.Context, how string) error {
			_, err := t.store.Load(ctx, key)
			if e := answer(err, ctx.Err(), "Load with a context that was %s", how); e != nil {
				return e
			}
			_, err = t.store.Load(ctx, free)
			return answer(err, ctx.Err(), "Load of a missing record with a context that was %s", how)
		})
		owner := "v"
		t.ended(func(ctx context.Context, how string) error {
			for _, e := range append(edits(), edit{"a condition", store.Change{If: []store.Condition{{Name: "a", Value: "0"}}, Owner: &owner}}) {
				_, err := t.store.Save(ctx, key, e.change)
				if e := answer(err, ctx.Err(), "Save of %s with a context that was %s", e.name, how); e != nil {
					return e
				}
			}
			_, err := t.store.Save(ctx, free, creation("u", "a", "1"))
			return answer(err, ctx.Err(), "Create with a context that was %s", how)
		})
		t.ended(func(ctx context.Context, how string) error {
			return answer(t.store.Delete(ctx, key), ctx.Err(), "Delete with a context that was %s", how)
		})
		t.holds(key, want, "after Save and Delete with a context that had ended")
		_, err := t.store.Load(t.ctx, free)
		t.answer(err, store.ErrNotFound, "Load after a Create with a context that had ended")
	}},
	{"Store 4", "cut-short", cutShort},
}

// ended calls f with contexts that ended before.
func (t *trial) ended(f func(ctx context.Context, how string) error) {
	cancelled, cancel := context.WithCancel(t.ctx)
	cancel()
	t.require(f(cancelled, "cancelled"))
	late, cancel := context.WithDeadline(t.ctx, past())
	defer cancel()
	t.require(f(late, "past its deadline"))
}

// cutShort ends contexts while calls are under way. What a Save then did, it did
// wholly; the ones that returned nil are there.
func cutShort(t *trial) {
	const rounds = 40
	pad := `"` + strings.Repeat("p", 32<<10) + `"`
	key := t.create("", "a", "0", "b", "0")
	want := fields()
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
		_, saved := t.store.Save(ctx, key, store.Change{Set: fields("a", number(i), "b", number(i), "n"+number(i), "1", "pad", pad)})
		_, loaded := t.store.Load(ctx, key)
		returned := time.Now()
		<-ended
		if late := returned.Sub(end); late > patience {
			t.broken("Save and Load returned %v after their context had ended", late)
		}
		for call, err := range map[string]error{"Save": saved, "Load": loaded} {
			if err != nil && !errors.Is(err, context.Canceled) {
				t.broken("%s, cancelled while under way: the error was %q, want nil or %q", call, err, context.Canceled)
			}
		}
		if saved == nil {
			want = want.With(fields("n"+number(i), "1"))
		}
		rec := t.load(key)
		a, _ := rec.Fields.Get("a")
		if b, _ := rec.Fields.Get("b"); a != b {
			t.broken("after a Save that was cancelled while under way, the fields it sets together are %s and %s", a, b)
		}
	}
	rec := t.load(key)
	for name := range want.All() {
		if _, ok := rec.Fields.Get(name); !ok {
			t.broken("a Save with a context that ended soon after returned nil, and its field is not there")
		}
	}
}
