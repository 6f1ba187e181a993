package seeds

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/memstore"
)

// socketDefects are those of express-session 1.0.
func socketDefects() []row {
	return []row{
		{"2.3-1", tokensWithoutATagAreRefused},
		{"2.3-2", nothingIsSavedThatNobodyChanged},
		{"2.3-3", aNewSessionWithTheSameContentGetsItsCookie},
		{"2.3-4", tokensAreEvenlyRandom},
		{"2.3-5", secretsAreComparedAsHashes},
		{"2.3-6", noRequestIsWithoutASession},
		{"2.3-7", aFailedSaveIsAnswered(true)},
		{"2.3-8", destroyRepeatsTheAttributes},
		{"2.3-9", pathsEndAtASegment},
		{"2.3-10", aSecureCookieIsLostOverPlainHTTP},
	}
}

// expressDefects are those of express-session 1.19.
func expressDefects() []row {
	return []row{
		{"2b.4-1", bothChangesStay},
		{"2b.4-2", signedOutStaysSignedOut},
		{"2b.4-3", nothingIsAnsweredBeforeTheSave},
		{"2b.4-4", destroyRepeatsTheAttributes},
		{"2b.4-5", lifetimeRenewalAndTheirRaces},
		{"2b.4-6", defaultsAreQuietAndIDsMayTakeTheirTime},
		{"2b.4-7", noBrokenHash},
		{"2b.4-8", aDumpSignsNobodyIn},
		{"2b.4-9", thereIsOneEnd},
		{"2b.4-10", upgradesHaveSessionsAndTokensCanBeOnesOwn},
	}
}

func tokensWithoutATagAreRefused(t *testing.T) {
	s := newSite(t, cloakroom.Config{Keys: [][]byte{[]byte(strings.Repeat("k", 32))}})
	b := s.browser()
	token := b.set("ada").token()
	s.store.calls()
	for _, bare := range []string{token[:43], "s:" + token[:43], idOf(token), "chosen"} {
		s.client("__Host-session=" + bare).signedOut()
	}
	loads, _, _ := s.store.calls()
	want(t, "loads for them", loads, 0)
	b.reads("ada")
}

func nothingIsSavedThatNobodyChanged(t *testing.T) {
	t.Run("lost updates", bothChangesStay)
	t.Run("resurrection", signedOutStaysSignedOut)
	t.Run("crawlers", aCrawlerLeavesNothing)
	t.Run("reads", anUnchangedSessionIsNotWritten)
}

func aNewSessionWithTheSameContentGetsItsCookie(t *testing.T) {
	s := newSite(t)
	b := s.browser()
	tokens := map[string]bool{b.set("the same").token(): true}
	for range 2 {
		tokens[b.with(func(session *cloakroom.Session) {
			session.Restart()
			name.Set(session, "the same")
		}).token()] = true
		b.reads("the same")
	}
	want(t, "different tokens", len(tokens), 3)
	want(t, "records", s.store.Store.(*memstore.Store).Len(), 1)
}

// tokensAreEvenlyRandom: of 64 letters each is as frequent as the others, within six
// standard deviations. With a byte modulo 62 eight of them would be a quarter too frequent.
func tokensAreEvenlyRandom(t *testing.T) {
	const sessions, letters = 3200, 43 - 1 // the last letter carries four bits only
	s := newSite(t)
	counts, ids := map[byte]int{}, map[string]bool{}
	for range sessions {
		session, err := s.m.Open(t.Context())
		noError(t, err)
		name.Set(session, "x")
		ticket, err := s.m.Commit(t.Context(), session)
		noError(t, err)
		ids[idOf(ticket.Token)] = true
		for i := range letters {
			counts[ticket.Token[i]]++
		}
	}
	want(t, "different IDs", len(ids), sessions)
	want(t, "different letters", len(counts), 64)
	const mean = sessions * letters / 64 // 2100, and a standard deviation of 46
	for letter, n := range counts {
		if n < mean-6*46 || n > mean+6*46 {
			t.Errorf("%q comes %d times, the mean is %d", letter, n, mean)
		}
	}
}

