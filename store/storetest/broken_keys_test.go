package storetest_test

import (
	"context"
	"errors"
	"path"
	"strings"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
)

var brokenKeys = []broken{
	{"folds the case of keys", keyed(strings.ToLower), []string{"Store-2-every-byte-counts", "Store-2-long"}},
	{"trims keys", keyed(strings.TrimSpace), []string{"Store-2-every-byte-counts"}},
	{"takes keys for paths", keyed(path.Clean), []string{"Store-2-every-byte-counts"}},
	{"takes keys for SQL", refusing(func(key string, _ store.Change) error {
		if strings.Contains(key, "'") {
			return errors.New("unterminated string")
		}
		return nil
	}), []string{"Store-2-every-byte-counts"}},
	{"keeps 255 bytes of a key", keyed(func(key string) string { return key[:min(len(key), 255)] }), []string{"Store-2-long"}},
	{"has keys of at most 250 bytes", refusing(func(key string, _ store.Change) error {
		if len(key) > 250 {
			return errors.New("key too long")
		}
		return nil
	}), []string{"Store-2-long"}},
	{"has keys of at least 8 bytes", refusing(func(key string, _ store.Change) error {
		if len(key) < 8 {
			return errors.New("key too short")
		}
		return nil
	}), []string{"Store-2-short"}},
	{"keeps two bytes in common", keyed(func(key string) string { return key[:min(len(key), 2)] }), []string{"Store-2-every-byte-counts"}},
	{"takes any short key for one", alter(func(a *altered) {
		a.save = func(ctx context.Context, key string, c store.Change) (uint64, error) {
			if len(key) == 1 && c.Create {
				return 0, store.ErrExists
			}
			return a.mapStore.Save(ctx, key, c)
		}
	}), []string{"Store-2-short"}},
}

var brokenExpiry = []broken{
	{"returns what has expired until it is swept", alter(func(a *altered) {
		a.load = func(_ context.Context, key string) (store.Record, error) {
			a.lock.Lock()
			defer a.lock.Unlock()
			rec, ok := a.recs[key]
			if !ok {
				return rec, store.ErrNotFound
			}
			return rec, nil
		}
	}), []string{"Store-3-past-expiry", "Store-3-created-expired", "Store-3-by-itself", "Save-5-past", "Sweep-3-same-answers"}},
	{"edits what has expired until it is swept", alter(func(a *altered) {
		a.save = func(_ context.Context, key string, c store.Change) (uint64, error) {
			a.lock.Lock()
			defer a.lock.Unlock()
			rec, ok := a.recs[key]
			_, live := a.live(key)
			rec, err := store.Apply(rec, ok && (live || !c.Create), c)
			if err == nil {
				a.recs[key] = rec
			}
			return rec.Version, err
		}
	}), []string{"Store-3-past-expiry", "Store-3-created-expired", "Store-3-by-itself", "Save-1-expired", "Sweep-3-same-answers"}},
	{"keeps the first timer of a record", alter(func(a *altered) {
		a.save = func(ctx context.Context, key string, c store.Change) (uint64, error) {
			version, err := a.mapStore.Save(ctx, key, c)
			if err == nil && c.Create {
				time.AfterFunc(time.Until(c.ExpiresAt), func() { _ = a.mapStore.Delete(ctx, key) })
			}
			return version, err
		}
	}), []string{"Store-3-by-itself", "Sweep-1-extended-before", "ListOwner-2-outlives-a-neighbour"}},
	{"looks at the expiry when it saves only", alter(func(a *altered) {
		a.load = func(_ context.Context, key string) (store.Record, error) {
			a.lock.Lock()
			defer a.lock.Unlock()
			rec, ok := a.recs[key]
			if !ok || rec.ExpiresAt.Before(time.Now().Add(-time.Minute)) {
				return rec, store.ErrNotFound
			}
			return rec, nil
		}
	}), []string{"Store-3-by-itself"}},
}

