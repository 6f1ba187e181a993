package cloakroom_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/store"
)

var errStore = errors.New("connection refused")

func (r *rig) failLoads() {
	r.spy.meddle(func(s *spy) {
		s.load = func(context.Context, string) (store.Record, error) { return store.Record{}, errStore }
	})
}

// loseAnswers makes every Save fail, though what it sent has landed or has not.
func (r *rig) loseAnswers(landed bool) {
	r.spy.meddle(func(s *spy) {
		s.save = func(ctx context.Context, key string, c store.Change) (uint64, error) {
			if landed {
				if _, err := s.Store.Save(ctx, key, c); err != nil {
					r.t.Error(err)
				}
			}
			return 0, errStore
		}
	})
}

func TestInAnOutageARequestWithACookieGets503AndKeepsIt(t *testing.T) {
	r := newRig(t, nil)
	cookie := r.fresh()
	r.failLoads()
	res := r.with(func(*cloakroom.Session) { t.Error("the handler ran") }, cookie)
	if res.StatusCode != 503 || res.Header.Get("Retry-After") == "" || len(res.Header["Set-Cookie"]) != 0 {
		t.Errorf("status %d, header %v", res.StatusCode, res.Header)
	}
	e, ok := find(r.log.take(), func(cloakroom.Outage) bool { return true })
	if !ok || e.Op != "load" || !errors.Is(e.Err, errStore) {
		t.Errorf("told %+v", e)
	}
	r.spy.meddle(func(s *spy) { s.load = nil })
	if !r.opens(cookie) {
		t.Error("after the outage the cookie does not open the session")
	}
}

func TestInAnOutageARequestWithoutACookieGoesOn(t *testing.T) {
	r := newRig(t, nil)
	r.failLoads()
	ran := false
	if res := r.with(func(s *cloakroom.Session) { ran = s.IsNew() }); !ran || res.StatusCode != 200 {
		t.Errorf("ran %v, status %d", ran, res.StatusCode)
	}
}

func TestLoadErrorsAreTheSameEveryTime(t *testing.T) {
	r := newRig(t, nil)
	cookie := r.fresh()
	r.failLoads()
	r.do(func(_ http.ResponseWriter, req *http.Request) {
		_, a := r.m.Load(req.Context())
		_, b := r.m.Load(req.Context())
		if a != b || !errors.Is(a, cloakroom.ErrUnavailable) || !errors.Is(a, errStore) {
			t.Errorf("%v, then %v", a, b)
		}
	}, cookie)
	if loads, _, _ := r.spy.calls(); loads != 1 {
		t.Errorf("%d loads", loads)
	}
}

// All store calls of a request share StoreTimeout.
func TestAnAnswerComesWithinStoreTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, &cloakroom.Config{StoreTimeout: time.Second})
		cookie := r.fresh()
		slow := func(ctx context.Context, d time.Duration) error {
			select {
			case <-time.After(d):
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		r.spy.meddle(func(s *spy) {
			s.load = func(ctx context.Context, key string) (store.Record, error) {
				if err := slow(ctx, 600*time.Millisecond); err != nil {
					return store.Record{}, err
				}
				return s.Store.Load(ctx, key)
			}
			s.save = func(ctx context.Context, key string, c store.Change) (uint64, error) {
				return 0, slow(ctx, 600*time.Millisecond)
			}
		})
		start := time.Now()
		res := r.with(func(s *cloakroom.Session) { time.Sleep(time.Hour); visits.Set(s, 1) }, cookie)
		if took := time.Since(start) - time.Hour; res.StatusCode != 503 || took != time.Second {
			t.Errorf("status %d after %v in the store", res.StatusCode, took)
		}
		// A stream goes on for long: after its first byte each call has the whole time.
		r.do(func(w http.ResponseWriter, req *http.Request) {
			s, err := r.m.Load(req.Context())
			if err != nil {
				t.Fatal(err)
			}
			w.WriteHeader(200)
			r.spy.meddle(func(y *spy) {
				y.save = func(ctx context.Context, key string, c store.Change) (uint64, error) {
					if err := slow(ctx, 900*time.Millisecond); err != nil {
						return 0, err
					}
					return y.Store.Save(ctx, key, c)
				}
			})
			for i := range 3 {
				visits.Set(s, i+1)
				if err := s.Save(req.Context()); err != nil {
					t.Errorf("save %d: %v", i, err)
				}
			}
		}, cookie)
	})
}

func TestConflictsEndWithStoreTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		cookie := r.fresh()
		r.spy.meddle(func(s *spy) {
			s.save = func(context.Context, string, store.Change) (uint64, error) { return 0, store.ErrConflict }
		})
		start := time.Now()
		res := r.with(func(s *cloakroom.Session) { visits.Update(s, func(n int) int { return n + 1 }) }, cookie)
		if took := time.Since(start); res.StatusCode != 503 || took > 2*time.Second {
			t.Errorf("status %d after %v", res.StatusCode, took)
		}
	})
}

