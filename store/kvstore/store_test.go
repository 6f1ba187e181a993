package kvstore_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/kvstore"
	"github.com/cloakroom-go/cloakroom/store/storetest"
)

func TestEveryRuleHoldsOverAKVThatComparesValues(t *testing.T) {
	storetest.Run(t, func(*testing.T) store.Store { return kvstore.New(newMapKV(false)) })
}

func TestEveryRuleHoldsOverAKVThatComparesRevisions(t *testing.T) {
	storetest.Run(t, func(*testing.T) store.Store { return kvstore.New(newMapKV(true)) })
}

// Two in three swaps meet a conflict that is none.
func TestEveryRuleHoldsInAStormOfConflicts(t *testing.T) {
	storm := func(land func() error) error {
		if rand.IntN(3) > 0 {
			return store.ErrConflict
		}
		return land()
	}
	for _, rule := range storetest.Rules() {
		synctest.Test(t, func(t *testing.T) {
			err := rule.Check(t.Context(), kvstore.New(&watched{KV: newMapKV(false), swap: storm}))
			if err != nil && !errors.Is(err, errors.ErrUnsupported) {
				t.Error(err)
			}
		})
	}
}

func field(name, value string) store.Fields {
	f, err := store.NewFields(store.Field{Name: name, Value: value})
	if err != nil {
		panic(err)
	}
	return f
}

func create(t *testing.T, s store.Store, key string) store.Record {
	t.Helper()
	rec := store.Record{ExpiresAt: time.Now().Add(time.Hour).Truncate(time.Millisecond), Owner: "u", Fields: field("a", "1")}
	var err error
	rec.Version, err = s.Save(t.Context(), key, store.Change{Create: true, Owner: &rec.Owner, Set: rec.Fields, ExpiresAt: rec.ExpiresAt})
	if err != nil {
		t.Fatal(err)
	}
	return rec
}

func TestCallsCostWhatTheCommentSays(t *testing.T) {
	for _, counting := range []bool{false, true} {
		kv := &watched{KV: newMapKV(counting)}
		s := kvstore.New(kv)
		base := create(t, s, "k")
		expect := func(what string, err, wantErr error, want ...string) {
			t.Helper()
			if !errors.Is(err, wantErr) {
				t.Errorf("%s: the error is %v, want %v", what, err, wantErr)
			}
			if calls := kv.taken(); !slices.Equal(calls, want) {
				t.Errorf("%s: the calls are %q, want %q", what, calls, want)
			}
		}
		expect("create", nil, nil, "swap")
		_, err := s.Save(t.Context(), "k", store.Change{Base: &base, Set: field("a", "2")})
		expect("save with a Base as it is stored", err, nil, "swap")
		_, err = s.Save(t.Context(), "k", store.Change{Base: &base, Set: field("a", "3")})
		expect("save with a stale Base", err, nil, "swap", "get", "swap")
		_, err = s.Save(t.Context(), "k", store.Change{Set: field("a", "4")})
		expect("save without a Base", err, nil, "get", "swap")
		_, err = s.Load(t.Context(), "k")
		expect("load", err, nil, "get")
		_, err = s.Save(t.Context(), "k", store.Change{Create: true, ExpiresAt: base.ExpiresAt})
		expect("create where something is", err, store.ErrExists, "swap", "get")
		_, err = s.Save(t.Context(), "k", store.Change{If: []store.Condition{{Name: "a", Value: "5"}}})
		expect("save that a condition forbids", err, store.ErrConflict, "get")
		err = s.Delete(t.Context(), "k")
		expect("delete", err, nil, "delete")
		_, err = s.Save(t.Context(), "k", store.Change{Set: field("a", "1")})
		expect("save where nothing is", err, store.ErrNotFound, "get")
	}
}

