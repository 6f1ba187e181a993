package csrf_test

import (
	"bytes"
	"fmt"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/csrf"
	"github.com/cloakroom-go/cloakroom/store/memstore"
)

var name = cloakroom.NewKey[string]("name")

// A site has a form at GET /form, counts what it is sent by POST, and takes webhooks.
type site struct {
	*testing.T
	m       *cloakroom.Manager
	mux     *http.ServeMux
	protect *csrf.Protection
	posts   int
}

func newSite(t *testing.T) *site {
	t.Helper()
	m, err := cloakroom.New(memstore.New(nil), nil)
	if err != nil {
		t.Fatal(err)
	}
	s := &site{T: t, m: m, mux: http.NewServeMux()}
	s.mux.Handle("GET /form", m.Func(func(w http.ResponseWriter, _ *http.Request, s *cloakroom.Session) {
		fmt.Fprint(w, csrf.Token(s))
	}))
	s.mux.Handle("GET /sign-in", m.Func(func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) { s.SignIn("u1") }))
	s.mux.HandleFunc("/", func(_ http.ResponseWriter, r *http.Request) { s.posts++ })
	s.protect = csrf.Protect(m, s.mux)
	return s
}

func (s *site) do(r *http.Request) *httptest.ResponseRecorder {
	s.Helper()
	w := httptest.NewRecorder()
	s.m.Handler(s.protect).ServeHTTP(w, r)
	return w
}

func request(method, path, cookie, body string, headers ...string) *http.Request {
	r := httptest.NewRequest(method, "https://example.com"+path, strings.NewReader(body))
	if cookie != "" {
		r.Header.Set("Cookie", cookie)
	}
	for _, line := range headers {
		name, value, _ := strings.Cut(line, ": ")
		r.Header.Set(name, value)
	}
	return r
}

// signIn returns a cookie and a token for it.
func (s *site) signIn() (cookie, token string) {
	s.Helper()
	c := s.do(request("GET", "/sign-in", "", "")).Result().Cookies()[0]
	cookie = c.Name + "=" + c.Value
	return cookie, s.do(request("GET", "/form", cookie, "")).Body.String()
}

const form = "Content-Type: application/x-www-form-urlencoded"

func TestRequestsOfOtherSitesAreRefusedAndOwnOnesPass(t *testing.T) {
	s := newSite(t)
	cookie, token := s.signIn()
	_, foreign := s.signIn()
	field := csrf.FieldName + "=" + url.QueryEscape(token)
	for what, c := range map[string]struct {
		r      *http.Request
		status int
	}{
		"same origin":                         {request("POST", "/", cookie, "", "Sec-Fetch-Site: same-origin"), 200},
		"typed by the user":                   {request("POST", "/", cookie, "", "Sec-Fetch-Site: none"), 200},
		"cross-site":                          {request("POST", "/", cookie, "", "Sec-Fetch-Site: cross-site"), 403},
		"cross-site with a token":             {request("POST", "/", cookie, field, "Sec-Fetch-Site: cross-site", form), 403},
		"same site, other origin":             {request("POST", "/", cookie, "", "Sec-Fetch-Site: same-site"), 403},
		"cross-site without a session":        {request("POST", "/", "", "", "Sec-Fetch-Site: cross-site"), 403},
		"cross-site GET":                      {request("GET", "/", cookie, "", "Sec-Fetch-Site: cross-site"), 200},
		"other origin":                        {request("POST", "/", cookie, field, "Origin: https://evil.example", form), 403},
		"no metadata, no token":               {request("POST", "/", cookie, ""), 403},
		"no metadata, own origin, no token":   {request("POST", "/", cookie, "", "Origin: https://example.com"), 403},
		"no metadata, field":                  {request("POST", "/", cookie, field, form), 200},
		"no metadata, own origin, field":      {request("POST", "/", cookie, field, "Origin: https://example.com", form), 200},
		"no metadata, header":                 {request("DELETE", "/", cookie, "", csrf.HeaderName+": "+token), 200},
		"no metadata, token in the query":     {request("POST", "/?"+field, cookie, "", form), 403},
		"no metadata, another user's token":   {request("POST", "/", cookie, "", csrf.HeaderName+": "+foreign), 403},
		"no metadata, garbage":                {request("POST", "/", cookie, csrf.FieldName+"=%zz", form), 403},
		"no metadata, broken multipart":       {request("POST", "/", cookie, "x", "Content-Type: multipart/form-data; boundary=b"), 403},
		"no metadata, no cookie":              {request("POST", "/", "", ""), 200},
		"no metadata, cookie of no session":   {request("POST", "/", "__Host-session=nonsense", ""), 200},
		"no metadata, somebody else's cookie": {request("POST", "/", "theme=dark", ""), 200},
	} {
		before := s.posts
		if w := s.do(c.r); w.Code != c.status {
			t.Errorf("%s: %d, want %d: %s", what, w.Code, c.status, w.Body)
		}
		if ran := s.posts > before; ran != (c.status == 200) {
			t.Errorf("%s: the handler ran: %v", what, ran)
		}
	}
}