// A Save whose answer was lost may have landed: doing it again could count twice.
func TestAnUncertainSaveIsNeverRepeated(t *testing.T) {
	r := newRig(t, nil)
	cookie := r.fresh()
	add := func(n int) int { return n + 1 }
	r.loseAnswers(true)
	if res := r.with(func(s *cloakroom.Session) { visits.Update(s, add) }, cookie); res.StatusCode != 503 {
		t.Errorf("status %d", res.StatusCode)
	}
	if got := visits.Get(s0(r, cookie)); got != 1 {
		t.Errorf("%d visits", got)
	}

	// With an explicit Save the handler decides what to do.
	ctx := context.Background()
	r.with(func(s *cloakroom.Session) {
		visits.Update(s, add)
		if err := s.Save(ctx); !errors.Is(err, cloakroom.ErrUnavailable) {
			t.Errorf("Save: %v", err)
		}
		r.spy.meddle(func(y *spy) { y.save = nil })
		if err := s.Save(ctx); !errors.Is(err, cloakroom.ErrUnavailable) {
			t.Errorf("a second Save must not look like success: %v", err)
		}
		name.Set(s, "after")
		if err := s.Save(ctx); !errors.Is(err, cloakroom.ErrUnavailable) {
			t.Errorf("further edits are refused until Reload: %v", err)
		}
		if err := s.Reload(ctx); err != nil {
			t.Error(err)
		}
		if visits.Get(s) != 2 {
			t.Errorf("%d visits after Reload", visits.Get(s))
		}
	}, cookie)
	if s := s0(r, cookie); visits.Get(s) != 2 || name.Get(s) != "after" {
		t.Errorf("%d visits, name %q", visits.Get(s), name.Get(s))
	}
}

func TestAnUncertainCreateLeavesNoCookieAndCanBeginAgain(t *testing.T) {
	r := newRig(t, nil)
	r.loseAnswers(true)
	res := r.with(func(s *cloakroom.Session) {
		name.Set(s, "x")
		if err := s.Save(context.Background()); !errors.Is(err, cloakroom.ErrUnavailable) {
			t.Errorf("Save: %v", err)
		}
		r.spy.meddle(func(y *spy) { y.save = nil })
		if err := s.Reload(context.Background()); err != nil {
			t.Error(err)
		}
		name.Set(s, "again")
	})
	if c := ticket(res); c == "" || name.Get(s0(r, c)) != "again" {
		t.Errorf("cookie %q", c)
	}
}

func TestAClientThatHasLeftIsNoOutage(t *testing.T) {
	r := newRig(t, nil)
	cookie := r.fresh()
	ctx, leave := context.WithCancel(context.Background())
	r.spy.meddle(func(s *spy) {
		s.load = func(ctx context.Context, _ string) (store.Record, error) {
			leave()
			<-ctx.Done()
			return store.Record{}, ctx.Err()
		}
	})
	req := httptest.NewRequestWithContext(ctx, "GET", "https://example.com/", nil)
	req.Header.Set("Cookie", cookie)
	w := httptest.NewRecorder()
	r.m.Handler(r.m.Func(func(http.ResponseWriter, *http.Request, *cloakroom.Session) { t.Error("ran") })).ServeHTTP(w, req)
	if events := r.log.take(); len(events) != 0 || w.Body.Len() != 0 {
		t.Errorf("events %+v, body %q", events, w.Body)
	}
}

