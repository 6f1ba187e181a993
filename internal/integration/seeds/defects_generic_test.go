package seeds

import (
	"context"
	"fmt"
	"go/parser"
	"go/token"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/cloakroomtest"
	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/memstore"
)

// genericDefects are those of generic-session and its relatives, each shown absent.
func genericDefects() []row {
	return []row{
		{"1.3-1", nobodyChoosesATokenForAnother},
		{"1.3-2", timesMeanTheSameEverywhere},
		{"1.3-3", destroyWorksAfterTheHeaderWasSent},
		{"1.3-4", responsesCarryACookieWhenItIsNewOnly},
		{"1.3-5", noBrokenHashAndSameSiteByDefault},
		{"1.3-6", anOlderKeysCookieIsSentAnewWithItsEnd},
		{"1.3-7", namesInAnyScriptLiveAndDieTogether},
		{"1.3-8", typesAndNamesSurviveInRedis},
		{"1.3-9", unknownTokensTakeNoMemory},
	}
}

// nobodyChoosesATokenForAnother is session fixation: by a cookie of the attacker's choice,
// and by one of a session that is the attacker's own.
func nobodyChoosesATokenForAnother(t *testing.T) {
	s := newSite(t)
	chosen := strings.Repeat("attacker-chosen-", 3)[:42] + "A"
	victim := s.client("__Host-session=" + chosen)
	a := victim.set("secrets of the victim")
	if idOf(a.token()) == idOf(chosen) {
		t.Errorf("the session is at %q", a.token())
	}
	s.client("__Host-session=" + chosen).signedOut()

	planted := s.browser().set("harmless").token()
	victim = s.client("__Host-session=" + planted)
	a = victim.with(func(session *cloakroom.Session) { session.SignIn("victim") })
	s.client("__Host-session=" + planted).signedOut()
	s.client("__Host-session=" + a.token()).with(func(session *cloakroom.Session) {
		want(t, "the owner", session.Owner(), "victim")
	})
}

func timesMeanTheSameEverywhere(t *testing.T) {
	s := newSite(t, cloakroom.Config{IdleTimeout: time.Hour, Lifetime: 2 * time.Hour})
	a := s.browser().with(func(session *cloakroom.Session) {
		name.Set(session, "ada")
		want(t, "the session's end", session.ExpiresAt(), s.clock.Now().Add(time.Hour))
	})
	want(t, "the cookie's seconds", a.cookie.MaxAge, 7200)
	rec, err := s.record(a.token())
	noError(t, err)
	want(t, "the store's end", rec.ExpiresAt.Sub(s.clock.Now()), time.Hour)
}

func destroyWorksAfterTheHeaderWasSent(t *testing.T) {
	s := newSite(t)
	b := s.browser()
	b.set("ada")
	a := b.get("/", func(w http.ResponseWriter, r *http.Request) {
		session, err := s.m.Load(r.Context())
		noError(t, err)
		fmt.Fprint(w, "first ")
		noError(t, http.NewResponseController(w).Flush())
		noError(t, session.Destroy(r.Context()))
		fmt.Fprint(w, "last")
	})
	want(t, "the body", a.body, "first last")
	b.signedOut() // the cookie could not be cleared, and opens nothing
}

func responsesCarryACookieWhenItIsNewOnly(t *testing.T) {
	s := newSite(t)
	b := s.browser()
	want(t, "the cookie of a visitor", b.with(nothing).line, "")
	b.set("ada")
	for _, edit := range []func(*cloakroom.Session){nothing, anEdit, (*cloakroom.Session).Clear} {
		want(t, "the cookie", b.with(edit).line, "")
	}
	a := b.with(func(session *cloakroom.Session) {
		session.Renew()
		noError(t, session.Save(t.Context()))
		noError(t, session.Destroy(t.Context()))
	})
	want(t, "Set-Cookie lines when it is renewed and ended", len(a.header["Set-Cookie"]), 1)
	want(t, "Max-Age", a.cookie.MaxAge, -1)
}

func noBrokenHashAndSameSiteByDefault(t *testing.T) {
	theZeroCookieWorks(t)
	noBrokenHash(t)
}

// noBrokenHash looks at what the library imports.
func noBrokenHash(t *testing.T) {
	root := filepath.Join("..", "..", "..")
	looked := 0
	for _, dir := range []string{".", "seal", "csrf", "flash", "bag", "store", "store/memstore", "store/kvstore", "store/filestore", "store/sqlstore", "store/redisstore"} {
		files, err := filepath.Glob(filepath.Join(root, dir, "*.go"))
		noError(t, err)
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
			if err != nil {
				t.Fatal(err)
			}
			for _, spec := range f.Imports {
				looked++
				switch imported := strings.Trim(spec.Path.Value, `"`); imported {
				case "crypto/sha1", "crypto/md5", "crypto/rc4", "crypto/des", "math/rand":
					t.Errorf("%s imports %s", file, imported)
				}
			}
		}
	}
	if looked < 100 {
		t.Errorf("%d imports were found: this is not where the library is", looked)
	}
}

// namesInAnyScriptLiveAndDieTogether, in a store that keeps its sessions in a file of
// keys and values as level-session did.
func namesInAnyScriptLiveAndDieTogether(t *testing.T) {
	st, _ := inFile(t)
	clock := cloakroomtest.NewClock(time.Now())
	s := newSiteOver(t, st, cloakroom.Config{Now: clock.Now})
	b := s.browser()
	names := []string{"plain", "\u00ff", "\u0100", "\u043a\u043b\u044e\u0447", "\u65e5\u672c", "\U0001F600", "a.b:c/d"}
	for _, n := range names {
		b.put(n, n)
	}
	before, err := s.record(b.token())
	noError(t, err)
	clock.Advance(time.Minute)
	b.with((*cloakroom.Session).Touch)
	for _, n := range names {
		b.holds(n, n)
	}
	after, err := s.record(b.token())
	noError(t, err)
	want(t, "the end of all of them is later by", after.ExpiresAt.Sub(before.ExpiresAt), time.Minute)
	b.drop(names[3])
	b.holds(names[3], nil)
	b.with(func(session *cloakroom.Session) { want(t, "number of names", len(session.Names()), len(names)-1) })
	b.with(destroy(t, t.Context()))
	for key, err := range st.(store.Lister).List(t.Context()) {
		t.Errorf("left over: %q, %v", key, err)
	}
}