// An answer that was lost is not asked for again: the swap may have landed, and another one
// could undo what came after it.
func TestAnUncertainSwapIsReturnedAndNotRepeated(t *testing.T) {
	lost := errors.New("connection reset by peer")
	for name, change := range map[string]func(base store.Record) store.Change{
		"create": func(store.Record) store.Change {
			return store.Change{Create: true, ExpiresAt: time.Now().Add(time.Hour)}
		},
		"with a Base": func(base store.Record) store.Change { return store.Change{Base: &base, Set: field("a", "2")} },
		"without one": func(store.Record) store.Change { return store.Change{Set: field("a", "2")} },
	} {
		for _, lands := range []bool{false, true} {
			kv := &watched{KV: newMapKV(false)}
			s := kvstore.New(kv)
			key, base := "free", store.Record{}
			if name != "create" {
				key, base = "k", create(t, s, "k")
			}
			kv.taken()
			kv.swap = func(land func() error) error {
				if lands {
					if err := land(); err != nil {
						t.Errorf("%s: %v", name, err)
					}
				}
				return lost
			}
			version, err := s.Save(t.Context(), key, change(base))
			if !errors.Is(err, lost) || version != 0 {
				t.Errorf("%s: Save returned %d, %v", name, version, err)
			}
			if calls := kv.taken(); strings.Count(strings.Join(calls, " "), "swap") != 1 {
				t.Errorf("%s: the calls are %q", name, calls)
			}
			rec, err := s.Load(t.Context(), key)
			if landed := err == nil && rec.Version > base.Version; landed != lands {
				t.Errorf("%s: landed is %v, and Load returned %+v, %v", name, lands, rec, err)
			}
		}
	}
}

// Each increment that was acknowledged counts once, and each whose answer was lost at most
// once, whatever the KV does.
func TestIncrementsCountOnceThroughConflictsAndLostAnswers(t *testing.T) {
	lost := errors.New("connection reset by peer")
	kv := &watched{KV: newMapKV(false)}
	kv.swap = func(land func() error) error {
		switch rand.IntN(8) {
		case 0:
			return lost
		case 1:
			return errors.Join(land(), lost) // a conflict is lost as well as a success
		case 2, 3:
			return store.ErrConflict
		}
		return land()
	}
	stores := []*kvstore.Store{kvstore.New(kv), kvstore.New(kv)} // as in two processes
	for {
		_, err := stores[0].Save(t.Context(), "k", store.Change{Create: true, Set: field("n", "0"), ExpiresAt: time.Now().Add(time.Hour)})
		if err == nil || errors.Is(err, store.ErrExists) {
			break
		}
	}
	var acknowledged, uncertain atomic.Int64
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for range 100 {
				for {
					rec, err := stores[i%2].Load(t.Context(), "k")
					if err != nil {
						t.Error(err)
						return
					}
					was, _ := rec.Fields.Get("n")
					var n int64
					_, _ = fmt.Sscan(was, &n)
					_, err = stores[i%2].Save(t.Context(), "k", store.Change{
						Base: &rec,
						If:   []store.Condition{{Name: "n", Value: was}},
						Set:  field("n", fmt.Sprint(n+1)),
					})
					if err == nil {
						acknowledged.Add(1)
					} else if errors.Is(err, lost) {
						uncertain.Add(1)
					} else if errors.Is(err, store.ErrConflict) {
						continue
					} else {
						t.Error(err)
					}
					break
				}
			}
		})
	}
	wg.Wait()
	rec, err := stores[0].Load(t.Context(), "k")
	if err != nil {
		t.Fatal(err)
	}
	was, _ := rec.Fields.Get("n")
	var n int64
	_, _ = fmt.Sscan(was, &n)
	if a, u := acknowledged.Load(), uncertain.Load(); n < a || n > a+u || a == 0 || u == 0 {
		t.Errorf("%d increments were acknowledged and %d are uncertain, and the counter is %d", a, u, n)
	}
}

func TestASaveThatIsNeverTheFastestEndsAndIsNoConflict(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		kv := &watched{KV: newMapKV(false)}
		s := kvstore.New(kv)
		create(t, s, "k")
		kv.swap = func(func() error) error { return store.ErrConflict }
		refused := func(ctx context.Context, atMost time.Duration) error {
			t.Helper()
			began := time.Now()
			_, err := s.Save(ctx, "k", store.Change{Set: field("a", "2")})
			if took := time.Since(began); took < atMost/2 || took > atMost {
				t.Errorf("it took %v, want about %v", took, atMost)
			}
			for _, answer := range []error{store.ErrConflict, store.ErrNotFound, store.ErrExists, store.ErrMalformed} {
				if errors.Is(err, answer) {
					t.Errorf("it looks like an answer: %v", err)
				}
			}
			return err
		}
		if err := refused(t.Context(), 31*time.Second); err == nil || !strings.Contains(err.Error(), `"k" were faster for 30s`) {
			t.Error(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		if err := refused(ctx, 2*time.Second); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
	})
}

