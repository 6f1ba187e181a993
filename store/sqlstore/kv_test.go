package sqlstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/kvstore"
)

// theirs is a table as an express program has it.
func theirs() KVOptions {
	return KVOptions{Table: "session", Key: "sid", Value: "sess", Expires: "expire", ExpiresAs: UnixMillis}
}

func TestNewKVRefusesWhatCannotWorkAndSaysWhy(t *testing.T) {
	db := idle(t)
	altered := func(f func(*KVOptions)) KVOptions {
		o := theirs()
		f(&o)
		return o
	}
	for _, tc := range []struct {
		name    string
		db      *sql.DB
		dialect Dialect
		options KVOptions
		words   []string
	}{
		{"no database", nil, SQLite(), theirs(), []string{"db", "nil", "sql.Open"}},
		{"no dialect", db, Dialect{}, theirs(), []string{"Dialect", "zero"}},
		{"no table", db, SQLite(), altered(func(o *KVOptions) { o.Table = "" }), []string{"KVOptions.Table", `""`}},
		{"no key", db, SQLite(), altered(func(o *KVOptions) { o.Key = "" }), []string{"KVOptions.Key", `""`}},
		{"bad value", db, MySQL(), altered(func(o *KVOptions) { o.Value = "a`b" }), []string{"KVOptions.Value", "digits and underscores"}},
		{"bad end", db, PostgreSQL(), altered(func(o *KVOptions) { o.Expires = `a"` }), []string{"KVOptions.Expires", "digits and underscores"}},
		{"bad schema", db, PostgreSQL(), altered(func(o *KVOptions) { o.Schema = "a.b" }), []string{"KVOptions.Schema", "digits and underscores"}},
		{"schema on SQLite", db, SQLite(), altered(func(o *KVOptions) { o.Schema = "main" }), []string{"KVOptions.Schema", "SQLite", "leave it empty"}},
		{"no column", db, SQLite(), altered(func(o *KVOptions) { o.Expires = "" }), []string{"KVOptions.ExpiresAs", "name the column"}},
		{"no form", db, SQLite(), altered(func(o *KVOptions) { o.ExpiresAs = NoExpiry }), []string{"KVOptions.ExpiresAs", "UnixSeconds", "Timestamp"}},
		{"bad form", db, SQLite(), altered(func(o *KVOptions) { o.ExpiresAs = 9 }), []string{"KVOptions.ExpiresAs", "9"}},
		{"negative lifetime", db, SQLite(), altered(func(o *KVOptions) { o.Lifetime = -time.Second }), []string{"KVOptions.Lifetime", "-1s"}},
		{"lifetime of nothing", db, SQLite(), KVOptions{Table: "t", Key: "k", Value: "v", Lifetime: time.Hour}, []string{"KVOptions.Lifetime", "KVOptions.Expires"}},
	} {
		kv, err := NewKV(tc.db, tc.dialect, tc.options)
		if kv != nil || err == nil {
			t.Errorf("%s: taken", tc.name)
			continue
		}
		for _, word := range tc.words {
			if !strings.Contains(err.Error(), word) {
				t.Errorf("%s: %q does not say %q", tc.name, err, word)
			}
		}
	}
}

// newScriptKV returns a KV over a script, in which the statements of the KV have the names
// of its fields.
func newScriptKV(t *testing.T, d Dialect, o KVOptions) (*KV, *script) {
	t.Helper()
	text := kvStatementsOf(&d, &o)
	sc := &script{answer: plain, names: map[string]string{
		text.get: "get", text.create: "create", text.clear: "clear", text.swap: "swap", text.remove: "remove",
		text.lock: "lock", `SELECT @@max_allowed_packet`: "packet",
	}}
	db := sql.OpenDB(sc)
	t.Cleanup(func() { _ = db.Close() })
	kv, err := NewKV(db, d, o)
	if err != nil {
		t.Fatal(err)
	}
	return kv, sc
}

// onAll runs a test over all dialects.
func onAll(t *testing.T, test func(t *testing.T, d Dialect)) {
	onServers(t, test)
	t.Run("SQLite", func(t *testing.T) { test(t, SQLite()) })
}

func TestAKVRefusesWhatItsTableCannotHoldBeforeItDoesAnything(t *testing.T) {
	onAll(t, func(t *testing.T, d Dialect) {
		text := theirs()
		endless := text
		endless.Expires, endless.ExpiresAs = "", NoExpiry
		long := strings.Repeat("x", 257)
		for _, tc := range []struct {
			name    string
			options KVOptions
			key     string
			next    kvstore.Entry
			word    string
		}{
			{"an end", endless, "k", kvstore.Entry{Value: "a", ExpiresAt: time.Now()}, "KVOptions.Expires"},
			{"a NUL", text, "k", kvstore.Entry{Value: "a\x00"}, "KVOptions.Binary"},
			{"bytes", text, "k", kvstore.Entry{Value: "\xff"}, "KVOptions.Binary"},
			{"no key", text, "", kvstore.Entry{Value: "a"}, "1 to 256 bytes"},
			{"a long key", text, long, kvstore.Entry{Value: "a"}, "1 to 256 bytes"},
			{"a NUL in the key", text, "a\x00", kvstore.Entry{Value: "a"}, "NUL"},
			{"bytes in the key", text, "a\xff", kvstore.Entry{Value: "a"}, "UTF-8"},
		} {
			kv, sc := newScriptKV(t, d, tc.options)
			for _, old := range []*kvstore.Entry{nil, {Value: "b"}} {
				err := kv.CompareAndSwap(t.Context(), tc.key, old, tc.next)
				if err == nil || isAnswer(err) || !strings.Contains(err.Error(), tc.word) {
					t.Errorf("%s: %v does not say %q", tc.name, err, tc.word)
				}
			}
			if steps := sc.steps(); len(steps) != 0 {
				t.Errorf("%s: steps %q", tc.name, steps)
			}
		}
		// What cannot have been put is not there.
		kv, sc := newScriptKV(t, d, text)
		for _, key := range []string{"", long, "a\x00", "a\xff"} {
			if _, err := kv.Get(t.Context(), key); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("get %.10q: %v", key, err)
			}
			if err := kv.Delete(t.Context(), key); err != nil {
				t.Errorf("delete %.10q: %v", key, err)
			}
		}
		if err := kv.CompareAndSwap(t.Context(), "k", &kvstore.Entry{Value: "\x00"}, kvstore.Entry{Value: "a"}); !errors.Is(err, store.ErrConflict) {
			t.Errorf("from bytes in a column of text: %v", err)
		}
		if steps := sc.steps(); len(steps) != 0 {
			t.Errorf("steps %q", steps)
		}
	})
}