func typesAndNamesSurviveInRedis(t *testing.T) {
	s := newRedisSite(t)
	b := s.browser()
	values := map[string]any{
		"a": "x", "a:b": "y", "a:b:c": "z", "n": 42.0, "no": false, "empty": "", "big": 12345678901234.0,
		"list": []any{}, "tags": []any{"p", "q"}, "object": map[string]any{"a": map[string]any{"b": 1.0}}, "url": "http://x/y",
	}
	for field, v := range values {
		b.put(field, v)
	}
	for field, v := range values {
		b.holds(field, v)
	}
	b.with(func(session *cloakroom.Session) { session.SetRaw("long", "12345678901234567") }) // more digits than a float has
	want(t, "digits", s.ask("HGET", s.at(b.token()), "long"), "12345678901234567")
	b.drop("a")
	b.holds("a:b", "y") // its name says nothing
	if left, _ := strconv.Atoi(s.ask("PTTL", s.at(b.token()))); left <= 0 {
		t.Errorf("the record has no end: %d", left)
	}
	// Its first command made record and end in one step: no crash leaves one without.
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			b.direct(func(ctx context.Context, d *cloakroom.Direct) {
				noError(t, d.Set(ctx, fmt.Sprint("w", i), i))
				_, err := d.Add(ctx, "sum", 1)
				noError(t, err)
			})
		})
	}
	all.Wait()
	b.holds("sum", 8.0)
	for i := range 8 {
		b.holds(fmt.Sprint("w", i), float64(i))
	}
}

func unknownTokensTakeNoMemory(t *testing.T) {
	s := newSite(t)
	elsewhere := newSite(t)
	for range 50 {
		b := s.client("__Host-session=" + elsewhere.browser().set("x").token())
		b.with(func(session *cloakroom.Session) { want(t, "names", len(session.Names()), 0) })
		b.direct(func(ctx context.Context, d *cloakroom.Direct) {
			values, err := d.GetMany(ctx, "a", "b")
			noError(t, err)
			want(t, "values", len(values), 0)
		})
	}
	want(t, "records in memory", s.store.Store.(*memstore.Store).Len(), 0)
}

// The behaviours below are defects of several seeds.

// bothChangesStay: two requests hold the session at once, and change different values.
func bothChangesStay(t *testing.T) {
	s := newSite(t)
	b := s.browser()
	b.set("ada")
	finish := b.park(func(session *cloakroom.Session) { session.SetRaw("slow", "1"); countUp(session) })
	b.with(func(session *cloakroom.Session) { session.SetRaw("fast", "2"); countUp(session) })
	want(t, "status", finish().status, http.StatusOK)
	for field, v := range map[string]any{"slow": 1.0, "fast": 2.0, "name": "ada", "count": 2.0} {
		b.holds(field, v)
	}
}

// signedOutStaysSignedOut: a request that was under way during the sign-out, whatever it
// does with the session, brings nothing back.
func signedOutStaysSignedOut(t *testing.T) {
	for what, edit := range map[string]func(*cloakroom.Session){
		"an edit": anEdit, "a count": countUp, "a forced save": force, "a touch": (*cloakroom.Session).Touch, "nothing": nothing,
		"a renewal": (*cloakroom.Session).Renew, "a value deleted": func(session *cloakroom.Session) { name.Delete(session) },
	} {
		t.Run(what, func(t *testing.T) {
			s := newSite(t, cloakroom.Config{RollCookie: cloakroom.RollAlways})
			b := s.browser()
			token := b.set("ada").token()
			slow := s.client("__Host-session=" + token)
			finish := slow.park(edit)
			b.with(destroy(t, t.Context()))
			a := finish()
			want(t, "the slow request's cookie", a.line, "")
			slow.signedOut()
			want(t, "records", s.store.Store.(*memstore.Store).Len(), 0)
		})
	}
}

// aCrawlerLeavesNothing though it looks at pages that read the session.
func aCrawlerLeavesNothing(t *testing.T) {
	s := newSite(t)
	for range 10 {
		want(t, "the cookie", s.browser().with(nothing).line, "")
	}
	loads, saves, _ := s.store.calls()
	want(t, "calls of the store", loads+saves, 0)
}

// aDumpSignsNobodyIn: whoever reads all of the store cannot sign in.
func aDumpSignsNobodyIn(t *testing.T) {
	s := newSite(t)
	b := s.browser()
	token := b.with(func(session *cloakroom.Session) { session.SignIn("u1"); name.Set(session, "ada") }).token()
	rec, err := s.record(token)
	noError(t, err)
	parts := []string{idOf(token), idOf(token) + idOf(token) + "AAA"}
	for _, v := range rec.Fields.All() {
		v = strings.Trim(v, `"`)
		parts = append(parts, v, idOf(token)+v, idOf(token)+v[:min(len(v), 23)])
	}
	for _, guess := range parts {
		if strings.Contains(guess, token[20:]) {
			t.Errorf("the store holds the secret: %q", guess)
		}
		s.client("__Host-session=" + guess).signedOut()
	}
	b.reads("ada")
}
