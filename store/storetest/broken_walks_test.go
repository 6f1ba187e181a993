package storetest_test

import (
	"context"
	"errors"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
)

// failing is a walk that ends as it should when ctx has ended.
func failing(ctx context.Context, walk func(yield func(string, error) bool)) seq {
	return func(yield func(string, error) bool) {
		if err := ctx.Err(); err != nil {
			yield("", err)
			return
		}
		walk(yield)
	}
}

// mapped is a walk with altered keys.
func mapped(walk seq, f func(string) string) seq {
	return func(yield func(string, error) bool) {
		for key, err := range walk {
			if !yield(f(key), err) {
				return
			}
		}
	}
}

// listing is a store whose walks are altered.
func listing(f func(m *mapStore, ctx context.Context, walk seq) seq) func() store.Store {
	return alter(func(a *altered) {
		a.list = func(ctx context.Context) seq { return f(a.mapStore, ctx, a.mapStore.List(ctx)) }
		a.listOwner = func(ctx context.Context, owner string) seq {
			return f(a.mapStore, ctx, a.mapStore.ListOwner(ctx, owner))
		}
	})
}

// every returns the keys that want wants, sorted, expired and reserved ones among them.
func (m *mapStore) every(want func(key string, rec store.Record, live bool) bool) []string {
	m.lock.Lock()
	defer m.lock.Unlock()
	keys := slices.Sorted(maps.Keys(m.recs))
	return slices.DeleteFunc(keys, func(key string) bool {
		rec, live := m.live(key)
		return !want(key, rec, live)
	})
}

func yieldAll(keys []string, yield func(string, error) bool) {
	for _, key := range keys {
		if !yield(key, nil) {
			return
		}
	}
}

