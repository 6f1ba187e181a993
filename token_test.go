package cloakroom_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/store"
)

var tokenForm = regexp.MustCompile(`^[A-Za-z0-9_-]{43}$`)

func TestATokenIs43CharactersAndItsFirst20AreTheKey(t *testing.T) {
	r := newRig(t, nil)
	cookie := r.fresh()
	_, token, _ := strings.Cut(cookie, "=")
	if !tokenForm.MatchString(token) {
		t.Fatalf("token %q", token)
	}
	r.with(func(s *cloakroom.Session) {
		if s.ID() != token[:20] {
			t.Errorf("ID %q of token %q", s.ID(), token)
		}
	}, cookie)
	if _, err := r.record(cookie); err != nil {
		t.Errorf("no record under the token's first 20 characters: %v", err)
	}
}

func TestNoStoreCallWithoutAWellFormedToken(t *testing.T) {
	good := strings.Repeat("A", 42)
	for _, value := range []string{
		"", "x", good, good + "AA", good + "B", good + "!", good + "=", good + "\u00e9", strings.Repeat("A", 5000), `"` + good + `"`,
		"../../../etc/passwd", good[:20], good + "A.tag",
	} {
		r := newRig(t, nil)
		r.with(func(s *cloakroom.Session) {
			if !s.IsNew() || s.Has("name") {
				t.Errorf("%q opened something", value)
			}
		}, "__Host-session="+value)
		if loads, saves, _ := r.spy.calls(); loads+saves != 0 {
			t.Errorf("%q: %d loads, %d saves", value, loads, saves)
		}
		if e, ok := find(r.log.take(), func(cloakroom.Rejected) bool { return true }); !ok || e.Reason != cloakroom.ReasonBadToken {
			t.Errorf("%q: told %+v", value, e)
		}
	}
}

func TestAClientNeverChoosesItsID(t *testing.T) {
	r := newRig(t, nil)
	chosen := "__Host-session=" + strings.Repeat("A", 43)
	cookie := ticket(r.with(func(s *cloakroom.Session) { name.Set(s, "x") }, chosen))
	if cookie == "" || key(cookie) == key(chosen) {
		t.Errorf("the session got the cookie %q", cookie)
	}
	wantEvent(t, r.log, cloakroom.Rejected{ID: key(chosen), Reason: cloakroom.ReasonUnknown})
}

func TestAnInvalidCookieDoesNotMaskAValidOne(t *testing.T) {
	r := newRig(t, nil)
	good := r.fresh()
	for _, header := range []string{
		"__Host-session=junk; " + good,
		"__Host-session=" + strings.Repeat("A", 43) + "; other=1; " + good,
		"a=b;" + good + ";c=d",
		"__Host-sessionx=1; x__Host-session=2; " + good,
		strings.Replace(good, "=", `="`, 1) + `"`,
	} {
		if !r.opens(header) {
			t.Errorf("%q does not open the session", header)
		}
	}
	req := httptest.NewRequest("GET", "https://example.com/", nil)
	req.Header["Cookie"] = []string{"a=b", "__Host-session=junk", good}
	ok := false
	r.m.Handler(r.m.Func(func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) { ok = !s.IsNew() })).
		ServeHTTP(httptest.NewRecorder(), req)
	if !ok {
		t.Error("a second Cookie header is not read")
	}
}

func TestAtMostFourWellFormedTokensAreLookedUp(t *testing.T) {
	r := newRig(t, nil)
	good := r.fresh()
	stranger := "__Host-session=" + strings.Repeat("A", 43)
	if !r.opens(strings.Repeat(stranger+"; ", 3) + good) {
		t.Error("the fourth was not tried")
	}
	r.spy.calls()
	if r.opens(strings.Repeat(stranger+"; ", 4) + good) {
		t.Error("the fifth was tried")
	}
	if loads, _, _ := r.spy.calls(); loads != 4 {
		t.Errorf("%d loads", loads)
	}
}

