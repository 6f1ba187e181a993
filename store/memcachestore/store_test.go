package memcachestore

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/bradfitz/gomemcache/memcache"

	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/kvstore"
	"github.com/cloakroom-go/cloakroom/store/kvstore/kvtest"
	"github.com/cloakroom-go/cloakroom/store/storetest"
)

// On the real server, storetest runs in internal/integration/memcache.
func TestConforms(t *testing.T) {
	t.Parallel()
	s := newStore(t, newFake(t), &Options{MaxItemSize: 8 << 20}) // the examiner has values of 1 MB
	storetest.Run(t, func(*testing.T) store.Store { return s })
}

func TestKVConforms(t *testing.T) {
	t.Parallel()
	s := newStore(t, newFake(t), nil)
	kvtest.Run(t, func(*testing.T) kvstore.KV { return s.kv })
}

func fieldsOf(t *testing.T, pairs ...string) store.Fields {
	t.Helper()
	var list []store.Field
	for i := 0; i < len(pairs); i += 2 {
		list = append(list, store.Field{Name: pairs[i], Value: pairs[i+1]})
	}
	f, err := store.NewFields(list...)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func creation(t *testing.T) store.Change {
	t.Helper()
	return store.Change{Create: true, ExpiresAt: time.Now().Add(time.Hour), Set: fieldsOf(t, "a", "1")}
}

func create(t *testing.T, s *Store, key string) {
	t.Helper()
	if _, err := s.Save(t.Context(), key, creation(t)); err != nil {
		t.Fatal(err)
	}
}

func isAnswer(err error) bool {
	return errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrExists) || errors.Is(err, store.ErrConflict) || errors.Is(err, store.ErrMalformed)
}

func TestNewTellsWhatIsWrongWithTheOptions(t *testing.T) {
	client := memcache.New("127.0.0.1:1")
	for want, options := range map[string]*Options{
		`Options.Prefix is "a b": use visible ASCII`:        {Prefix: "a b"},
		`Options.Prefix is "ü"`:                             {Prefix: "ü"},
		"Options.Prefix has 207 bytes: use at most 206":     {Prefix: strings.Repeat("p", 207)},
		"Options.MaxItemSize is -1: use the bytes that mem": {MaxItemSize: -1},
	} {
		if _, err := New(client, options); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", options, err, want)
		}
	}
	if _, err := New(nil, nil); err == nil || !strings.Contains(err.Error(), "memcache.New") {
		t.Errorf("nil: %v", err)
	}
}

func TestPrefixesAreApart(t *testing.T) {
	f := newFake(t)
	one, two := newStore(t, f, &Options{Prefix: "one:"}), newStore(t, f, &Options{Prefix: "two:"})
	create(t, one, "k")
	if _, err := two.Load(t.Context(), "k"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("%v", err)
	}
	if !strings.HasPrefix(f.get("one:k"), "1") {
		t.Errorf("the item is %q", f.get("one:k"))
	}
}

func TestCallsCostAsManyCommandsAsTheyMust(t *testing.T) {
	f := newFake(t)
	s := newStore(t, f, nil)
	for _, tc := range []struct {
		what string
		do   func() error
		want string
	}{
		{"Create", func() error { _, err := s.Save(t.Context(), "k", creation(t)); return err }, "add cloakroom:k"},
		{"Load", func() error { _, err := s.Load(t.Context(), "k"); return err }, "gets cloakroom:k"},
		{"Save", func() error {
			_, err := s.Save(t.Context(), "k", store.Change{Set: fieldsOf(t, "b", "1")})
			return err
		}, "gets cloakroom:k, cas cloakroom:k"},
		{"Delete", func() error { return s.Delete(t.Context(), "k") }, "delete cloakroom:k"},
		{"Ping", func() error { return s.Ping(t.Context()) }, "version "},
	} {
		f.forget(nil)
		if err := tc.do(); err != nil || f.commands() != tc.want {
			t.Errorf("%s: %s, %v, want %s", tc.what, f.commands(), err, tc.want)
		}
	}
}

func TestARecordTooLargeIsRefusedWithBothSizesBeforeAnythingIsSent(t *testing.T) {
	f := newFake(t)
	s := newStore(t, f, &Options{MaxItemSize: 1000})
	create(t, s, "k")
	rec, err := s.Load(t.Context(), "k")
	if err != nil {
		t.Fatal(err)
	}
	f.forget(nil)
	_, err = s.Save(t.Context(), "k", store.Change{Base: &rec, Set: fieldsOf(t, "large", `"`+strings.Repeat("x", 1000)+`"`)})
	if err == nil || isAnswer(err) || !strings.Contains(err.Error(), "needs an item of 1184 bytes") || !strings.Contains(err.Error(), "takes 1000,") {
		t.Errorf("%v", err)
	}
	if got := f.commands(); got != "" {
		t.Errorf("sent: %s", got)
	}
}