var brokenWalks = []broken{
	{"lists what has expired", alter(func(a *altered) {
		a.list = func(ctx context.Context) seq {
			return failing(ctx, func(yield func(string, error) bool) {
				yieldAll(a.every(func(key string, _ store.Record, _ bool) bool { return key[0] != '$' }), yield)
			})
		}
		a.listOwner = func(ctx context.Context, owner string) seq {
			return failing(ctx, func(yield func(string, error) bool) {
				yieldAll(a.every(func(key string, rec store.Record, _ bool) bool {
					return key[0] != '$' && owner != "" && rec.Owner == owner
				}), yield)
			})
		}
	}), []string{"List-live-records", "ListOwner-2-moved-and-ended", "ListOwner-2-outlives-a-neighbour"}},
	{"lists escaped keys", listing(func(_ *mapStore, _ context.Context, walk seq) seq {
		return mapped(walk, url.QueryEscape)
	}), []string{"List-live-records", "ListOwner-odd-keys"}},
	{"lists reserved keys", alter(func(a *altered) {
		a.list = func(ctx context.Context) seq {
			return failing(ctx, func(yield func(string, error) bool) {
				yieldAll(a.every(func(_ string, _ store.Record, live bool) bool { return live }), yield)
			})
		}
		a.listOwner = func(ctx context.Context, owner string) seq {
			return failing(ctx, func(yield func(string, error) bool) {
				yieldAll(a.every(func(_ string, rec store.Record, live bool) bool {
					return live && owner != "" && rec.Owner == owner
				}), yield)
			})
		}
	}), []string{"List-1-reserved", "ListOwner-3-reserved-and-nobody"}},
	{"skips keys with a $ anywhere", listing(func(_ *mapStore, _ context.Context, walk seq) seq {
		return func(yield func(string, error) bool) {
			for key, err := range walk {
				if !strings.Contains(key, "$") && !yield(key, err) {
					return
				}
			}
		}
	}), []string{"List-1-reserved"}},
	{"finds its page by counting", alter(func(a *altered) {
		a.list = func(ctx context.Context) seq {
			return failing(ctx, func(yield func(string, error) bool) {
				for at := 0; ; at += 100 {
					keys := a.every(func(key string, _ store.Record, live bool) bool { return live && key[0] != '$' })
					if at >= len(keys) {
						return
					}
					for _, key := range keys[at:min(at+100, len(keys))] {
						if !yield(key, nil) {
							return
						}
					}
				}
			})
		}
	}), []string{"List-2-while-records-come-and-go"}},
	{"finds its page by the expiry", alter(func(a *altered) {
		type place struct {
			end int64
			key string
		}
		a.list = func(ctx context.Context) seq {
			return failing(ctx, func(yield func(string, error) bool) {
				for last := (place{}); ; {
					a.lock.Lock()
					var page []place
					for key, rec := range a.recs {
						p := place{rec.ExpiresAt.UnixMilli(), key}
						if _, live := a.live(key); live && key[0] != '$' && (p.end > last.end || p.end == last.end && key > last.key) {
							page = append(page, p)
						}
					}
					a.lock.Unlock()
					slices.SortFunc(page, func(a, b place) int {
						if a.end != b.end {
							return int(a.end - b.end)
						}
						return strings.Compare(a.key, b.key)
					})
					if len(page) == 0 {
						return
					}
					for _, last = range page[:min(len(page), 100)] {
						if !yield(last.key, nil) {
							return
						}
					}
				}
			})
		}
	}), []string{"List-2-while-records-come-and-go"}},
	{"holds its lock while it walks", alter(func(a *altered) {
		locked := func(ctx context.Context, want func(rec store.Record) bool) seq {
			return failing(ctx, func(yield func(string, error) bool) {
				a.lock.Lock()
				defer a.lock.Unlock()
				for _, key := range slices.Sorted(maps.Keys(a.recs)) {
					if rec, live := a.live(key); live && key[0] != '$' && want(rec) && !yield(key, nil) {
						return
					}
				}
			})
		}
		a.list = func(ctx context.Context) seq { return locked(ctx, func(store.Record) bool { return true }) }
		a.listOwner = func(ctx context.Context, owner string) seq {
			return locked(ctx, func(rec store.Record) bool { return owner != "" && rec.Owner == owner })
		}
	}), []string{"List-3-no-lock", "ListOwner-5-calls-inside"}},
	{"keeps its lock when a walk is given up", listing(func(m *mapStore, _ context.Context, walk seq) seq {
		return func(yield func(string, error) bool) {
			for key, err := range walk {
				if !yield(key, err) {
					m.lock.Lock()
					time.AfterFunc(time.Minute, m.lock.Unlock)
					return
				}
			}
		}
	}), []string{"List-3-no-lock"}},
	{"goes on after an error", listing(func(m *mapStore, ctx context.Context, walk seq) seq {
		return func(yield func(string, error) bool) {
			for key, err := range walk {
				if !yield(key, err) {
					return
				}
			}
			if ctx.Err() != nil {
				yield("", ctx.Err())
			}
		}
	}), []string{"List-4-ended-context", "ListOwner-4-ended-context"}},
	{"has a key beside its error", listing(func(_ *mapStore, _ context.Context, walk seq) seq {
		return func(yield func(string, error) bool) {
			for key, err := range walk {
				if err != nil {
					key = "last"
				}
				if !yield(key, err) {
					return
				}
			}
		}
	}), []string{"List-4-ended-context", "ListOwner-4-ended-context"}},
	{"ends without an error", listing(func(_ *mapStore, _ context.Context, walk seq) seq {
		return func(yield func(string, error) bool) {
			for key, err := range walk {
				if err != nil || !yield(key, err) {
					return
				}
			}
		}
	}), []string{"List-4-ended-context", "ListOwner-4-ended-context"}},
	{"has an error of its own for a walk that is cancelled on its way", listing(func(_ *mapStore, ctx context.Context, walk seq) seq {
		return func(yield func(string, error) bool) {
			if err := ctx.Err(); err != nil {
				yield("", err)
				return
			}
			for key, err := range walk {
				if err != nil {
					err = errors.New("cursor closed")
				}
				if !yield(key, err) {
					return
				}
			}
		}
	}), []string{"List-4-ended-context", "ListOwner-4-ended-context"}},
}

// byOwner is a store whose index is a map of owners to keys, kept by f after each Save
// that lands.
func byOwner(f func(a *altered, index map[string]map[string]bool, key string, before store.Record, c store.Change)) func() store.Store {
	return alter(func(a *altered) {
		lock, index := make(mutex, 1), map[string]map[string]bool{}
		a.save = func(ctx context.Context, key string, c store.Change) (uint64, error) {
			lock.Lock()
			defer lock.Unlock()
			before, _ := a.peek(key)
			version, err := a.mapStore.Save(ctx, key, c)
			if err == nil {
				f(a, index, key, before, c)
			}
			return version, err
		}
		a.listOwner = func(ctx context.Context, owner string) seq {
			return failing(ctx, func(yield func(string, error) bool) {
				lock.Lock()
				keys := slices.Sorted(maps.Keys(index[owner]))
				lock.Unlock()
				keys = slices.DeleteFunc(keys, func(key string) bool {
					_, live := a.peek(key)
					return !live || key[0] == '$'
				})
				yieldAll(keys, yield)
			})
		}
	})
}