func TestASecretReachesNeitherStoreNorEventNorError(t *testing.T) {
	r := newRig(t, nil)
	cookie := r.fresh()
	var seen bytes.Buffer
	dump := func() {
		rec, err := r.record(cookie)
		if err != nil {
			t.Fatal(err)
		}
		doc, _ := rec.Fields.MarshalJSON()
		seen.Write(doc)
		seen.WriteString(key(cookie) + rec.Owner)
	}
	dump()
	secrets := []string{secret(cookie)}
	cookie = ticket(r.with(func(s *cloakroom.Session) { s.Renew() }, cookie))
	secrets = append(secrets, secret(cookie))
	dump()
	cookie = ticket(r.with(func(s *cloakroom.Session) { s.SignIn("u1") }, cookie))
	secrets = append(secrets, secret(cookie))
	dump()
	r.opens("__Host-session=" + key(cookie) + strings.Repeat("A", 23))

	// Errors of every kind, events, what a default Observer logs, and what the store was sent.
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(&seen, nil)))
	defer slog.SetDefault(before)
	failing := r.other(nil)
	down := errors.New("down")
	for _, f := range []func(s *spy){
		func(s *spy) {
			s.load = func(context.Context, string) (store.Record, error) { return store.Record{}, down }
		},
		func(s *spy) {
			s.save = func(context.Context, string, store.Change) (uint64, error) { return 0, down }
		},
		func(s *spy) { s.delete = func(context.Context, string) error { return down } },
	} {
		for _, m := range []*cloakroom.Manager{r.m, failing.m} {
			r.spy.meddle(f)
			s, err := m.Open(context.Background(), strings.TrimPrefix(cookie, "__Host-session="))
			seen.WriteString(sprint(err))
			if s != nil {
				s.Renew()
				seen.WriteString(sprint(s.Save(context.Background()), s.Destroy(context.Background()), s, s.Err()))
				cloakroom.NewKey[chan int]("odd").Set(s, nil)
				_, err = m.Commit(context.Background(), s)
				seen.WriteString(sprint(err, s.Err()))
				fmt.Fprintf(&seen, "%v %+v %#v", s, s, s)
			}
			r.spy.meddle(func(s *spy) { s.load, s.save, s.delete = nil, nil, nil })
		}
	}
	r.spy.mu.Lock()
	for _, c := range r.spy.changes {
		doc, _ := c.Set.MarshalJSON()
		seen.Write(doc)
		seen.WriteString(sprint(c.If, c.Unset))
	}
	r.spy.mu.Unlock()
	for _, e := range r.log.take() {
		seen.WriteString(sprint(e))
	}
	for _, secret := range secrets {
		if strings.Contains(seen.String(), secret) || strings.Contains(seen.String(), secret[:12]) {
			t.Errorf("the secret %q shows in %s", secret, &seen)
		}
	}
	// And what a dump holds does not sign anybody in.
	for _, hash := range regexp.MustCompile(`[A-Za-z0-9_-]{43}`).FindAllString(seen.String(), -1) {
		for _, token := range []string{hash, key(cookie) + hash[:23], key(cookie) + hash[20:]} {
			if r.opens("__Host-session=" + token) {
				t.Errorf("%q from the store opens the session", token)
			}
		}
	}
}

