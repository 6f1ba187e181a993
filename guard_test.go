package cloakroom_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/store"
)

type peeker struct{ m *cloakroom.Manager }

func (p *peeker) Observe(ctx context.Context, _ cloakroom.Event) {
	if s, err := p.m.Load(ctx); err == nil {
		_ = s.Owner()
	}
}

// A bubble whose goroutines wait for each other fails.
func TestAnObserverMayLoadTheSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		p := &peeker{}
		m, err := cloakroom.New(r.spy, &cloakroom.Config{Observer: p})
		if err != nil {
			t.Fatal(err)
		}
		p.m, r.m = m, m
		r.with(func(*cloakroom.Session) {}, "__Host-session=bad")
		r.failLoads()
		r.with(func(*cloakroom.Session) {}, "__Host-session="+strings.Repeat("A", 43))
	})
}

func TestLimitsSetBeforeTheFirstFieldSurviveASave(t *testing.T) {
	r := newRig(t, &cloakroom.Config{Cookie: cloakroom.Cookie{BrowserSession: true}})
	r.with(func(s *cloakroom.Session) {
		s.SetPersistent(true)
		if err := s.Save(context.Background()); err != nil {
			t.Error(err)
		}
		visits.Set(s, 1)
		if !s.Persistent() {
			t.Error("SetPersistent was lost by Save")
		}
	})
}

func TestAValueReachesNeitherErrNorEvent(t *testing.T) {
	r := newRig(t, nil)
	when := cloakroom.NewKey[time.Time]("name")
	cookie := ticket(r.with(func(s *cloakroom.Session) { name.Set(s, "hunter2") }))
	r.log.take()
	r.with(func(s *cloakroom.Session) {
		when.Get(s)
		if strings.Contains(s.Err().Error(), "hunter2") {
			t.Error("value in Err")
		}
	}, cookie)
	if strings.Contains(sprint(r.log.take()), "hunter2") {
		t.Error("value in events")
	}
}

func TestASessionPrintsWithoutItsSecret(t *testing.T) {
	r := newRig(t, nil)
	cookie := r.fresh()
	r.with(func(s *cloakroom.Session) {
		if strings.Contains(fmt.Sprintf("%+v", s), secret(cookie)) {
			t.Error("a printed Session holds the secret")
		}
	}, cookie)
}

func TestAKeyThatNewKeyDidNotMakePanicsNowhere(t *testing.T) {
	r := newRig(t, nil)
	r.with(func(s *cloakroom.Session) {
		var k cloakroom.Key[int]
		k.Set(s, 1)
		func() {
			defer func() {
				if p := recover(); p != nil {
					t.Error(p)
				}
			}()
			s.Names()
		}()
	})
}

func TestAReloadDuringASignInInheritsNothing(t *testing.T) {
	r := newRig(t, nil)
	before := ticket(r.with(func(s *cloakroom.Session) { s.SignIn("ann"); name.Set(s, "ann's") }))
	r.with(func(s *cloakroom.Session) {
		loading, signed := make(chan struct{}), make(chan struct{})
		r.spy.meddle(func(y *spy) {
			y.load = func(ctx context.Context, key string) (store.Record, error) {
				rec, err := y.Store.Load(ctx, key)
				close(loading)
				<-signed
				return rec, err
			}
		})
		go func() { <-loading; s.SignIn("bob"); close(signed) }()
		if err := s.Reload(context.Background()); err != nil {
			t.Log(err)
		}
		r.spy.meddle(func(y *spy) { y.load = nil })
		if s.Owner() != "bob" || s.Has("name") || !s.IsNew() {
			t.Errorf("owner %q sees ann's fields %v", s.Owner(), s.Names())
		}
	}, before)
}

func TestCookiesOfOthersWithTheSameNameStay(t *testing.T) {
	r := newRig(t, &cloakroom.Config{Insecure: true})
	res := r.do(func(w http.ResponseWriter, req *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "session", Path: "/old", MaxAge: -1})
		s, _ := r.m.Load(req.Context())
		visits.Set(s, 1)
	})
	if n := len(res.Header["Set-Cookie"]); n != 2 {
		t.Errorf("Set-Cookie: %v", res.Header["Set-Cookie"])
	}
}

