package cloakroom_test

import (
	"encoding/base64"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/cloakroom-go/cloakroom"
)

// tokensIn returns the values of the session cookies in a Cookie header that could be
// tokens: the base64url of 32 bytes. It is written for clarity and reads the header as
// RFC 6265, section 5.4 writes it.
func tokensIn(header string) (tokens []string) {
	for pair := range strings.SplitSeq(header, ";") {
		value, ok := strings.CutPrefix(strings.Trim(pair, " \t"), "__Host-session=")
		if !ok {
			continue
		}
		if len(value) >= 2 && strings.HasPrefix(value, `"`) && strings.HasSuffix(value, `"`) {
			value = value[1 : len(value)-1]
		}
		raw, err := base64.RawURLEncoding.Strict().DecodeString(value)
		if err == nil && len(raw) == 32 && !strings.ContainsAny(value, "\r\n") {
			tokens = append(tokens, value)
		}
	}
	return tokens
}

// FuzzCookieHeader: whatever a client sends as cookies, the request is answered, and the
// store is asked only about well-formed tokens, at most four of them.
func FuzzCookieHeader(f *testing.F) {
	const token = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" // well-formed, and opens nothing
	seeds := []string{
		"",
		";",
		"=",
		"__Host-session",
		"__Host-session=",
		"__Host-session=x",
		`__Host-session=""`,
		`__Host-session="`,
		"__Host-session=" + token,
		`__Host-session="` + token + `"`,
		`__Host-session="` + token,
		"__Host-session= " + token,
		"__Host-session=" + token + " \t; a=b",
		" \t__Host-session=" + token,
		"__Host-session=" + token[:42],
		"__Host-session=" + token + "A",
		"__Host-session=" + token[:42] + "B", // bits that the encoding leaves no room for
		"__Host-session=" + token[:42] + "=",
		"__Host-session=" + token[:20] + "\n" + token[21:],
		"__Host-session=" + token[:20] + "\x00" + token[21:],
		"__Host-session=" + strings.Repeat("é", 21) + "A",
		"__HOST-SESSION=" + token,
		"x__Host-session=" + token,
		"a=__Host-session=" + token,
		"a=1; __Host-session=" + token + "; __Host-session=" + token[:42] + "E",
		strings.Repeat("__Host-session="+token+";", 9),
		strings.Repeat("__Host-session=x;", 9) + "__Host-session=" + token,
		strings.Repeat("a", 8<<10) + "=" + token,
		strings.Repeat(";", 4<<10),
		"\xff\xfe=\x80; __Host-session=\xff",
	}
	for _, seed := range seeds {
		f.Add(seed, "")
	}
	f.Add("__Host-session="+token, "__Host-session="+token)
	f.Add("a=b", "__Host-session="+token[:42]+"E; c")

	r := newRig(f, nil)
	cookie := r.visitor()
	h := r.m.Handler(r.m.Func(func(w http.ResponseWriter, _ *http.Request, s *cloakroom.Session) {
		visits.Get(s)
		s.Names()
		io.WriteString(w, "page")
	}))
	answer := func(lines ...string) *http.Response {
		req := httptest.NewRequest("GET", "https://example.com/", nil)
		req.Header["Cookie"] = lines
		w := httptest.NewRecorder()
		h.ServeHTTP(w, req)
		return w.Result()
	}
	f.Fuzz(func(t *testing.T, first, second string) {
		tokens := append(tokensIn(first), tokensIn(second)...)
		res := answer(first, second)
		wantStatus(t, res, http.StatusOK)
		if got := res.Header["Set-Cookie"]; got != nil {
			t.Errorf("Set-Cookie %q for a visitor who stores nothing", got)
		}
		r.wantCalls(t, min(len(tokens), 4), 0)
		for _, e := range r.log.take() {
			if _, ok := e.(cloakroom.Rejected); !ok {
				t.Errorf("event %+v", e)
			}
		}

		// And whatever stands behind it in a header of its own, a good cookie is found.
		res = answer(cookie, first, second)
		wantStatus(t, res, http.StatusOK)
		r.wantCalls(t, 1, 0)
		events := r.log.take()
		if _, ok := find(events, func(cloakroom.Loaded) bool { return true }); len(events) != 1 || !ok {
			t.Errorf("events %+v for a good cookie", events)
		}
	})
}