func TestKeysRefuseForgedTokensWithoutAStoreCall(t *testing.T) {
	old, fresh := bytes.Repeat([]byte{1}, 32), bytes.Repeat([]byte{2}, 32)
	r := newRig(t, &cloakroom.Config{Keys: [][]byte{old}})
	cookie := r.fresh()
	_, token, _ := strings.Cut(cookie, "=")
	if len(token) != 43+22 || !r.opens(cookie) {
		t.Fatalf("token of %d characters", len(token))
	}
	r.spy.calls()
	flipped := "B"
	if token[0] == 'B' {
		flipped = "C"
	}
	for _, forged := range []string{
		token[:43], token[:64], token + "A", token[:43] + strings.Repeat("A", 22), flipped + token[1:],
	} {
		r.opens("__Host-session=" + forged)
	}
	if loads, _, _ := r.spy.calls(); loads != 0 {
		t.Errorf("forged tokens cost %d loads", loads)
	}

	t.Run("rotation", func(t *testing.T) {
		rotated := r.other(&cloakroom.Config{Keys: [][]byte{fresh, old}})
		reissued := ticket(rotated.with(func(*cloakroom.Session) {}, cookie))
		if reissued == "" || key(reissued) != key(cookie) || reissued == cookie {
			t.Fatalf("a token with the old key was re-issued as %q", reissued)
		}
		if again := ticket(rotated.with(func(*cloakroom.Session) {}, reissued)); again != "" {
			t.Error("a token with the first key was re-issued")
		}
		// One Save, which changes nothing, makes sure that the secret is good still.
		if _, saves, _ := rotated.spy.calls(); saves != 1 {
			t.Errorf("re-issuing cost %d saves", saves)
		}
		if last := r.other(&cloakroom.Config{Keys: [][]byte{fresh}}); !last.opens(reissued) || last.opens(cookie) {
			t.Error("after the old key is dropped, only the re-issued token may open the session")
		}
	})
	t.Run("switching on", func(t *testing.T) {
		plain := newRig(t, nil)
		untagged := plain.fresh()
		if plain.other(&cloakroom.Config{Keys: [][]byte{fresh}}).opens(untagged) {
			t.Error("an untagged token passes without AcceptUntagged")
		}
		easing := plain.other(&cloakroom.Config{Keys: [][]byte{fresh}, AcceptUntagged: true})
		tagged := ticket(easing.with(func(*cloakroom.Session) {}, untagged))
		if len(tagged) != len(untagged)+22 || !plain.other(&cloakroom.Config{Keys: [][]byte{fresh}}).opens(tagged) {
			t.Errorf("the untagged token was re-issued as %q", tagged)
		}
	})
}

// prefixScheme needs Format: what the client carries is not key and secret put together.
type prefixScheme struct{ fail error }

func (p prefixScheme) New(context.Context) (cloakroom.Token, error) {
	if p.fail != nil {
		return cloakroom.Token{}, p.fail
	}
	serial++
	return cloakroom.Token{Key: "k" + strings.Repeat("x", serial), Secret: "s" + strings.Repeat("y", serial)}, nil
}

var serial int

func (prefixScheme) Parse(text string) (cloakroom.Token, bool) {
	key, secret, ok := strings.Cut(strings.TrimPrefix(text, "v2:"), ".")
	return cloakroom.Token{Key: key, Secret: secret}, ok && strings.HasPrefix(text, "v2:")
}
func (prefixScheme) Format(t cloakroom.Token) string { return "v2:" + t.Key + "." + t.Secret }

func TestATokenSchemeFormatsItsTokensAlsoAfterARenew(t *testing.T) {
	r := newRig(t, &cloakroom.Config{Tokens: prefixScheme{}})
	before := r.fresh()
	after := ticket(r.with(func(s *cloakroom.Session) { s.Renew() }, before))
	if !strings.HasPrefix(after, "__Host-session=v2:") || after == before || !r.opens(after) || r.opens(before) {
		t.Errorf("from %q to %q", before, after)
	}
}

func TestARandomSourceThatFailsFailsTheRequest(t *testing.T) {
	broken := errors.New("no entropy")
	r := newRig(t, &cloakroom.Config{Tokens: prefixScheme{fail: broken}})
	res := r.with(func(s *cloakroom.Session) { name.Set(s, "x") })
	if _, saves, _ := r.spy.calls(); res.StatusCode != 500 || saves != 0 || len(res.Cookies()) != 0 {
		t.Errorf("status %d, %d saves, cookies %v", res.StatusCode, saves, res.Cookies())
	}
	r.with(func(s *cloakroom.Session) {
		if s.ID() != "" || !errors.Is(s.Err(), broken) || s.Derive("x") != [32]byte{} {
			t.Errorf("ID %q, Err %v", s.ID(), s.Err())
		}
	})
	r.with(func(s *cloakroom.Session) {
		if s.SignIn("u1"); !errors.Is(s.Err(), broken) {
			t.Errorf("SignIn: %v", s.Err())
		}
	})
}

// bareScheme has keys only, as legacy formats do.
type bareScheme struct{}

func (bareScheme) New(context.Context) (cloakroom.Token, error) {
	serial++
	return cloakroom.Token{Key: "bare" + strings.Repeat("z", serial)}, nil
}