// secretsAreComparedAsHashes: what the time of a comparison could tell is about a SHA-256,
// of which a client cannot choose the beginning, and the key of the lookup is no secret.
func secretsAreComparedAsHashes(t *testing.T) {
	s := newSite(t)
	token := s.browser().set("ada").token()
	sum := sha256.Sum256([]byte(token[20:]))
	want(t, "what is stored of the secret", s.stored(token, "$secret"), `"`+base64.RawURLEncoding.EncodeToString(sum[:])+`"`)
	first, last := "A", "A"
	if token[20] == 'A' {
		first = "B"
	}
	if token[42] == 'A' {
		last = "E"
	}
	for _, wrong := range []string{token[:20] + first + token[21:], token[:42] + last} {
		s.client("__Host-session=" + wrong).signedOut()
		e, _ := find[cloakroom.Rejected](s.events)
		want(t, "the reason", e.Reason, cloakroom.ReasonBadSecret)
	}
}

func pathsEndAtASegment(t *testing.T) {
	for requestLine, cookie := range map[string]bool{
		"GET /foo/bar HTTP/1.1": true, "GET /foo/bar/ HTTP/1.1": true, "GET /foo/barX HTTP/1.1": false, "GET /foo/bar-x/y HTTP/1.1": false,
	} {
		t.Run(requestLine, mounted(requestLine, cookie))
	}
}

// nothingIsAnsweredBeforeTheSave: a browser that follows a redirect at once finds what the
// redirecting page has set.
func nothingIsAnsweredBeforeTheSave(t *testing.T) {
	s := newSite(t)
	saving, save := make(chan struct{}), make(chan struct{})
	s.store.meddle(hooks{save: func(ctx context.Context, key string, c store.Change) (uint64, error) {
		close(saving)
		<-save
		return s.store.Store.Save(ctx, key, c)
	}})
	b := s.browser()
	answered := make(chan answer, 1)
	go func() {
		answered <- b.try("GET", "/", func(w http.ResponseWriter, r *http.Request) {
			s.with(anEdit)(w, r)
			w.Header().Set("Location", "/next")
			w.WriteHeader(http.StatusSeeOther)
			_ = http.NewResponseController(w).Flush()
			fmt.Fprint(w, strings.Repeat("x", 1<<16))
		})
	}()
	<-saving
	select {
	case a := <-answered:
		t.Errorf("answered before the save: %d", a.status)
	case <-time.After(30 * time.Millisecond):
	}
	close(save)
	a := <-answered
	noError(t, a.err)
	want(t, "status", a.status, http.StatusSeeOther)
	s.store.meddle(hooks{})
	b.reads("lovelace")
}

func lifetimeRenewalAndTheirRaces(t *testing.T) {
	t.Run("an absolute end beside the rolling one", func(t *testing.T) {
		s := newSite(t, cloakroom.Config{IdleTimeout: time.Hour, Lifetime: 3 * time.Hour, RollCookie: cloakroom.RollAlways})
		b := s.browser()
		b.set("ada")
		for range 5 {
			s.clock.Advance(30 * time.Minute)
			b.with((*cloakroom.Session).Renew)
			b.reads("ada")
		}
		s.clock.Advance(30 * time.Minute)
		b.signedOut()
	})
	t.Run("two renewals at once", func(t *testing.T) {
		s := newSite(t)
		b := s.browser()
		old := b.set("ada").token()
		slow := s.client("__Host-session=" + old)
		finish := slow.park(all((*cloakroom.Session).Renew, countUp))
		b.with(all((*cloakroom.Session).Renew, countUp))
		want(t, "the cookie of the one that came second", finish().line, "")
		b.reads("ada")
		b.holds("count", 2.0)
		slow.signedOut()
	})
}

func defaultsAreQuietAndIDsMayTakeTheirTime(t *testing.T) {
	t.Run("visitors", aCrawlerLeavesNothing)
	t.Run("reads", anUnchangedSessionIsNotWritten)
	t.Run("an ID that comes from elsewhere", func(t *testing.T) {
		ids := make(chan [15]byte)
		s := newSite(t, cloakroom.Config{NewID: func(ctx context.Context) ([15]byte, error) {
			select {
			case id := <-ids:
				return id, nil
			case <-ctx.Done():
				return [15]byte{}, ctx.Err()
			}
		}})
		go func() { ids <- [15]byte{1: 2} }()
		b := s.browser()
		want(t, "the ID", idOf(b.set("ada").token()), base64.RawURLEncoding.EncodeToString([]byte{1: 2, 14: 0}))
		b.reads("ada")
	})
	t.Run("outages", aFailedLoadIsAnswered)
	t.Run("outages that pass", aRequestWaitsForTheStore)
}