func TestWritersInOneProcessTakeTurns(t *testing.T) {
	const writers = 64
	kv := &watched{KV: newMapKV(false)}
	s := kvstore.New(kv)
	create(t, s, "k")
	kv.taken()
	var wg sync.WaitGroup
	for i := range writers {
		wg.Go(func() {
			if _, err := s.Save(t.Context(), "k", store.Change{Set: field(fmt.Sprint("f", i), "1")}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if calls := kv.taken(); len(calls) != 2*writers {
		t.Errorf("%d writers made %d calls, want a Get and a CompareAndSwap each: some met a conflict", writers, len(calls))
	}
}

func TestAWriterThatWaitsForItsTurnLeavesWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		kv := &watched{KV: newMapKV(false)}
		s := kvstore.New(kv)
		create(t, s, "k")
		create(t, s, "other")
		hold := make(chan struct{})
		var held atomic.Bool
		kv.swap = func(land func() error) error {
			if held.CompareAndSwap(false, true) {
				<-hold // the first of all
			}
			return land()
		}
		var wg sync.WaitGroup
		save := func(ctx context.Context, name string, want error) {
			wg.Go(func() {
				if _, err := s.Save(ctx, "k", store.Change{Set: field(name, "1")}); !errors.Is(err, want) {
					t.Errorf("%s: %v", name, err)
				}
			})
			synctest.Wait()
		}
		short, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		save(t.Context(), "first", nil)
		save(short, "second", context.DeadlineExceeded)
		save(t.Context(), "third", nil)
		save(short, "fourth", context.DeadlineExceeded)
		time.Sleep(2 * time.Second)
		// Neither a Load nor a Delete of the key, nor a writer of another key, waits for a turn.
		if _, err := s.Load(t.Context(), "k"); err != nil {
			t.Error(err)
		}
		if _, err := s.Save(t.Context(), "other", store.Change{}); err != nil {
			t.Error(err)
		}
		close(hold)
		wg.Wait()
		rec, err := s.Load(t.Context(), "k")
		if err != nil {
			t.Fatal(err)
		}
		for name, want := range map[string]bool{"first": true, "second": false, "third": true, "fourth": false} {
			if _, ok := rec.Fields.Get(name); ok != want {
				t.Errorf("the field %s is there: %v", name, ok)
			}
		}
	})
}

func TestBytesThatAreNoRecordAreLeftAndToldWithTheirKey(t *testing.T) {
	kv := newMapKV(false)
	s := kvstore.New(kv)
	const foreign = `{"cookie":{"originalMaxAge":null},"user":"secret"}`
	if err := kv.CompareAndSwap(t.Context(), "k", nil, kvstore.Entry{Value: foreign}); err != nil {
		t.Fatal(err)
	}
	told := func(what string, err error) {
		t.Helper()
		if !errors.Is(err, store.ErrMalformed) || !strings.Contains(err.Error(), `"k"`) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", what, err)
		}
		if e, err := kv.Get(t.Context(), "k"); err != nil || e.Value != foreign {
			t.Errorf("%s: there is %q, %v", what, e.Value, err)
		}
	}
	_, err := s.Load(t.Context(), "k")
	told("Load", err)
	_, err = s.Save(t.Context(), "k", store.Change{Set: field("a", "1")})
	told("Save", err)
	_, err = s.Save(t.Context(), "k", store.Change{Create: true, ExpiresAt: time.Now().Add(time.Hour)})
	told("Create", err)
	if err := s.Delete(t.Context(), "k"); err != nil {
		t.Error(err)
	}
	if _, err := s.Load(t.Context(), "k"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("after Delete: %v", err)
	}
}

func TestErrorsSayWhatWasBeingDone(t *testing.T) {
	s := kvstore.New(newMapKV(false))
	_, err := s.Load(t.Context(), "k")
	if !errors.Is(err, store.ErrNotFound) || !strings.HasPrefix(err.Error(), "kvstore: load: ") {
		t.Error(err)
	}
	_, err = s.Save(t.Context(), "k", store.Change{})
	if !errors.Is(err, store.ErrNotFound) || !strings.HasPrefix(err.Error(), "kvstore: save: ") {
		t.Error(err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	err = s.Delete(ended, "k")
	if !errors.Is(err, context.Canceled) || !strings.HasPrefix(err.Error(), "kvstore: delete: ") {
		t.Error(err)
	}
}

// The zero time means never to a KV, and no record lives for ever.
func TestAnEndInTheFirstMillisecondOfAllIsAnEnd(t *testing.T) {
	s := kvstore.New(newMapKV(false))
	create(t, s, "k")
	if _, err := s.Save(t.Context(), "k", store.Change{ExpiresAt: time.Time{}.Add(1)}); err != nil {
		t.Fatal(err)
	}
	if rec, err := s.Load(t.Context(), "k"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("%+v, %v", rec, err)
	}
}
