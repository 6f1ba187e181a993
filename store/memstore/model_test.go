package memstore_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/memstore"
)

// A model is what the store should do, written without regard to cost.
type model struct {
	t       *testing.T
	clock   *clock
	records map[string]store.Record
}

func (m *model) live(key string) (store.Record, bool) {
	rec, ok := m.records[key]
	return rec, ok && m.clock.Now().Before(rec.ExpiresAt)
}

func (m *model) listed(owner string) []string {
	var keys []string
	for key := range m.records {
		if rec, ok := m.live(key); ok && key[0] != '$' && (owner == "" || rec.Owner == owner) {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys
}

// Any sequence of calls gives what the model gives, and leaves the store's own
// structures in agreement.
func TestStoreDoesWhatTheModelDoes(t *testing.T) {
	bounds := memstore.Options{MaxRecords: 60, MaxBytes: 20_000}
	for name, tc := range map[string]struct {
		opts memstore.Options
		mask uint64
	}{
		"defaults":                      {mask: ^uint64(0)},
		"equal hashes":                  {mask: 0},
		"few hashes":                    {mask: 5},
		"bounded":                       {opts: bounds, mask: ^uint64(0)},
		"bounded with equal hashes":     {opts: bounds, mask: 0},
		"bounded in records":            {opts: memstore.Options{MaxRecords: 60}, mask: ^uint64(0)},
		"bounded in bytes":              {opts: memstore.Options{MaxBytes: 20_000}, mask: ^uint64(0)},
		"bounded far away, many shards": {opts: memstore.Options{MaxRecords: 1 << 20}, mask: ^uint64(0)},
	} {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(4) {
				walkModel(t, tc.opts, tc.mask, seed)
			}
		})
	}
}

func walkModel(t *testing.T, opts memstore.Options, mask, seed uint64) {
	m := &model{t: t, clock: newClock(), records: make(map[string]store.Record)}
	opts.Now = m.clock.Now
	var evicted []string
	opts.OnEvict = func(key string) { evicted = append(evicted, key) }
	s := memstore.New(&opts)
	s.Collide(mask)
	rnd := rand.New(rand.NewPCG(seed, 1))
	owners := []string{"", "u1", "u2", "a-user-with-a-longer-name"}
	var told uint64
	for step := range 2500 {
		if m.step(s, rnd, owners); t.Failed() {
			t.Fatalf("seed %d, step %d", seed, step)
		}
		for _, key := range evicted {
			if _, ok := m.live(key); !ok || key[0] == '$' {
				t.Fatalf("seed %d, step %d: %q was evicted", seed, step, key)
			}
			delete(m.records, key)
		}
		told += uint64(len(evicted))
		evicted = evicted[:0]
		if step%8 == 0 {
			if err := s.Check(); err != nil {
				t.Fatalf("seed %d, step %d: %v", seed, step, err)
			}
		}
	}
	if got := sorted(t, s.List(ctx)); !slices.Equal(got, m.listed("")) {
		t.Errorf("List: %q, want %q", got, m.listed(""))
	}
	for _, owner := range owners[1:] {
		if got := sorted(t, s.ListOwner(ctx, owner)); !slices.Equal(got, m.listed(owner)) {
			t.Errorf("ListOwner(%q): %q, want %q", owner, got, m.listed(owner))
		}
	}
	if s.Evicted() != told {
		t.Errorf("%d evictions counted, %d reported", s.Evicted(), told)
	}
}

func (m *model) step(s *memstore.Store, rnd *rand.Rand, owners []string) {
	m.t.Helper()
	key := fmt.Sprintf("key-%d", rnd.IntN(150))
	switch rnd.IntN(6) {
	case 0:
		key += "-that-is-too-long-to-lie-in-its-slot"
	case 1:
		key = "$" + key[:len(key)-1]
	}
	switch n := rnd.IntN(100); {
	case n < 60:
		m.save(s, key, randomChange(m.t, rnd, m.clock, owners))
	case n < 80:
		rec, err := s.Load(ctx, key)
		want, ok := m.live(key)
		if ok != (err == nil) || !ok && !errors.Is(err, store.ErrNotFound) || ok && rec != want {
			m.t.Errorf("Load(%q): %+v, %v; want %+v, %v", key, rec, err, want, ok)
		}
	case n < 90:
		if err := s.Delete(ctx, key); err != nil {
			m.t.Error(err)
		}
		delete(m.records, key)
	case n < 97:
		m.clock.Advance(time.Duration(rnd.IntN(3000)) * time.Millisecond)
	default:
		m.sweep(s, rnd.IntN(100))
	}
}

func (m *model) save(s *memstore.Store, key string, change store.Change) {
	m.t.Helper()
	rec, ok := m.live(key)
	want, wantErr := store.Apply(rec, ok, change)
	version, err := s.Save(ctx, key, change)
	switch {
	case wantErr != nil:
		if !errors.Is(err, wantErr) {
			m.t.Errorf("Save(%q, %+v): %v, want %v", key, change, err, wantErr)
		}
	case err != nil:
		m.t.Errorf("Save(%q, %+v): %v", key, change, err)
	case version <= rec.Version:
		m.t.Errorf("Save(%q): version %d after %d", key, version, rec.Version)
	default:
		want.Version = version
		want.ExpiresAt = want.ExpiresAt.Truncate(time.Millisecond)
		m.records[key] = want
	}
}

func (m *model) sweep(s *memstore.Store, limit int) {
	m.t.Helper()
	before := s.Len()
	removed, err := s.Sweep(ctx, limit)
	if err != nil || removed > limit || before-s.Len() != removed {
		m.t.Errorf("Sweep(%d) of %d: removed %d, %v, and %d are left", limit, before, removed, err, s.Len())
	}
	if removed < limit {
		live := 0
		for key := range m.records {
			if _, ok := m.live(key); ok {
				live++
			}
		}
		if s.Len() != live {
			m.t.Errorf("Sweep(%d) removed %d, as if no more were due, and left %d records, of which %d are live", limit, removed, s.Len(), live)
		}
	}
}

func randomChange(t *testing.T, rnd *rand.Rand, clock *clock, owners []string) store.Change {
	change := store.Change{Create: rnd.IntN(2) == 0}
	if change.Create || rnd.IntN(2) == 0 {
		change.ExpiresAt = clock.In(time.Duration(rnd.IntN(20_000)-1000) * time.Millisecond)
	}
	if rnd.IntN(2) == 0 {
		change.Set = fields(t, fmt.Sprintf("f%d", rnd.IntN(3)), fmt.Sprintf(`"%0*d"`, rnd.IntN(500), 7))
	}
	if rnd.IntN(4) == 0 {
		change.Unset = []string{"f1"}
	}
	if rnd.IntN(3) == 0 {
		change.Owner = &owners[rnd.IntN(len(owners))]
	}
	if rnd.IntN(8) == 0 {
		change.If = []store.Condition{{Name: "f2", Absent: true}}
	}
	return change
}