func TestWhatTheServerRefusesToKeepIsToldWithTheRemedy(t *testing.T) {
	f := newFake(t)
	s := newStore(t, f, nil)
	create(t, s, "k")
	for answer, want := range map[string]string{
		"SERVER_ERROR object too large for cache\r\n":       "than the 1048576 bytes of Options.MaxItemSize",
		"SERVER_ERROR out of memory storing object\r\n":     "out of memory",
		"SERVER_ERROR I/O error, and nobody knows more\r\n": "nobody knows more",
	} {
		f.forget(func(command string) (string, bool) { return answer, command == "cas" || command == "add" })
		_, saved := s.Save(t.Context(), "k", store.Change{Set: fieldsOf(t, "a", "2")})
		_, created := s.Save(t.Context(), "new", creation(t))
		for what, err := range map[string]error{"Save": saved, "Create": created} {
			if err == nil || isAnswer(err) || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v, want %q", what, err, want)
			}
		}
		if got, want := f.commands(), "gets cloakroom:k, cas cloakroom:k, add cloakroom:new"; got != want {
			t.Errorf("sent: %s, want %s", got, want)
		}
	}
}

func TestWhatSomethingElseWroteIsReportedAndLeftAsItIs(t *testing.T) {
	f := newFake(t)
	s := newStore(t, f, nil)
	for key, value := range map[string]string{
		"empty": "", "text": "hello", "json": `{"version":1,"owner":"","expires":4102444800000,"fields":{}}`,
		"no-record": "4102444800000 9 no-record hello",
		"moved":     "4102444800000 5 other " + `{"version":1,"owner":"","expires":4102444800000,"fields":{}}`,
	} {
		f.put("cloakroom:"+key, value)
		_, loaded := s.Load(t.Context(), key)
		_, saved := s.Save(t.Context(), key, store.Change{Set: fieldsOf(t, "a", "1")})
		_, created := s.Save(t.Context(), key, creation(t))
		for what, err := range map[string]error{"Load": loaded, "Save": saved, "Create": created} {
			if !errors.Is(err, store.ErrMalformed) || !strings.Contains(err.Error(), key+`"`) || strings.Contains(err.Error(), "hello") {
				t.Errorf("%s: %s: %v", key, what, err)
			}
		}
		if got := f.get("cloakroom:" + key); got != value {
			t.Errorf("%s: now %q", key, got)
		}
		if err := s.Delete(t.Context(), key); err != nil {
			t.Errorf("%s: Delete: %v", key, err)
		}
		create(t, s, key)
	}
}

// A client that has lost count of the answers on a connection returns those of others.
func TestARecordOfAnotherKeyIsNeverReturned(t *testing.T) {
	f := newFake(t)
	s := newStore(t, f, nil)
	create(t, s, "mine")
	create(t, s, "other")
	other := f.get("cloakroom:other")
	f.forget(func(command string) (string, bool) {
		return fmt.Sprintf("VALUE cloakroom:other 0 %d 2\r\n%s\r\nEND\r\n", len(other), other), command == "gets"
	})
	if rec, err := s.Load(t.Context(), "mine"); !errors.Is(err, store.ErrMalformed) {
		t.Errorf("%+v, %v", rec, err)
	}
}

func TestALostAnswerToAWriteIsAnOutageAndNotRepeated(t *testing.T) {
	f := newFake(t)
	s := newStore(t, f, nil)
	create(t, s, "k")
	f.forget(func(command string) (string, bool) { return "", command == "cas" || command == "add" })
	_, saved := s.Save(t.Context(), "k", store.Change{Set: fieldsOf(t, "a", "2")})
	_, created := s.Save(t.Context(), "new", creation(t))
	for what, err := range map[string]error{"Save": saved, "Create": created} {
		if err == nil || isAnswer(err) || !strings.Contains(err.Error(), "may have landed") {
			t.Errorf("%s: %v", what, err)
		}
	}
	if got, want := f.commands(), "gets cloakroom:k, cas cloakroom:k, add cloakroom:new"; got != want {
		t.Errorf("sent: %s, want %s", got, want)
	}
}