func TestACompareAndSwapIsNeverRepeatedWhenItMayHaveLanded(t *testing.T) {
	onAll(t, func(t *testing.T, d Dialect) {
		for step, old := range map[string]*kvstore.Entry{"create": nil, "swap": {Value: "a"}} {
			kv, sc := newScriptKV(t, d, theirs())
			at := step
			if d.syntax.oneWriter {
				at = "commit" // before, nothing can have landed
			}
			sc.answer = func(name string, args []driver.NamedValue) (reply, error) {
				if name == at {
					return reply{}, io.ErrUnexpectedEOF
				}
				return plain(name, args)
			}
			err := kv.CompareAndSwap(t.Context(), "k", old, kvstore.Entry{Value: "a"})
			if !errors.Is(err, io.ErrUnexpectedEOF) || isAnswer(err) {
				t.Errorf("%s: %v", step, err)
			}
			writes := slices.DeleteFunc(sc.steps(), func(s string) bool { return !strings.HasSuffix(s, "create") && !strings.HasSuffix(s, "swap") })
			if len(writes) != 1 {
				t.Errorf("%s: steps %q", step, sc.steps())
			}
		}
	})
}

// MariaDB and MySQL cannot replace a row under a condition in one statement that tells.
func TestMySQLPutsAnEntryWhereAnotherHasExpired(t *testing.T) {
	duplicate := errors.New("Error 1062 (23000): Duplicate entry 'k' for key 'PRIMARY'")
	for _, tc := range []struct {
		name    string
		there   int // how many INSERTs meet a row
		expired bool
		want    error
		steps   []string
	}{
		{"free", 0, false, nil, []string{"create"}},
		{"live", 9, false, store.ErrConflict, []string{"create", "clear"}},
		{"expired", 1, true, nil, []string{"create", "clear", "create"}},
		{"expired, and taken by another", 9, true, store.ErrConflict, []string{"create", "clear", "create"}},
	} {
		kv, sc := newScriptKV(t, MySQL(), theirs())
		there := tc.there
		sc.answer = func(step string, args []driver.NamedValue) (reply, error) {
			switch step {
			case "create":
				if there--; there >= 0 {
					return reply{}, duplicate
				}
			case "clear":
				if !tc.expired {
					return reply{}, nil
				}
			}
			return plain(step, args)
		}
		err := kv.CompareAndSwap(t.Context(), "k", nil, kvstore.Entry{Value: "a"})
		if !errors.Is(err, tc.want) || (err == nil) != (tc.want == nil) || !slices.Equal(sc.steps(), tc.steps) {
			t.Errorf("%s: %v; steps %q", tc.name, err, sc.steps())
		}
	}
}

func TestAnEndIsNeverLaterThanAskedForInAnyForm(t *testing.T) {
	end := time.Date(2031, 5, 6, 7, 8, 9, 987_654_321, time.FixedZone("", 3600))
	onAll(t, func(t *testing.T, d Dialect) {
		for form, grain := range map[Expiry]time.Duration{
			UnixSeconds: time.Second, UnixMillis: time.Millisecond, Timestamp: time.Duration(d.syntax.stampGrain) * time.Millisecond,
		} {
			for _, lifetime := range []time.Duration{0, 1500 * time.Millisecond, time.Hour} {
				o := KVOptions{ExpiresAs: form, Lifetime: lifetime}
				if kept := o.kept(&d, end); kept.After(end) || end.Sub(kept) >= grain {
					t.Errorf("form %d with lifetime %v: %v", form, lifetime, kept)
				}
				if past := o.kept(&d, time.UnixMilli(-5)); past.After(time.Now()) {
					t.Errorf("form %d with lifetime %v: the past becomes %v", form, lifetime, past)
				}
				if far := time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC); o.kept(&d, far).After(far) {
					t.Errorf("form %d with lifetime %v: the far becomes %v", form, lifetime, o.kept(&d, far))
				}
			}
		}
	})
}

func TestAKVAsksNothingAfterTheContextHasEnded(t *testing.T) {
	onAll(t, func(t *testing.T, d Dialect) {
		kv, sc := newScriptKV(t, d, theirs())
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, get := kv.Get(ctx, "k")
		for what, err := range map[string]error{
			"get": get, "delete": kv.Delete(ctx, "k"),
			"swap": kv.CompareAndSwap(ctx, "k", nil, kvstore.Entry{Value: "a"}),
		} {
			if !errors.Is(err, context.Canceled) {
				t.Errorf("%s: %v", what, err)
			}
		}
		if steps := sc.steps(); len(steps) != 0 {
			t.Errorf("steps %q", steps)
		}
	})
}