func TestAMultipartFormCarriesTheToken(t *testing.T) {
	s := newSite(t)
	cookie, token := s.signIn()
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	if err := w.WriteField(csrf.FieldName, token); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if res := s.do(request("POST", "/", cookie, body.String(), "Content-Type: "+w.FormDataContentType())); res.Code != 200 {
		t.Errorf("%d: %s", res.Code, res.Body)
	}
}

func TestTokensDifferEachTimeAndChangeWithTheSecret(t *testing.T) {
	s := newSite(t)
	cookie, first := s.signIn()
	second := s.do(request("GET", "/form", cookie, "")).Body.String()
	if first == second || len(first) != len(second) {
		t.Errorf("tokens %q and %q", first, second)
	}
	inRequest := func(f func(*cloakroom.Session)) {
		r := request("GET", "/", cookie, "")
		w := httptest.NewRecorder()
		s.m.Handler(s.m.Func(func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) { f(s) })).ServeHTTP(w, r)
		for _, c := range w.Result().Cookies() {
			cookie = c.Name + "=" + c.Value
		}
	}
	var third string
	inRequest(func(s *cloakroom.Session) {
		if !csrf.Valid(s, first) || !csrf.Valid(s, second) {
			t.Error("a token of the session is not valid")
		}
		s.Renew()
		if csrf.Valid(s, first) {
			t.Error("valid after Renew")
		}
		third = csrf.Token(s)
	})
	inRequest(func(s *cloakroom.Session) {
		if csrf.Valid(s, first) || !csrf.Valid(s, third) {
			t.Errorf("the token from before Renew: %v, from after it: %v", csrf.Valid(s, first), csrf.Valid(s, third))
		}
	})
}

// A robot that looks at forms must leave no record, so its forms have no token.
func TestAVisitorGetsNoTokenAndNoRecord(t *testing.T) {
	s := newSite(t)
	w := s.do(request("GET", "/form", "", ""))
	if w.Body.Len() != 0 || len(w.Result().Cookies()) != 0 {
		t.Errorf("%q, %v", w.Body, w.Header())
	}
	session, err := s.m.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if csrf.Field(session) != "" || csrf.Valid(session, "") {
		t.Error("a visitor has a token")
	}
}

func TestTheFieldHoldsAValidToken(t *testing.T) {
	m, err := cloakroom.New(memstore.New(nil), nil)
	if err != nil {
		t.Fatal(err)
	}
	s, err := m.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	name.Set(s, "x")
	if _, err := m.Commit(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(csrf.Field(s)), `name="csrf_token" value="`)
	token, _, _ := strings.Cut(rest, `"`)
	if !csrf.Valid(s, token) {
		t.Errorf("field %q", csrf.Field(s))
	}
}

func TestExemptPatternsMatchExactlyWhatTheyName(t *testing.T) {
	s := newSite(t)
	s.protect.InsecurelyExempt("POST /hooks/{id}")
	cookie, _ := s.signIn()
	for path, status := range map[string]int{"/hooks/7": 200, "/hooks/7/more": 403, "/hooks//7": 403, "/x/../hooks/7": 403} {
		r := request("POST", "/", cookie, "", "Sec-Fetch-Site: cross-site")
		r.URL.Path = path
		if w := s.do(r); w.Code != status {
			t.Errorf("%s: %d, want %d", path, w.Code, status)
		}
	}
}

func TestTrustedOriginsPass(t *testing.T) {
	s := newSite(t)
	if err := s.protect.TrustOrigin("https://app.example"); err != nil {
		t.Fatal(err)
	}
	if err := s.protect.TrustOrigin("app.example/x"); err == nil {
		t.Error("what is no origin was taken")
	}
	cookie, _ := s.signIn()
	for origin, status := range map[string]int{"https://app.example": 200, "https://evil.example": 403} {
		if w := s.do(request("POST", "/", cookie, "", "Sec-Fetch-Site: cross-site", "Origin: "+origin)); w.Code != status {
			t.Errorf("%s: %d", origin, w.Code)
		}
	}
}

func TestRefusedRequestsAreAnsweredByTheProgram(t *testing.T) {
	s := newSite(t)
	s.protect.Refuse(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) }))
	if w := s.do(request("POST", "/", "", "", "Sec-Fetch-Site: cross-site")); w.Code != http.StatusTeapot {
		t.Errorf("%d", w.Code)
	}
}

func FuzzValid(f *testing.F) {
	m, err := cloakroom.New(memstore.New(nil), nil)
	if err != nil {
		f.Fatal(err)
	}
	s, err := m.Open(f.Context())
	if err != nil {
		f.Fatal(err)
	}
	name.Set(s, "x")
	if _, err := m.Commit(f.Context(), s); err != nil {
		f.Fatal(err)
	}
	good := csrf.Token(s)
	f.Add(good[1:])
	f.Add("")
	f.Fuzz(func(t *testing.T, token string) {
		if csrf.Valid(s, token) {
			t.Errorf("%q is valid", token)
		}
	})
}