func enter(index map[string]map[string]bool, owner, key string) {
	if index[owner] == nil {
		index[owner] = map[string]bool{}
	}
	index[owner][key] = true
}

var brokenOwners = []broken{
	{"enters owners when it creates only", byOwner(func(_ *altered, index map[string]map[string]bool, key string, before store.Record, c store.Change) {
		if c.Create && c.Owner != nil {
			enter(index, *c.Owner, key)
		}
	}), []string{"ListOwner-1-at-once", "ListOwner-1-crowd", "ListOwner-2-moved-and-ended"}},
	{"leaves former owners in the index", byOwner(func(_ *altered, index map[string]map[string]bool, key string, before store.Record, c store.Change) {
		if c.Owner != nil {
			enter(index, *c.Owner, key)
		}
	}), []string{"ListOwner-2-moved-and-ended", "ListOwner-3-reserved-and-nobody"}},
	{"enters owners in a moment", alter(func(a *altered) {
		lock, known := make(mutex, 1), map[string]bool{}
		a.save = func(ctx context.Context, key string, c store.Change) (uint64, error) {
			version, err := a.mapStore.Save(ctx, key, c)
			if err == nil && c.Owner != nil {
				go func() {
					pause()
					lock.Lock()
					defer lock.Unlock()
					known[key] = true
				}()
			}
			return version, err
		}
		a.listOwner = func(ctx context.Context, owner string) seq {
			return func(yield func(string, error) bool) {
				for key, err := range a.mapStore.ListOwner(ctx, owner) {
					lock.Lock()
					late := err == nil && !known[key]
					lock.Unlock()
					if !late && !yield(key, err) {
						return
					}
				}
			}
		}
	}), []string{"ListOwner-1-at-once", "ListOwner-1-crowd"}},
	{"loses entries that are made at once", alter(func(a *altered) {
		lock, index := make(mutex, 1), map[string][]string{}
		a.save = func(ctx context.Context, key string, c store.Change) (uint64, error) {
			version, err := a.mapStore.Save(ctx, key, c)
			if err == nil && c.Owner != nil {
				lock.Lock()
				list := append(slices.Clone(index[*c.Owner]), key)
				lock.Unlock()
				pause()
				lock.Lock()
				index[*c.Owner] = list
				lock.Unlock()
			}
			return version, err
		}
		a.listOwner = func(ctx context.Context, owner string) seq {
			return failing(ctx, func(yield func(string, error) bool) {
				lock.Lock()
				keys := index[owner]
				lock.Unlock()
				yieldAll(keys, yield)
			})
		}
	}), []string{"ListOwner-1-crowd", "ListOwner-many"}},
	{"lists the first page only", alter(func(a *altered) {
		a.listOwner = func(ctx context.Context, owner string) seq {
			return failing(ctx, func(yield func(string, error) bool) {
				yieldAll(a.page("", func(rec store.Record) bool { return owner != "" && rec.Owner == owner }), yield)
			})
		}
	}), []string{"ListOwner-many"}},
	{"takes owners for patterns", alter(func(a *altered) {
		a.listOwner = func(ctx context.Context, owner string) seq {
			prefix, pattern := strings.CutSuffix(owner, "%")
			return a.walk(ctx, func(rec store.Record) bool {
				return owner != "" && (rec.Owner == owner || pattern && strings.HasPrefix(rec.Owner, prefix))
			})
		}
	}), []string{"ListOwner-2-others"}},
	{"folds the case of owners in the index", alter(func(a *altered) {
		a.listOwner = func(ctx context.Context, owner string) seq {
			return a.walk(ctx, func(rec store.Record) bool { return owner != "" && strings.EqualFold(rec.Owner, owner) })
		}
	}), []string{"ListOwner-2-others"}},
	{"lists anonymous records for nobody", alter(func(a *altered) {
		a.listOwner = func(ctx context.Context, owner string) seq {
			return a.walk(ctx, func(rec store.Record) bool { return rec.Owner == owner })
		}
	}), []string{"ListOwner-3-reserved-and-nobody"}},
	{"has an index that ends with its first record", alter(func(a *altered) {
		lock, ends := make(mutex, 1), map[string]time.Time{}
		a.save = func(ctx context.Context, key string, c store.Change) (uint64, error) {
			version, err := a.mapStore.Save(ctx, key, c)
			if err == nil && c.Owner != nil {
				rec, _ := a.peek(key)
				lock.Lock()
				defer lock.Unlock()
				ends[rec.Owner] = rec.ExpiresAt
			}
			return version, err
		}
		a.listOwner = func(ctx context.Context, owner string) seq {
			lock.Lock()
			defer lock.Unlock()
			if time.Now().After(ends[owner]) {
				owner = ""
			}
			return a.mapStore.ListOwner(ctx, owner)
		}
	}), []string{"ListOwner-2-outlives-a-neighbour"}},
	{"cuts owners at a dot in the index", alter(func(a *altered) {
		a.listOwner = func(ctx context.Context, owner string) seq {
			owner, _, _ = strings.Cut(owner, ".")
			return a.mapStore.ListOwner(ctx, owner)
		}
	}), []string{"ListOwner-live-records"}},
}

