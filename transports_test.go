package cloakroom_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/cloakroom-go/cloakroom"
)

// send runs f in a request with the headers given as "Name: value".
func (r *rig) send(f func(s *cloakroom.Session), target string, headers ...string) *http.Response {
	r.t.Helper()
	req := httptest.NewRequest("GET", target, nil)
	for _, line := range headers {
		name, value, _ := strings.Cut(line, ": ")
		req.Header.Add(name, value)
	}
	w := httptest.NewRecorder()
	r.m.Handler(r.m.Func(func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) { f(s) })).ServeHTTP(w, req)
	return w.Result()
}

func set(s *cloakroom.Session)  { name.Set(s, "set") }
func read(s *cloakroom.Session) { name.Get(s) }

func TestTokensTravelInHeaders(t *testing.T) {
	for what, c := range map[string]struct {
		transport     cloakroom.Transport
		reply, vary   string
		target, carry string
	}{
		"bearer":       {cloakroom.BearerTransport{}, "Session-Token", "Authorization", "/", "Authorization: Bearer "},
		"own reply":    {cloakroom.BearerTransport{Reply: "X-New"}, "X-New", "Authorization", "/", "Authorization: bearer   "},
		"named header": {cloakroom.HeaderTransport{Name: "X-Session"}, "X-Session", "X-Session", "/", "X-Session: "},
		"query":        {cloakroom.InsecureQueryTransport{Parameter: "sid"}, "Session-Token", "", "/?sid=", ""},
	} {
		r := newRig(t, &cloakroom.Config{Transport: c.transport})
		request := func(f func(*cloakroom.Session), token string) *http.Response {
			if c.carry == "" {
				return r.send(f, c.target+token)
			}
			return r.send(f, c.target, c.carry+token)
		}
		res := request(set, "")
		token := res.Header.Get(c.reply)
		if token == "" || len(res.Header["Set-Cookie"]) != 0 {
			t.Errorf("%s: a new session is answered with %v", what, res.Header)
			continue
		}
		res = request(func(s *cloakroom.Session) {
			if name.Get(s) != "set" {
				t.Errorf("%s: name %q", what, name.Get(s))
			}
		}, token)
		if res.Header.Get("Vary") != c.vary || res.Header.Get("Cache-Control") != "private" || res.Header.Get(c.reply) != "" {
			t.Errorf("%s: a read is answered with %v", what, res.Header)
		}
		res = request(func(s *cloakroom.Session) { r.must(s.Destroy(t.Context())) }, token)
		if v, ok := res.Header[http.CanonicalHeaderKey(c.reply)]; !ok || v[0] != "" {
			t.Errorf("%s: a sign-out is answered with %v", what, res.Header)
		}
	}
}

func TestAChainAnswersTheWayItWasAsked(t *testing.T) {
	r := newRig(t, &cloakroom.Config{Transport: cloakroom.ChainTransports(
		cloakroom.CookieTransport(cloakroom.Cookie{}), cloakroom.BearerTransport{},
	)})
	browser := r.send(set, "https://example.com/")
	cookie := ticket(browser)
	if cookie == "" || browser.Header.Get("Session-Token") != "" {
		t.Errorf("who brought nothing got %v", browser.Header)
	}
	_, token, _ := strings.Cut(cookie, "=")
	renew := func(s *cloakroom.Session) {
		if s.IsNew() {
			t.Error("the token was not found")
		}
		s.Renew()
	}
	program := r.send(renew, "https://example.com/", "Authorization: Bearer "+token)
	token = program.Header.Get("Session-Token")
	if ticket(program) != "" || token == "" || program.Header.Get("Vary") != "Cookie, Authorization" {
		t.Errorf("who brought a bearer token got %v", program.Header)
	}
	back := r.send(renew, "https://example.com/", "Cookie: __Host-session="+token)
	if ticket(back) == "" || back.Header.Get("Session-Token") != "" {
		t.Errorf("who brought a cookie got %v", back.Header)
	}
}

// The response would otherwise carry a token that opens nothing any more.
func TestAHeaderIsWithdrawnWhenTheSessionEndsMeanwhile(t *testing.T) {
	r := newRig(t, &cloakroom.Config{Transport: cloakroom.ChainTransports(cloakroom.HeaderTransport{Name: "X-Session"}, cloakroom.BearerTransport{})})
	token := r.send(set, "/").Header.Get("X-Session")
	res := r.send(func(s *cloakroom.Session) {
		s.Renew()
		r.must(s.Save(t.Context()))
		r.must(r.m.DirectTrusted(s.ID()).Destroy(t.Context()))
		visits.Set(s, 1)
	}, "/", "X-Session: "+token)
	if res.Header.Get("X-Session") != "" {
		t.Errorf("%v", res.Header)
	}
}