func (bareScheme) Parse(text string) (cloakroom.Token, bool) {
	return cloakroom.Token{Key: text}, strings.HasPrefix(text, "bare")
}
func (bareScheme) Format(t cloakroom.Token) string { return t.Key }

func TestASchemeWithoutSecrets(t *testing.T) {
	r := newRig(t, &cloakroom.Config{Tokens: bareScheme{}})
	res := r.with(func(s *cloakroom.Session) { name.Set(s, "x") })
	cookie := ticket(res)
	if !r.opens(cookie) {
		t.Error("the session does not open")
	}
	for what, f := range map[string]func(s *cloakroom.Session){
		"Renew": (*cloakroom.Session).Renew, "SignIn": func(s *cloakroom.Session) { s.SignIn("u1") },
		"Derive": func(s *cloakroom.Session) { s.Derive("x") },
	} {
		r.with(func(s *cloakroom.Session) {
			if f(s); s.Err() == nil || !strings.Contains(s.Err().Error(), "secret") {
				t.Errorf("%s: Err is %v", what, s.Err())
			}
		}, cookie)
	}
}

// A record that has a secret is not opened by a scheme that asks for none.
func TestARecordWithASecretDemandsIt(t *testing.T) {
	r := newRig(t, nil)
	cookie := r.fresh()
	bare := r.other(&cloakroom.Config{Tokens: anyScheme{}})
	if bare.opens("__Host-session=" + key(cookie)) {
		t.Error("the key alone opened the session")
	}
}

type anyScheme struct{ bareScheme }

func (anyScheme) Parse(text string) (cloakroom.Token, bool) { return cloakroom.Token{Key: text}, true }

type headerTransport struct{}

func (headerTransport) Tokens(r *http.Request) iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, v := range r.Header["X-Session"] {
			if !yield(v) {
				return
			}
		}
	}
}

func (headerTransport) Send(w http.ResponseWriter, _ *http.Request, t cloakroom.Ticket) error {
	if t.Clear {
		t.Token = "cleared"
	}
	w.Header().Set("X-Session", t.Token)
	return nil
}
func (headerTransport) Vary() string { return "X-Session" }

func TestATransportCarriesTokensAndIsNamedInVary(t *testing.T) {
	r := newRig(t, &cloakroom.Config{Transport: headerTransport{}})
	res := r.with(func(s *cloakroom.Session) { name.Set(s, "x") })
	token := res.Header.Get("X-Session")
	if !tokenForm.MatchString(token) || res.Header.Get("Vary") != "X-Session" || len(res.Cookies()) != 0 {
		t.Fatalf("header %v", res.Header)
	}
	req := httptest.NewRequest("GET", "https://example.com/", nil)
	req.Header["X-Session"] = []string{"junk", token}
	w := httptest.NewRecorder()
	r.m.Handler(r.m.Func(func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) {
		if name.Get(s) != "x" {
			t.Error("the token in the header does not open the session")
		}
		if err := s.Destroy(context.Background()); err != nil {
			t.Error(err)
		}
	})).ServeHTTP(w, req)
	if w.Header().Get("X-Session") != "cleared" {
		t.Errorf("after Destroy: %v", w.Header())
	}
}

func FuzzTokenParse(f *testing.F) {
	keys := [][]byte{bytes.Repeat([]byte{1}, 32)}
	for _, config := range []*cloakroom.Config{nil, {Keys: keys}} {
		r := newRig(f, config)
		_, token, _ := strings.Cut(r.fresh(), "=")
		f.Add(token)
	}
	for _, seed := range []string{"", "A", strings.Repeat("A", 43), strings.Repeat("A", 65), "\x00", strings.Repeat("-", 43)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, config := range []*cloakroom.Config{nil, {Keys: keys}, {Keys: keys, AcceptUntagged: true}} {
			r := newRig(t, config)
			s, err := r.m.Open(context.Background(), text)
			if err != nil || !s.IsNew() {
				t.Fatalf("%q: %v", text, err)
			}
			if loads, _, _ := r.spy.calls(); loads > 0 && !tokenForm.MatchString(text[:43]) {
				t.Fatalf("%q cost a store call", text)
			}
		}
	})
}
