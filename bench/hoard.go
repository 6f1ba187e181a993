package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"time"

	"github.com/alexedwards/scs/v2"
	scsmemstore "github.com/alexedwards/scs/v2/memstore"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/store/memstore"
)

// A plan says how many sessions are kept and how they are watched. A tenth as many more
// come and expire.
type plan struct {
	Sessions int
	Life     time.Duration // of those that expire
	Cleanup  time.Duration // how often scs looks for them
	Pause    time.Duration // between the batches of a sweep
	Watch    time.Duration // long enough for all that
}

// million has the batches and pauses of Manager.Run. scs cleans up once a minute by
// default; how often does not matter for how long it takes.
var million = plan{
	Sessions: 1_000_000,
	Life:     2 * time.Second,
	Cleanup:  3 * time.Second,
	Pause:    50 * time.Millisecond,
	Watch:    9 * time.Second,
}

const (
	sweepBatch   = 1000
	watchedCount = 1 << 12 // how many sessions are loaded while others expire
)

// hoardValues are what each session holds: 200 bytes.
var hoardValues = [4]struct{ name, value string }{
	{"user", "8c0f5a52-1f0d-4b57-9c1e-0d7b0f3c2a11"},
	{"name", "Maximiliane Mustermann-X"},
	{"form", "q3v0m1xwq7K9s2LrT5yUuVbNcPzEoHdGfJkAiWl8R4g"},
	{"cart", strings.Repeat("article:4711,", 7) + "total:"},
}

// A hoarder keeps many sessions.
type hoarder interface {
	// keep makes a session and returns its key in the store.
	keep(short bool) (key string, err error)
	// load reads a session from the store.
	load(key string) bool
	// sweep returns when what has expired is gone, or could be.
	sweep() error
}

const hoardRole = "memory:"

// hoarders are those there are, by name.
var hoarders = []struct {
	name  string
	start func(plan) (hoarder, error)
}{
	{"cloakroom", func(p plan) (hoarder, error) { return newCloakroomHoarder(p, true) }},
	{"scs", func(p plan) (hoarder, error) { return newSCSHoarder(p), nil }},
	{"no sweep", func(p plan) (hoarder, error) { return newCloakroomHoarder(p, false) }},
}

// A hoard is a hoarder that obeys orders.
type hoard struct {
	name string
	hoarder
	plan  plan
	bytes float64 // of a session
	keys  []string
}

// fill makes the sessions.
func (h *hoard) fill(p plan) error {
	h.plan = p
	h.keys = make([]string, 0, watchedCount)
	before := heap()
	for _, kind := range hoarders {
		if kind.name == h.name {
			var err error
			if h.hoarder, err = kind.start(p); err != nil {
				return err
			}
		}
	}
	if h.hoarder == nil {
		return fmt.Errorf("there is no %q", h.name)
	}
	for i := range p.Sessions {
		key, err := h.keep(false)
		if err != nil {
			return err
		}
		if len(h.keys) < watchedCount && i%(p.Sessions/watchedCount+1) == 0 {
			h.keys = append(h.keys, strings.Clone(key))
		}
	}
	h.bytes = (heap() - before) / float64(p.Sessions)
	return nil
}

// heap returns the size of the live heap.
func heap() float64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc)
}

func (h *hoard) do(o order) (r report, err error) {
	switch o.Do {
	case "fill":
		err = h.fill(o.Plan)
		r.Bytes = h.bytes
	case "collect":
		runtime.GC()
		start := cpuTime()
		runtime.GC()
		r.CPU = float64(cpuTime() - start)
	case "watch":
		r.Stall, err = h.watch()
	default:
		err = fmt.Errorf("no such order: %q", o.Do)
	}
	return r, err
}

// watch returns the longest that a load took while a tenth of the sessions expired.
func (h *hoard) watch() (time.Duration, error) {
	for range h.plan.Sessions / 10 {
		if _, err := h.keep(true); err != nil {
			return 0, err
		}
	}
	runtime.GC()
	swept := make(chan error, 1)
	go func() {
		time.Sleep(h.plan.Life)
		swept <- h.sweep()
	}()
	var longest time.Duration
	start := time.Now()
	for before := start; before.Sub(start) < h.plan.Watch; {
		if !h.load(h.keys[rand.IntN(len(h.keys))]) {
			return 0, fmt.Errorf("a session was lost")
		}
		now := time.Now()
		longest = max(longest, now.Sub(before))
		before = now
	}
	select {
	case err := <-swept:
		return longest, err
	default:
		return 0, fmt.Errorf("sweeping took longer than %v", h.plan.Watch)
	}
}

// A cloakroomHoarder keeps sessions in a memstore.
type cloakroomHoarder struct {
	store       *memstore.Store
	long, short *cloakroom.Manager
	keys        [len(hoardValues)]cloakroom.Key[string]
	plan        plan
	sweeps      bool
}

func newCloakroomHoarder(p plan, sweeps bool) (hoarder, error) {
	h := &cloakroomHoarder{store: memstore.New(nil), plan: p, sweeps: sweeps}
	for i, v := range hoardValues {
		h.keys[i] = cloakroom.NewKey[string](v.name)
	}
	var err error
	if h.long, err = cloakroom.New(h.store, nil); err != nil {
		return nil, err
	}
	h.short, err = cloakroom.New(h.store, &cloakroom.Config{IdleTimeout: p.Life, Lifetime: p.Life})
	return h, err
}

func (h *cloakroomHoarder) keep(short bool) (string, error) {
	m := h.long
	if short {
		m = h.short
	}
	ctx := context.Background()
	s, err := m.Open(ctx)
	if err != nil {
		return "", err
	}
	for i, v := range hoardValues {
		h.keys[i].Set(s, v.value)
	}
	if _, err := m.Commit(ctx, s); err != nil {
		return "", err
	}
	return s.ID(), nil
}

func (h *cloakroomHoarder) load(key string) bool {
	_, err := h.store.Load(context.Background(), key)
	return err == nil
}

// sweep does what Manager.Run does once a minute.
func (h *cloakroomHoarder) sweep() error {
	for h.sweeps {
		n, err := h.store.Sweep(context.Background(), sweepBatch)
		if err != nil {
			return err
		}
		if n < sweepBatch {
			if left := h.store.Len(); left != h.plan.Sessions {
				return fmt.Errorf("the sweep left %d records", left)
			}
			return nil
		}
		time.Sleep(h.plan.Pause)
	}
	return nil
}

// An scsHoarder keeps sessions in scs's memory store.
type scsHoarder struct {
	long, short *scs.SessionManager
	plan        plan
}

func newSCSHoarder(p plan) hoarder {
	store := scsmemstore.NewWithCleanupInterval(p.Cleanup)
	h := &scsHoarder{scs.New(), scs.New(), p}
	h.long.Store, h.short.Store = store, store
	h.short.Lifetime = p.Life
	return h
}

func (h *scsHoarder) keep(short bool) (string, error) {
	m := h.long
	if short {
		m = h.short
	}
	ctx, err := m.Load(context.Background(), "")
	if err != nil {
		return "", err
	}
	for _, v := range hoardValues {
		m.Put(ctx, v.name, v.value)
	}
	token, _, err := m.Commit(ctx)
	return token, err
}

func (h *scsHoarder) load(key string) bool {
	_, found, err := h.long.Store.Find(key)
	return found && err == nil
}

// sweep waits for a cleanup.
func (h *scsHoarder) sweep() error {
	time.Sleep(h.plan.Cleanup)
	return nil
}