func TestReadsAndDeletesOutliveConnectionsThatTheServerHasClosed(t *testing.T) {
	f := newFake(t)
	s := newStore(t, f, nil)
	create(t, s, "k")
	for what, do := range map[string]func() error{
		"Load":   func() error { _, err := s.Load(t.Context(), "k"); return err },
		"Ping":   func() error { return s.Ping(t.Context()) },
		"Delete": func() error { return s.Delete(t.Context(), "other") },
	} {
		keepConnections(t, f, s, 8)
		f.hangUp()
		if err := do(); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// keepConnections has the client make n connections and keep them.
func keepConnections(t *testing.T, f *fake, s *Store, n int) {
	t.Helper()
	arrived, all := 0, make(chan struct{})
	f.forget(func(string) (string, bool) {
		if arrived++; arrived == n {
			close(all)
		}
		f.mu.Unlock()
		<-all // each has a connection in use
		f.mu.Lock()
		return "", false
	})
	loads := make(chan error)
	for range n {
		go func() {
			_, err := s.Load(t.Context(), "missing")
			loads <- err
		}()
	}
	for range n {
		if err := <-loads; !errors.Is(err, store.ErrNotFound) {
			t.Error(err)
		}
	}
	f.forget(nil)
}

func TestAServerThatHangsUpEachTimeIsAnOutage(t *testing.T) {
	f := newFake(t)
	s := newStore(t, f, nil)
	f.forget(func(string) (string, bool) { return "", true })
	_, loaded := s.Load(t.Context(), "k")
	for what, err := range map[string]error{"Load": loaded, "Delete": s.Delete(t.Context(), "k"), "Ping": s.Ping(t.Context())} {
		if err == nil || isAnswer(err) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestCallersLeaveWhenTheirContextEnds(t *testing.T) {
	f := newFake(t)
	s := newStore(t, f, nil)
	create(t, s, "k")
	hang := make(chan struct{})
	defer close(hang)
	f.forget(func(string) (string, bool) {
		f.mu.Unlock()
		<-hang
		f.mu.Lock()
		return "", true
	})
	for what, do := range map[string]func(context.Context) error{
		"Load":   func(ctx context.Context) error { _, err := s.Load(ctx, "k"); return err },
		"Save":   func(ctx context.Context) error { _, err := s.Save(ctx, "k", store.Change{}); return err },
		"Create": func(ctx context.Context) error { _, err := s.Save(ctx, "new", creation(t)); return err },
		"Delete": func(ctx context.Context) error { return s.Delete(ctx, "k") },
		"Ping":   s.Ping,
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		if err := do(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: %v", what, err)
		}
		cancel()
	}
}

// What a call left behind when its context ended must not begin to write.
func TestACallThatHasEndedSendsNothingMore(t *testing.T) {
	f := newFake(t)
	s := newStore(t, f, nil)
	create(t, s, "k")
	is, err := s.kv.Get(t.Context(), "k")
	if err != nil {
		t.Fatal(err)
	}
	dead := encode("dead", kvstore.Entry{Value: "x", ExpiresAt: time.Now().Add(-time.Second)})
	f.put("cloakroom:dead", string(dead))
	// As the goroutine of the call goes on, after the caller has left.
	for what, do := range map[string]func(context.Context) error{
		"gets cloakroom:k": func(ctx context.Context) error {
			return s.kv.swap(ctx, "k", kvstore.Entry{Value: is.Value}, memcache.Item{Key: "cloakroom:k", Value: []byte("x")}, time.Time{})
		},
		"add cloakroom:dead, gets cloakroom:dead": func(ctx context.Context) error {
			return s.kv.add(ctx, "dead", kvstore.Entry{}, memcache.Item{Key: "cloakroom:dead", Value: []byte("x")}, time.Time{})
		},
	} {
		ctx, cancel := context.WithCancel(t.Context())
		f.forget(func(command string) (string, bool) {
			if command == "gets" {
				cancel()
			}
			return "", false
		})
		if err := do(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", what, err)
		}
		if got := f.commands(); got != what {
			t.Errorf("sent: %s, want %s", got, what)
		}
	}
}

// An item that has ended by the clock of the store may still be in memcached.
func TestWhatHasEndedButIsStillThereIsReplacedAndNotRevived(t *testing.T) {
	f := newFake(t)
	s := newStore(t, f, nil)
	create(t, s, "k")
	base, err := s.Load(t.Context(), "k")
	if err != nil {
		t.Fatal(err)
	}
	ended := base
	ended.ExpiresAt = time.Now().Add(-time.Millisecond)
	value := kvstore.Encode(ended)
	f.put("cloakroom:k", string(encode("k", kvstore.Entry{Value: value, ExpiresAt: ended.ExpiresAt})))
	for what, change := range map[string]store.Change{
		"an edit": {Set: fieldsOf(t, "a", "2"), ExpiresAt: time.Now().Add(time.Hour)},
		"a Base":  {Set: fieldsOf(t, "a", "2"), ExpiresAt: time.Now().Add(time.Hour), Base: &ended},
	} {
		if _, err := s.Save(t.Context(), "k", change); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%s: %v", what, err)
		}
	}
	old := kvstore.Entry{Value: value, ExpiresAt: ended.ExpiresAt, Revision: f.last}
	if err := s.kv.CompareAndSwap(t.Context(), "k", &old, kvstore.Entry{Value: "x"}); !errors.Is(err, store.ErrConflict) {
		t.Errorf("by its revision: %v", err)
	}
	version, err := s.Save(t.Context(), "k", creation(t))
	if err != nil || version <= base.Version {
		t.Errorf("Create: version %d after %d, %v", version, base.Version, err)
	}
}
