package demo

import (
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// Tour runs the demo over a store, signs in, starts the demo anew, and signs out. lasting
// says that sessions outlive the process.
func (c Command) Tour(t *testing.T, store string, lasting bool) {
	t.Helper()
	r := c.start(t, store)
	v := &visitor{t: t, url: r.url}
	v.get()
	before := v.cookie
	v.post("/sign-in", url.Values{"name": {"alice"}})
	if v.cookie == before {
		t.Error("signing in did not change the cookie")
	}
	v.wantOwner("alice", "after signing in")
	if lasting {
		r.stop(t)
		r = c.start(t, store)
		v.url = r.url
		v.wantOwner("alice", "after the demo was started anew")
	}
	signedIn := v.cookie
	v.post("/sign-out", nil)
	if v.cookie != "" {
		t.Errorf("after signing out there is the cookie %.10s...", v.cookie)
	}
	v.cookie = signedIn
	v.wantOwner("", "with the cookie from before signing out")
	r.stop(t)
}

// A visitor is a browser as far as the demo can tell.
type visitor struct {
	t      *testing.T
	url    string
	cookie string // NAME=VALUE
}

func (v *visitor) send(method, path string, form url.Values) (status int, page string) {
	v.t.Helper()
	request, err := http.NewRequestWithContext(v.t.Context(), method, v.url+path, strings.NewReader(form.Encode()))
	if err != nil {
		v.t.Fatal(err)
	}
	if form != nil {
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	request.Header.Set("Sec-Fetch-Site", "same-origin") // as browsers do, so that forms need no token
	if v.cookie != "" {
		request.Header.Set("Cookie", v.cookie)
	}
	answer, err := http.DefaultTransport.RoundTrip(request) // which follows no redirect
	if err != nil {
		v.t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		v.t.Fatal(err)
	}
	for _, c := range answer.Cookies() {
		if v.cookie = c.Name + "=" + c.Value; c.MaxAge < 0 {
			v.cookie = ""
		}
	}
	return answer.StatusCode, string(body)
}

func (v *visitor) get() (page string) {
	v.t.Helper()
	status, page := v.send("GET", "/", nil)
	if status != http.StatusOK {
		v.t.Fatalf("GET /: %d %s", status, page)
	}
	return page
}

func (v *visitor) post(path string, form url.Values) {
	v.t.Helper()
	if status, page := v.send("POST", path, form); status != http.StatusSeeOther {
		v.t.Fatalf("POST %s: %d %s", path, status, page)
	}
}

// wantOwner looks at who the page says is signed in.
func (v *visitor) wantOwner(owner, when string) {
	v.t.Helper()
	want := `data-owner="` + owner + `"`
	if page := v.get(); !strings.Contains(page, want) {
		v.t.Errorf("%s the page has no %s", when, want)
	}
}