func TestATokenThatNoCookieMayHoldIsRefused(t *testing.T) {
	r := newRig(t, &cloakroom.Config{Tokens: evil{}})
	res := r.with(func(s *cloakroom.Session) { visits.Set(s, 1) })
	if strings.Contains(strings.Join(res.Header["Set-Cookie"], "\n"), "Domain=evil") {
		t.Error(res.Header["Set-Cookie"])
	}
}

func TestManyMalformedTokensAreOneEvent(t *testing.T) {
	r := newRig(t, nil)
	r.with(func(s *cloakroom.Session) {}, strings.Repeat("__Host-session=x;", 50000))
	if n := len(r.log.take()); n > 10 {
		t.Errorf("%d events from one request", n)
	}
}

type evil struct{}

func (evil) New(context.Context) (cloakroom.Token, error) {
	return cloakroom.Token{Key: "k1", Secret: "s"}, nil
}

func (evil) Parse(t string) (cloakroom.Token, bool) {
	return cloakroom.Token{Key: "$epoch:" + t, Secret: "x"}, true
}
func (evil) Format(t cloakroom.Token) string { return "a b; Domain=evil.example" }

func TestAKeyOfTheManagersOwnRecordsIsNoToken(t *testing.T) {
	r := newRig(t, &cloakroom.Config{Tokens: evil{}})
	r.with(func(*cloakroom.Session) {}, "__Host-session=u1")
	if loads, _, _ := r.spy.calls(); loads != 0 {
		t.Errorf("%d loads", loads)
	}
}

func TestRawTextThatIsNotUTF8IsRefused(t *testing.T) {
	r := newRig(t, nil)
	r.with(func(s *cloakroom.Session) {
		if s.SetRaw("raw", "\"\xff\""); s.Err() == nil {
			t.Error("it was taken")
		}
	})
}

// A store that goes round in circles and looks at Err only is stopped too.
func TestErrOfAStoreCallSaysWhenTheTimeIsUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, &cloakroom.Config{StoreTimeout: time.Second})
		cookie := r.fresh()
		start := time.Now()
		r.spy.meddle(func(s *spy) {
			s.load = func(ctx context.Context, _ string) (store.Record, error) {
				for ctx.Err() == nil && time.Since(start) < time.Hour {
					time.Sleep(10 * time.Millisecond)
				}
				return store.Record{}, errors.New("late")
			}
		})
		r.opens(cookie)
		if took := time.Since(start); took > 1100*time.Millisecond {
			t.Errorf("it went on for %v", took)
		}
	})
}

// A session that lives on without a request, behind a socket say, has the whole time for
// each of its operations.
func TestASessionFromOpenHasTheWholeTimeForEachOperation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, &cloakroom.Config{StoreTimeout: time.Second})
		r.spy.meddle(func(s *spy) {
			s.save = func(ctx context.Context, key string, c store.Change) (uint64, error) {
				_ = ctx.Done()
				time.Sleep(600 * time.Millisecond)
				return s.Store.Save(ctx, key, c)
			}
		})
		ctx := context.Background()
		s, err := r.m.Open(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for i := range 5 {
			visits.Set(s, i+1)
			if err := s.Save(ctx); err != nil {
				t.Errorf("save %d: %v", i, err)
			}
			visits.Set(s, i+10)
			if _, err := r.m.Commit(ctx, s); err != nil {
				t.Errorf("commit %d: %v", i, err)
			}
		}
	})
}

func TestWhatOnlyLooksLikeJSONIsNotRead(t *testing.T) {
	r := newRig(t, nil)
	cookie := r.fresh()
	good, err := r.record(cookie)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{`"a"b"`, "+007", "007", "+1", "\"a\nb\"", "0x1", "1_0", "-", ""} {
		set, err := store.NewFields(store.Field{Name: "name", Value: text}, store.Field{Name: "visits", Value: text})
		if err != nil {
			t.Fatal(err)
		}
		r.spy.meddle(func(s *spy) {
			s.load = func(context.Context, string) (store.Record, error) {
				rec := good
				rec.Fields = good.Fields.With(set)
				return rec, nil
			}
		})
		r.with(func(s *cloakroom.Session) {
			if n, ok := visits.Lookup(s); ok || s.Err() == nil {
				t.Errorf("%q was read as %d", text, n)
			}
		}, cookie)
		r.with(func(s *cloakroom.Session) {
			if v, ok := name.Lookup(s); ok || s.Err() == nil {
				t.Errorf("%q was read as %q", text, v)
			}
		}, cookie)
	}
}