// A store that answers nonsense signs out and is told on; it never gets a 500.
func TestNonsenseFromTheStoreSignsOut(t *testing.T) {
	r := newRig(t, nil)
	cookie := r.fresh()
	good, err := r.record(cookie)
	if err != nil {
		t.Fatal(err)
	}
	with := func(name, value string) store.Record {
		set, err := store.NewFields(store.Field{Name: name, Value: value})
		if err != nil {
			t.Fatal(err)
		}
		rec := good
		rec.Fields = good.Fields.With(set)
		return rec
	}
	without := func(name string) store.Record {
		rec := good
		rec.Fields = good.Fields.With(store.Fields{}, name)
		return rec
	}
	version0, expired, empty := good, good, good
	version0.Version = 0
	expired.ExpiresAt = r.clock.Now().Add(-time.Minute)
	skewed := good
	skewed.ExpiresAt = r.clock.Now().Add(-time.Second)
	empty.Fields = store.Fields{}
	for what, tc := range map[string]struct {
		rec    store.Record
		err    error
		reason cloakroom.Reason
		detail string
	}{
		"version 0":       {version0, nil, cloakroom.ReasonStoreRule, "version 0"},
		"expired":         {expired, nil, cloakroom.ReasonStoreRule, "expired"},
		"other clock":     {skewed, nil, cloakroom.ReasonIdle, ""},
		"no fields":       {empty, nil, cloakroom.ReasonBadRecord, "$created"},
		"no secret":       {without("$secret"), nil, cloakroom.ReasonBadSecret, ""},
		"not JSON":        {with("$created", "{"), nil, cloakroom.ReasonBadRecord, "$created"},
		"a string":        {with("$created", `"1"`), nil, cloakroom.ReasonBadRecord, "$created"},
		"negative":        {with("$seen", "-1"), nil, cloakroom.ReasonBadRecord, "$seen"},
		"year 300000":     {with("$start", "9999999999999999"), nil, cloakroom.ReasonBadRecord, "$start"},
		"short hash":      {with("$secret", `"abc"`), nil, cloakroom.ReasonBadRecord, "$secret"},
		"odd epoch":       {with("$epoch", `"one"`), nil, cloakroom.ReasonBadRecord, "$epoch"},
		"odd limits":      {with("$limits", `[]`), nil, cloakroom.ReasonBadRecord, "$limits"},
		"negative limits": {with("$limits", `{"idle":-5}`), nil, cloakroom.ReasonBadRecord, "$limits"},
		"odd previous":    {with("$previous", `["x",1]`), nil, cloakroom.ReasonBadRecord, "$previous"},
		"bad bytes":       {store.Record{}, fmt.Errorf("row 7: %w", store.ErrMalformed), cloakroom.ReasonBadRecord, "row 7"},
	} {
		r.spy.meddle(func(s *spy) {
			s.load = func(context.Context, string) (store.Record, error) { return tc.rec, tc.err }
		})
		r.log.take()
		res := r.with(func(s *cloakroom.Session) {
			if !s.IsNew() || s.Has("name") {
				t.Errorf("%s: the session opened", what)
			}
		}, cookie)
		e, _ := find(r.log.take(), func(cloakroom.Rejected) bool { return true })
		if res.StatusCode != 200 || e.Reason != tc.reason || !strings.Contains(e.Detail, tc.detail) || e.ID != key(cookie) {
			t.Errorf("%s: status %d, told %+v", what, res.StatusCode, e)
		}
	}
}

func TestAStoreThatDoesNotRaiseVersionsIsToldOn(t *testing.T) {
	for _, version := range []uint64{0, 1} {
		r := newRig(t, nil)
		cookie := r.fresh()
		lie := func(s *spy) {
			s.save = func(ctx context.Context, key string, c store.Change) (uint64, error) {
				_, err := s.Store.Save(ctx, key, c)
				return version, err
			}
		}
		r.spy.meddle(lie)
		res := r.with(func(s *cloakroom.Session) { visits.Set(s, 1) }, cookie)
		if w, ok := find(r.log.take(), func(cloakroom.Warning) bool { return true }); res.StatusCode != 200 || !ok || !strings.Contains(w.Problem, "version") {
			t.Errorf("%d: status %d, told %+v", version, res.StatusCode, w)
		}
	}
	r := newRig(t, nil)
	r.spy.meddle(func(s *spy) {
		s.save = func(ctx context.Context, key string, c store.Change) (uint64, error) {
			_, err := s.Store.Save(ctx, key, c)
			return 0, err
		}
	})
	if c := ticket(r.with(func(s *cloakroom.Session) { name.Set(s, "x") })); !r.opens(c) {
		t.Error("the new session does not open")
	}
}

func TestARecordReplacedDuringAConflictEndsTheSession(t *testing.T) {
	r := newRig(t, nil)
	cookie := r.fresh()
	p := r.park(func(s *cloakroom.Session) { visits.Update(s, func(n int) int { return n + 1 }) }, cookie)
	r.with(func(s *cloakroom.Session) { visits.Set(s, 5) }, cookie)
	r.spy.meddle(func(s *spy) {
		s.load = func(context.Context, string) (store.Record, error) { return store.Record{Version: 9}, nil }
	})
	r.log.take()
	if res := p.finish(); res.StatusCode != 200 {
		t.Errorf("status %d", res.StatusCode)
	}
	if _, ok := find(r.log.take(), func(d cloakroom.Dropped) bool { return d.Reason == cloakroom.ReasonGone }); !ok {
		t.Error("the dropped edit was not told")
	}
}

func TestAKeyThatIsTakenIsAnErrorAndOverwritesNothing(t *testing.T) {
	r := newRig(t, nil)
	r.spy.meddle(func(s *spy) {
		s.save = func(context.Context, string, store.Change) (uint64, error) { return 0, store.ErrExists }
	})
	res := r.with(func(s *cloakroom.Session) { name.Set(s, "x") })
	if res.StatusCode != 500 || ticket(res) != "" {
		t.Errorf("status %d, cookie %q", res.StatusCode, ticket(res))
	}
}