func TestBadTransportsAreRefused(t *testing.T) {
	for what, transport := range map[string]cloakroom.Transport{
		"BearerTransport.Reply":            cloakroom.BearerTransport{Reply: "a b"},
		"HeaderTransport.Name":             cloakroom.HeaderTransport{},
		"InsecureQueryTransport.Parameter": cloakroom.InsecureQueryTransport{},
		"member 1":                         cloakroom.ChainTransports(cloakroom.BearerTransport{}, nil),
		"Config.Cookie.Name":               cloakroom.ChainTransports(cloakroom.CookieTransport(cloakroom.Cookie{Name: "a b"})),
	} {
		_, err := cloakroom.New(newRig(t, nil).spy, &cloakroom.Config{Transport: transport})
		if err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestCookieForGivesEachRequestItsCookie(t *testing.T) {
	r := newRig(t, &cloakroom.Config{CookieFor: func(req *http.Request) cloakroom.Cookie {
		return cloakroom.Cookie{Domain: strings.TrimPrefix(req.Host, "www."), BrowserSession: req.Host == "www.b.test"}
	}})
	a := r.send(set, "https://www.a.test/").Cookies()[0]
	b := r.send(set, "https://www.b.test/").Cookies()[0]
	if a.Domain != "a.test" || a.MaxAge <= 0 || b.Domain != "b.test" || b.MaxAge != 0 {
		t.Errorf("a: %v, b: %v", a, b)
	}
	res := r.send(func(s *cloakroom.Session) {
		if name.Get(s) != "set" || !s.Persistent() {
			t.Error("the session was not found, or is not persistent")
		}
	}, "https://www.a.test/", "Cookie: "+a.Name+"="+a.Value)
	if res.Header.Get("Vary") != "Cookie" {
		t.Errorf("%v", res.Header)
	}
	r.send(func(s *cloakroom.Session) {
		if s.Persistent() {
			t.Error("persistent, where the cookie ends with the browser")
		}
	}, "https://www.b.test/", "Cookie: "+b.Name+"="+b.Value)
}

func TestACookieForThatFailsFailsTheRequest(t *testing.T) {
	for status, f := range map[int]func(*http.Request) cloakroom.Cookie{
		500: func(*http.Request) cloakroom.Cookie { return cloakroom.Cookie{Name: "a b"} },
		503: func(*http.Request) cloakroom.Cookie { panic("boom") },
	} {
		r := newRig(t, &cloakroom.Config{CookieFor: f})
		if res := r.send(read, "/"); res.StatusCode != status {
			t.Errorf("status %d, want %d", res.StatusCode, status)
		}
	}
	for what, c := range map[string]*cloakroom.Config{
		"Cookie":    {CookieFor: func(*http.Request) cloakroom.Cookie { return cloakroom.Cookie{} }, Cookie: cloakroom.Cookie{Name: "x"}},
		"Transport": {CookieFor: func(*http.Request) cloakroom.Cookie { return cloakroom.Cookie{} }, Transport: cloakroom.BearerTransport{}},
	} {
		if _, err := cloakroom.New(newRig(t, nil).spy, c); err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestSecureAutoFollowsTheConnection(t *testing.T) {
	r := newRig(t, &cloakroom.Config{Cookie: cloakroom.Cookie{SecureAuto: true}, TrustedProxies: officeProxies})
	plain := r.send(set, "http://app.example/").Cookies()[0]
	safe := r.send(set, "https://app.example/").Cookies()[0]
	forged := r.send(set, "http://app.example/", "X-Forwarded-Proto: https").Cookies()[0]
	if plain.Secure || !safe.Secure || forged.Secure || plain.Name != "session" || safe.Name != "session" || !plain.HttpOnly {
		t.Errorf("plain %v, TLS %v, forged %v", plain, safe, forged)
	}
	if e, ok := find(r.log.take(), func(cloakroom.Warning) bool { return true }); ok {
		t.Errorf("what was asked for was warned of: %+v", e)
	}
	for _, c := range []cloakroom.Config{
		{Cookie: cloakroom.Cookie{SecureAuto: true}, Insecure: true},
		{Cookie: cloakroom.Cookie{SecureAuto: true, Name: "__Host-x"}},
		{Cookie: cloakroom.Cookie{SecureAuto: true, SameSite: http.SameSiteNoneMode}},
		{Cookie: cloakroom.Cookie{SecureAuto: true, Partitioned: true}},
	} {
		if _, err := cloakroom.New(r.spy, &c); err == nil || !strings.Contains(err.Error(), "SecureAuto") {
			t.Errorf("%+v: %v", c.Cookie, err)
		}
	}
}

func TestASecureCookieOverPlainHTTPIsReportedByWhatTrustedProxiesSay(t *testing.T) {
	for _, c := range []struct {
		proxies bool
		header  string
		warned  bool
	}{
		{false, "", true},
		{false, "X-Forwarded-Proto: https", false},
		{true, "X-Forwarded-Proto: https", true}, // httptest's client is no proxy of ours
	} {
		config := &cloakroom.Config{}
		if c.proxies {
			config.TrustedProxies = officeProxies
		}
		r := newRig(t, config)
		r.send(set, "http://app.example.org/", c.header)
		if _, ok := find(r.log.take(), func(cloakroom.Warning) bool { return true }); ok != c.warned {
			t.Errorf("%+v: warned %v", c, ok)
		}
	}
}