// thereIsOneEnd: of cookie, record and Redis's key none drifts away from the others.
func thereIsOneEnd(t *testing.T) {
	s := newRedisSite(t)
	b := s.browser()
	check := func() {
		t.Helper()
		rec, err := s.record(b.token())
		noError(t, err)
		want(t, "Redis's end", s.ask("PEXPIRETIME", s.at(b.token())), text(rec.ExpiresAt.UnixMilli()))
		b.with(func(session *cloakroom.Session) {
			want(t, "the session's end", session.ExpiresAt().Equal(rec.ExpiresAt), true)
			for _, field := range session.Names() {
				if raw, _ := session.Raw(field); strings.Contains(raw, "expires") {
					t.Errorf("%s has an end of its own: %s", field, raw)
				}
			}
		})
	}
	b.set("ada")
	check()
	b.with((*cloakroom.Session).Touch)
	check()
	b.with(func(session *cloakroom.Session) { session.SetIdleTimeout(time.Minute) })
	check()
	a := b.with(func(session *cloakroom.Session) { session.SetLifetime(30 * time.Second) })
	if a.cookie.MaxAge < 20 || a.cookie.MaxAge > 30 {
		t.Errorf("Max-Age %d", a.cookie.MaxAge)
	}
	check()
}

func upgradesHaveSessionsAndTokensCanBeOnesOwn(t *testing.T) {
	t.Run("upgrade", anUpgradeHasASession)
	t.Run("tokens", func(t *testing.T) {
		s := newSite(t, cloakroom.Config{Tokens: &countingTokens{}})
		b := s.browser()
		want(t, "the token", b.set("ada").token(), "user1~secret1")
		b.reads("ada")
		s.client("__Host-session=user1~secret2").signedOut()
	})
}

// countingTokens is a scheme of a program's own. Its secrets are for tests.
type countingTokens struct{ made int }

func (c *countingTokens) New(context.Context) (cloakroom.Token, error) {
	c.made++
	return cloakroom.Token{Key: fmt.Sprint("user", c.made), Secret: fmt.Sprint("secret", c.made)}, nil
}

func (c *countingTokens) Parse(text string) (cloakroom.Token, bool) {
	key, secret, ok := strings.Cut(text, "~")
	return cloakroom.Token{Key: key, Secret: secret}, ok && secret != ""
}

func (c *countingTokens) Format(t cloakroom.Token) string { return t.Key + "~" + t.Secret }

// anUpgradeHasASession: a visitor whose first request asks for another protocol gets a
// session with the handshake, and what is said later is saved when it is.
func anUpgradeHasASession(t *testing.T) {
	s := newSite(t, cloakroom.Config{Insecure: true})
	upgrade := func(w http.ResponseWriter, r *http.Request) {
		session, err := s.m.Load(r.Context())
		noError(t, err)
		name.Set(session, "ada")
		noError(t, session.Save(r.Context()))
		cookie := w.Header().Get("Set-Cookie")
		conn, in, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		fmt.Fprintf(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\nSet-Cookie: %s\r\n\r\n", cookie)
		for range 2 {
			line, err := in.ReadString('\n')
			if err != nil {
				t.Error(err)
				return
			}
			name.Set(session, strings.TrimSpace(line))
			err = session.Save(context.WithoutCancel(r.Context()))
			if err != nil && !errors.Is(err, cloakroom.ErrEnded) {
				t.Error(err)
			}
			fmt.Fprintln(conn, err == nil)
		}
	}
	conn, err := net.Dial("tcp", s.server("example.com:80").Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "GET / HTTP/1.1\r\nHost: example.com\r\nConnection: Upgrade\r\nUpgrade: echo\r\nPage: %s\r\n\r\n", s.addPage(upgrade))
	in := bufio.NewReader(conn)
	res, err := http.ReadResponse(in, nil)
	if err != nil {
		t.Fatal(err)
	}
	want(t, "status", res.StatusCode, http.StatusSwitchingProtocols)
	if len(res.Cookies()) != 1 {
		t.Fatalf("the handshake sets %v", res.Header)
	}
	b := s.client("session=" + res.Cookies()[0].Value)
	b.base = "http://example.com"
	b.reads("ada")
	say := func(line, saved string) {
		t.Helper()
		fmt.Fprintln(conn, line)
		answer, err := in.ReadString('\n')
		if err != nil && err != io.EOF {
			t.Error(err)
		}
		want(t, "saved "+line, strings.TrimSpace(answer), saved)
	}
	say("lovelace", "true")
	b.reads("lovelace")
	b.with(destroy(t, t.Context()))
	say("after the sign-out", "false")
	b.signedOut()
}
