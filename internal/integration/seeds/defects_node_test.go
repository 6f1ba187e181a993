package seeds

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/bag"
	"github.com/cloakroom-go/cloakroom/flash"
	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/filestore"
	"github.com/cloakroom-go/cloakroom/store/memstore"
)

// nodeDefects are those of node-session.
func nodeDefects() []row {
	return []row{
		{"4.3-1", pathsAreDataNotCode},
		{"4.3-2", anyNameWillDoAndPollutesNothing},
		{"4.3-3", sealedValuesAreNeverAlike},
		{"4.3-4", alteredValuesOpenNothing},
		{"4.3-5", anExpiredSessionIsRefusedUnswept},
		{"4.3-6", timesOfFilesMeanNothing},
		{"4.3-7", visitorsLeaveNoFilesAndReadersSeeWholeOnes},
		{"4.3-8", bothChangesStay},
		{"4.3-9", theOldTokenIsRefusedAndAnUnknownOneNotAdopted},
		{"4.3-10", flashWithADotEnds},
	}
}

// altDefects are those of alt-session.
func altDefects() []row {
	return []row{
		{"5.3-1", badTokensShareNothing},
		{"5.3-2", tokensAreEvenlyRandom},
		{"5.3-4", aWriteAfterTheEndRevivesNothing},
		{"5.3-5", destroyRepeatsTheAttributes},
		{"5.3-6", nothingAndNullAreTold},
		{"5.3-7", sessionsShareNoValues},
		{"5.3-8", writersMeetAnEndedSessionGone},
	}
}

// hostile are names that a client may send: code for an evaluator, and what is special to
// one runtime or another.
var hostile = []string{
	`x;process.exit()//`, `a']=1;globalThis.pwned=1;//`, `constructor.constructor("return 1")()`, `#{7*7}`, `{{7*7}}`,
	"__proto__", "constructor", "prototype", "toString", "user-name", "1a", "a b", "a[0]", "\u4e16", "..", "a..b", " ", "'", `"`, "-1", "0",
}

func pathsAreDataNotCode(t *testing.T) {
	inBag(func(t *testing.T, visit func(func(bag.Bag))) {
		visit(func(b bag.Bag) {
			for i, n := range hostile {
				noError(t, b.Put("f."+bag.Escape(n), i))
			}
		})
		visit(func(b bag.Bag) {
			for i, n := range hostile {
				want(t, n, b.Get("f."+bag.Escape(n)), any(int64(i)))
			}
			want(t, "members", len(b.Get("f").(map[string]any)), len(hostile))
			want(t, "values", len(b.All()), 1)
		})
	})(t)
}

func anyNameWillDoAndPollutesNothing(t *testing.T) {
	s := newSite(t)
	b := s.browser()
	for _, n := range hostile {
		path := bag.Escape(n) + ".polluted"
		b.with(func(session *cloakroom.Session) {
			bags := bag.Of(session)
			want(t, "there before: "+n, bags.Has(bag.Escape(n)), false)
			noError(t, bags.Put(path, true), session.Err())
			want(t, "polluted", bags.Has("polluted") || bags.Has("other.polluted"), false)
		})
		b.with(func(session *cloakroom.Session) {
			want(t, "names", fmt.Sprint(session.Names()), fmt.Sprint([]string{n}))
			want(t, "the value", bag.Of(session).Get(path), any(true))
			session.Clear()
		})
		s.browser().with(func(session *cloakroom.Session) { want(t, "another's", bag.Of(session).Has("polluted"), false) })
	}
	b.with(func(session *cloakroom.Session) { // the names that are not free are refused by name
		var wrong *bag.PathError
		if err := bag.Of(session).Put("$secret", "x"); !errors.As(err, &wrong) || wrong.Path != "$secret" {
			t.Errorf("Put: %v", err)
		}
	})
}