// sweeping is a store whose Sweep looks for keys first, pauses, and removes then.
func sweeping(due func(m *mapStore, key string) bool) func() store.Store {
	return alter(func(a *altered) {
		a.sweep = func(ctx context.Context, limit int) (int, error) {
			if err := ctx.Err(); err != nil {
				return 0, err
			}
			a.lock.Lock()
			var keys []string
			for key := range a.recs {
				if len(keys) < limit && due(a.mapStore, key) {
					keys = append(keys, key)
				}
			}
			a.lock.Unlock()
			pause()
			a.lock.Lock()
			defer a.lock.Unlock()
			for _, key := range keys {
				delete(a.recs, key)
			}
			return len(keys), nil
		}
	})
}

// dueWithin tells what a clock that is ahead takes for expired.
func dueWithin(ahead time.Duration) func(m *mapStore, key string) bool {
	return func(m *mapStore, key string) bool { return m.recs[key].ExpiresAt.Before(time.Now().Add(ahead)) }
}

var brokenSweeps = []broken{
	{"sweeps what it found a while ago", sweeping(dueWithin(0)), []string{"Sweep-1-created-meanwhile"}},
	{"sweeps by a clock that is a little ahead", sweeping(dueWithin(3 * time.Millisecond)), []string{"Sweep-1-extended-meanwhile"}},
	{"sweeps by a clock that is ahead", sweeping(dueWithin(time.Minute)), []string{"Sweep-1-live-records"}},
	{"sweeps everything", sweeping(func(*mapStore, string) bool { return true }), []string{
		"Sweep-1-live-records", "Sweep-1-extended-before", "Sweep-1-created-meanwhile", "Sweep-2-several-at-once", "Sweep-3-same-answers",
	}},
	{"sweeps reserved keys", sweeping(func(m *mapStore, key string) bool {
		_, live := m.live(key)
		return !live || key[0] == '$'
	}), []string{"Sweep-1-live-records"}},
	{"sweeps by the expiry at creation", alter(func(a *altered) {
		lock, ends := make(mutex, 1), map[string]time.Time{}
		a.save = func(ctx context.Context, key string, c store.Change) (uint64, error) {
			version, err := a.mapStore.Save(ctx, key, c)
			if err == nil && c.Create {
				lock.Lock()
				ends[key] = c.ExpiresAt
				lock.Unlock()
			}
			return version, err
		}
		a.sweep = func(ctx context.Context, limit int) (removed int, err error) {
			lock.Lock()
			defer lock.Unlock()
			for key, end := range ends {
				if removed < limit && end.Before(time.Now()) {
					delete(ends, key)
					if err := a.mapStore.Delete(ctx, key); err != nil {
						return removed, err
					}
					removed++
				}
			}
			return removed, ctx.Err()
		}
	}), []string{"Sweep-1-extended-before"}},
	{"has no limit", alter(func(a *altered) {
		a.sweep = func(ctx context.Context, _ int) (int, error) { return a.mapStore.Sweep(ctx, 1000) }
	}), []string{"Sweep-limit", "Sweep-2-several-at-once"}},
	{"has one sweep at a time and is busy for the rest", alter(func(a *altered) {
		one := make(mutex, 1)
		a.sweep = func(ctx context.Context, limit int) (int, error) {
			select {
			case one <- struct{}{}:
				pause()
				<-one
				return a.mapStore.Sweep(ctx, limit)
			default:
				return 0, errors.New("a sweep is under way")
			}
		}
	}), []string{"Sweep-2-several-at-once"}},
	{"says that more is due for ever", alter(func(a *altered) {
		a.sweep = func(ctx context.Context, limit int) (int, error) {
			if _, err := a.mapStore.Sweep(ctx, limit); err != nil {
				return 0, err
			}
			return limit, nil
		}
	}), []string{"Sweep-limit"}},
}