var brokenContext = []broken{
	{"ignores contexts", alter(func(a *altered) {
		a.load = func(_ context.Context, key string) (store.Record, error) {
			return a.mapStore.Load(context.Background(), key)
		}
		a.sweep = func(_ context.Context, limit int) (int, error) { return a.mapStore.Sweep(context.Background(), limit) }
		a.ping = func(context.Context) error { return nil }
		a.list = func(context.Context) seq { return a.mapStore.List(context.Background()) }
		a.listOwner = func(_ context.Context, owner string) seq {
			return a.mapStore.ListOwner(context.Background(), owner)
		}
		a.loadFields = func(_ context.Context, key string, names ...string) (store.Record, error) {
			return a.mapStore.LoadFields(context.Background(), key, names...)
		}
	}), []string{"Store-4-ended", "Store-4-ended-sweep", "Store-4-ended-ping", "List-4-ended-context", "ListOwner-4-ended-context", "LoadFields-3-errors"}},
	{"saves with a context that has ended, and says so", alter(func(a *altered) {
		a.save = func(ctx context.Context, key string, c store.Change) (uint64, error) {
			version, err := a.mapStore.Save(context.WithoutCancel(ctx), key, c)
			return version, errors.Join(err, ctx.Err())
		}
	}), []string{"Store-4-ended"}},
	{"deletes with a context that has ended, and says so", alter(func(a *altered) {
		a.remove = func(ctx context.Context, key string) error {
			return errors.Join(a.mapStore.Delete(context.WithoutCancel(ctx), key), ctx.Err())
		}
	}), []string{"Store-4-ended"}},
	{"does not see deadlines", alter(func(a *altered) {
		a.load = func(ctx context.Context, key string) (store.Record, error) {
			if errors.Is(ctx.Err(), context.DeadlineExceeded) {
				return store.Record{}, errors.New("i/o timeout")
			}
			return a.mapStore.Load(ctx, key)
		}
	}), []string{"Store-4-ended"}},
	{"has words of its own for a cancelled call", alter(func(a *altered) {
		a.save = func(ctx context.Context, key string, c store.Change) (uint64, error) {
			select {
			case <-ctx.Done():
				return 0, errors.New("aborted")
			case <-time.After(500 * time.Microsecond):
				return a.mapStore.Save(context.Background(), key, c)
			}
		}
	}), []string{"Store-4-cut-short"}},
	{"is cut short between two fields", alter(func(a *altered) {
		a.save = func(ctx context.Context, key string, c store.Change) (uint64, error) {
			first := c
			first.Set = c.Set.Pick("a")
			if c.Create || first.Set.Len() == 0 {
				return a.mapStore.Save(ctx, key, c)
			}
			if _, err := a.mapStore.Save(ctx, key, first); err != nil {
				return 0, err
			}
			time.Sleep(500 * time.Microsecond)
			return a.mapStore.Save(ctx, key, c)
		}
	}), []string{"Store-4-cut-short"}},
	{"answers long after the context has ended", alter(func(a *altered) {
		a.save = func(ctx context.Context, key string, c store.Change) (uint64, error) {
			if c.Set.Len() > 2 {
				time.Sleep(time.Minute)
			}
			return a.mapStore.Save(ctx, key, c)
		}
	}), []string{"Store-4-cut-short"}},
	{"writes in the background, unless the context ends first", alter(func(a *altered) {
		a.save = func(ctx context.Context, key string, c store.Change) (uint64, error) {
			if c.Set.Len() < 3 {
				return a.mapStore.Save(ctx, key, c)
			}
			go func() {
				time.Sleep(time.Millisecond)
				_, _ = a.mapStore.Save(ctx, key, c)
			}()
			return 1, nil
		}
	}), []string{"Store-4-cut-short"}},
	{"has one caller at a time and is busy for the rest", alter(func(a *altered) {
		one := make(mutex, 1)
		a.save = func(ctx context.Context, key string, c store.Change) (uint64, error) {
			select {
			case one <- struct{}{}:
				time.Sleep(10 * time.Microsecond)
				<-one
				return a.mapStore.Save(ctx, key, c)
			default:
				return 0, errors.New("the database is locked")
			}
		}
	}), []string{"Store-1-all-calls-at-once"}},
}