func sealedValuesAreNeverAlike(t *testing.T) {
	s := newSite(t, sealed())
	bytesOf := func(token string) []byte {
		text := strings.Trim(s.stored(token, "name"), `"`)
		raw, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(text, "="))
		if err != nil {
			raw, err = base64.RawURLEncoding.DecodeString(text)
		}
		noError(t, err)
		return raw
	}
	one, two := "the first plaintext", "a second plaintext!"
	a, b := s.browser(), s.browser()
	a.set(one)
	b.set(two)
	c1, c2 := bytesOf(a.token()), bytesOf(b.token())
	if len(c1) != len(c2) || len(c1) < len(one) {
		t.Fatalf("%d and %d sealed bytes", len(c1), len(c2))
	}
	// With one keystream for all, the XOR of two records is that of the plaintexts.
	xor := func(a, b []byte) (out []byte) {
		for i := range a {
			out = append(out, a[i]^b[i])
		}
		return out
	}
	if strings.Contains(string(xor(c1, c2)), string(xor([]byte(one), []byte(two)))) {
		t.Error("two records share a keystream")
	}
	b.set(one) // the same text in another session, and twice in the same one
	c3 := bytesOf(b.token())
	b.set(two)
	b.set(one)
	for _, other := range [][]byte{c1, bytesOf(b.token())} {
		if string(c3) == string(other) {
			t.Error("the same text is sealed to the same bytes")
		}
	}
}

// alteredValuesOpenNothing, and the bytes that somebody altered are left to be looked at.
func alteredValuesOpenNothing(t *testing.T) {
	s := newSite(t, sealed())
	b, other := s.browser(), s.browser()
	b.set("ada")
	other.set("grace")
	sound := s.stored(b.token(), "name")
	for what, text := range map[string]string{
		"altered": sound[:10] + string(sound[10]^1) + sound[11:], "of another session": s.stored(other.token(), "name"),
		"in the clear": `"ada"`, "not JSON": `{"ct":`, "empty": `""`,
	} {
		set, err := store.NewFields(store.Field{Name: "name", Value: text})
		noError(t, err)
		_, err = s.store.Store.Save(t.Context(), idOf(b.token()), store.Change{Set: set})
		noError(t, err)
		value, live := s.client("__Host-session=" + b.token()).read()
		if live || value != "" {
			t.Errorf("%s: it opens, with %q", what, value)
		}
		want(t, what+", what is stored", s.stored(b.token(), "name"), text)
	}
}

func anExpiredSessionIsRefusedUnswept(t *testing.T) {
	s := newSite(t, cloakroom.Config{IdleTimeout: time.Hour})
	b := s.browser()
	token := b.set("ada").token()
	late := s.clock.Now().Add(100 * time.Hour)
	_, err := s.store.Store.Save(t.Context(), idOf(token), store.Change{ExpiresAt: late}) // a store that keeps it
	noError(t, err)
	s.clock.Advance(time.Hour)
	b.signedOut()
	e, _ := find[cloakroom.Rejected](s.events)
	want(t, "the reason", e.Reason, cloakroom.ReasonIdle)
}

func timesOfFilesMeanNothing(t *testing.T) {
	t.Run("files", func(t *testing.T) {
		dir := t.TempDir()
		st, err := filestore.New(dir, &filestore.Options{Sync: filestore.SyncNone})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { noError(t, st.Close()) })
		s := newSiteOver(t, st, cloakroom.Config{})
		old, young := s.browser(), s.browser()
		old.set("old")
		for _, path := range files(t, dir) {
			noError(t, os.Chtimes(path, time.Unix(1, 0), time.Unix(1, 0))) // never read, as noatime has it
		}
		young.with(lasting(20 * time.Millisecond))
		for _, path := range files(t, dir) {
			text, err := os.ReadFile(path)
			noError(t, err)
			if strings.Contains(string(text), `"ada"`) {
				noError(t, os.Chtimes(path, time.Now().Add(time.Hour), time.Now().Add(time.Hour))) // a backup read it
			}
		}
		for _, live := young.read(); live; _, live = young.read() {
			time.Sleep(time.Millisecond)
		}
		removed, err := st.Sweep(t.Context(), 100)
		noError(t, err)
		want(t, "removed", removed, 1)
		old.reads("old")
	})
	t.Run("memory", func(t *testing.T) {
		s := newSite(t, cloakroom.Config{IdleTimeout: time.Hour})
		for range 10 {
			s.browser().set("ada")
		}
		s.clock.Advance(time.Hour)
		removed, err := s.store.Store.(*memstore.Store).Sweep(t.Context(), 100)
		noError(t, err)
		want(t, "removed", removed, 10)
		want(t, "records in memory", s.store.Store.(*memstore.Store).Len(), 0)
	})
	t.Run("the lottery", func(t *testing.T) {
		s := newSite(t, cloakroom.Config{IdleTimeout: time.Hour, SweepLottery: cloakroom.SweepLottery{Wins: 1, Of: 1}})
		s.browser().set("ada")
		s.clock.Advance(time.Hour)
		s.browser().with(nothing)
		want(t, "records in memory", s.store.Store.(*memstore.Store).Len(), 0)
	})
}