func TestFailAnswersByKindOfError(t *testing.T) {
	r := newRig(t, nil)
	for _, tc := range []struct {
		err    error
		status int
	}{
		{fmt.Errorf("wrapped: %w", cloakroom.ErrUnavailable), 503},
		{errors.New("a mistake"), 500},
		{cloakroom.ErrEnded, 409},
		{store.ErrConflict, 409},
	} {
		res := r.do(func(w http.ResponseWriter, req *http.Request) {
			s, _ := r.m.Load(req.Context())
			name.Set(s, "dropped")
			r.m.Fail(w, req, tc.err)
		})
		if _, saves, _ := r.spy.calls(); res.StatusCode != tc.status || saves != 0 || res.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%v: status %d, %d saves, %v", tc.err, res.StatusCode, saves, res.Header)
		}
	}
}

func TestTheDefaultObserverLogsWhatSomebodyMustActOn(t *testing.T) {
	var out bytes.Buffer
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(&out, nil)))
	defer slog.SetDefault(before)
	r := newRig(t, nil)
	m, err := cloakroom.New(r.spy, &cloakroom.Config{Now: r.clock.Now, Insecure: true})
	if err != nil {
		t.Fatal(err)
	}
	r.m = m
	for _, want := range []string{"level=WARN", "Insecure", "remedy="} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q for Insecure in %q", want, &out)
		}
	}
	out.Reset()
	cookie := ticket(r.with(func(s *cloakroom.Session) { name.Set(s, "x") }))
	r.with(func(s *cloakroom.Session) { s.Renew() }, cookie)
	r.with(func(s *cloakroom.Session) {}, "session=junk")
	if out.Len() != 0 {
		t.Errorf("everyday events are logged: %q", &out)
	}
	r.do(func(w http.ResponseWriter, req *http.Request) {
		s, _ := m.Load(req.Context())
		w.WriteHeader(200)
		name.Set(s, "late")
	}, cookie)
	if got := out.String(); !strings.Contains(got, "name") || !strings.Contains(got, "Save") {
		t.Errorf("a late edit: %q", got)
	}
	out.Reset()
	r.failLoads()
	r.with(func(s *cloakroom.Session) {}, "session="+strings.Repeat("A", 43))
	if got := out.String(); !strings.Contains(got, "level=ERROR") || !strings.Contains(got, "connection refused") {
		t.Errorf("an outage: %q", got)
	}
}

// A deadline of the request, such as a timeout middleware sets, is not the store's fault.
func TestADeadlineOfTheRequestIsNoOutageOfTheStore(t *testing.T) {
	r := newRig(t, nil)
	cookie := r.fresh()
	ctx, cancel := context.WithDeadline(context.Background(), time.Now().Add(-time.Second))
	defer cancel()
	r.spy.meddle(func(s *spy) {
		s.load = func(ctx context.Context, _ string) (store.Record, error) { return store.Record{}, ctx.Err() }
	})
	req := httptest.NewRequestWithContext(ctx, "GET", "https://example.com/", nil)
	req.Header.Set("Cookie", cookie)
	w := httptest.NewRecorder()
	r.m.Handler(r.m.Func(func(http.ResponseWriter, *http.Request, *cloakroom.Session) { t.Error("ran") })).ServeHTTP(w, req)
	if events := r.log.take(); len(events) != 0 || w.Code != 503 {
		t.Errorf("events %+v, status %d", events, w.Code)
	}
}

// Bytes that became no record after the load sign out; they are no mistake of the program.
func TestARecordThatBecomesMalformedEndsTheSession(t *testing.T) {
	r := newRig(t, nil)
	for what, f := range map[string]func(s *spy){
		"save": func(s *spy) {
			s.save = func(context.Context, string, store.Change) (uint64, error) { return 0, store.ErrMalformed }
		},
		"reload": func(s *spy) {
			s.save = func(context.Context, string, store.Change) (uint64, error) { return 0, store.ErrConflict }
			s.load = func(context.Context, string) (store.Record, error) { return store.Record{}, store.ErrMalformed }
		},
	} {
		cookie := r.fresh()
		p := r.park(func(s *cloakroom.Session) { visits.Set(s, 1) }, cookie)
		r.spy.meddle(f)
		if res := p.finish(); res.StatusCode != 200 || ticket(res) != "" {
			t.Errorf("%s: status %d, cookie %q", what, res.StatusCode, ticket(res))
		}
		r.spy.meddle(func(s *spy) { s.load, s.save = nil, nil })
		if _, ok := find(r.log.take(), func(d cloakroom.Dropped) bool { return d.Reason == cloakroom.ReasonGone }); !ok {
			t.Errorf("%s: the dropped edit was not told", what)
		}
	}
}