func visitorsLeaveNoFilesAndReadersSeeWholeOnes(t *testing.T) {
	dir := t.TempDir()
	st, err := filestore.New(filepath.Join(dir, "sessions"), &filestore.Options{Sync: filestore.SyncNone})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { noError(t, st.Close()) })
	s := newSiteOver(t, st, cloakroom.Config{})
	for range 5 {
		s.browser().with(nothing)
	}
	want(t, "files after visitors", len(files(t, dir)), 0)
	b := s.browser()
	b.set("ada")
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := range 20 { // of very different sizes
			b.with(func(session *cloakroom.Session) {
				session.SetRaw("bulk", `"`+strings.Repeat("x", i%2*50_000)+`"`)
			})
		}
	}()
	for reading := true; reading; {
		select {
		case <-done:
			reading = false
		default:
			b.reads("ada")
		}
	}
	want(t, "files", len(files(t, dir)), 1)
}

func theOldTokenIsRefusedAndAnUnknownOneNotAdopted(t *testing.T) {
	renewKeepsTheDataAndRefusesTheOldToken(t)
	s := newSite(t, cloakroom.Config{Keys: [][]byte{[]byte(strings.Repeat("k", 32))}})
	b := s.browser()
	tagged := b.set("ada").token() // the tag is good, and the session ends
	b.with(destroy(t, t.Context()))
	a := s.client("__Host-session=" + tagged).set("mallory")
	if a.token() == "" || idOf(a.token()) == idOf(tagged) {
		t.Errorf("%q was adopted: %q", tagged, a.token())
	}
}

func flashWithADotEnds(t *testing.T) {
	b := newSite(t).browser()
	b.with(func(session *cloakroom.Session) { flash.Set(session, "a.b", "once") })
	b.flashes("[a.b]", func(session *cloakroom.Session) {
		v, _ := flash.Get[string](session, "a.b")
		want(t, "the value", v, "once")
	})
	b.flashes("[]", nothing)
}

func aWriteAfterTheEndRevivesNothing(t *testing.T) {
	s := newSite(t)
	b := s.browser()
	old := b.set("ada").token()
	a := b.with(func(session *cloakroom.Session) {
		noError(t, session.Destroy(t.Context()))
		name.Set(session, "lovelace")
	})
	if a.token() == "" || idOf(a.token()) == idOf(old) {
		t.Errorf("after %q came %q", old, a.token())
	}
	s.client("__Host-session=" + old).signedOut()
	b.reads("lovelace")
	t.Run("parallel", signedOutStaysSignedOut)
	t.Run("fixation", nobodyChoosesATokenForAnother)
}

func nothingAndNullAreTold(t *testing.T) {
	everyKindOfJSONComesBack(t)
	b := newSite(t).browser()
	b.put("a", 1)
	b.direct(func(ctx context.Context, d *cloakroom.Direct) {
		values, err := d.GetMany(ctx)
		noError(t, err, d.Delete(ctx), d.SetMany(ctx, nil))
		want(t, "values for no names", len(values), 0)
	})
	b.holds("a", 1.0)
}

func sessionsShareNoValues(t *testing.T) {
	s := newSite(t)
	first, second := s.browser(), s.browser()
	first.put("k", "mine")
	second.put("k", "yours")
	first.holds("k", "mine")
	second.holds("k", "yours")
	second.drop("k")
	first.holds("k", "mine")
	manyValuesAtOnceAndMissingOnes(t)
}

// writersMeetAnEndedSessionGone: single values too are written only if the session lives.
func writersMeetAnEndedSessionGone(t *testing.T) {
	s := newSite(t)
	b := s.browser()
	token := b.put("a", 1).token()
	s.client("__Host-session=" + token).direct(func(ctx context.Context, d *cloakroom.Direct) {
		noError(t, d.Set(ctx, "a", 2))
		b.with(destroy(t, t.Context()))
		for what, err := range map[string]error{
			"Set": d.Set(ctx, "a", 3), "Delete": d.Delete(ctx, "a"), "Extend": d.Extend(ctx, time.Hour),
		} {
			if !errors.Is(err, cloakroom.ErrEnded) {
				t.Errorf("%s: %v", what, err)
			}
		}
	})
	if err := s.m.DirectTrusted(idOf(token)).Set(t.Context(), "a", 4); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("Set from outside: %v", err)
	}
	want(t, "records", s.store.Store.(*memstore.Store).Len(), 0)
}
