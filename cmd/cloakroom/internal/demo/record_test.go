package demo

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/cloakroom-go/cloakroom/store"
)

func TestTheRecordIsShownWithoutTheSecret(t *testing.T) {
	v := newVisitor(t)
	for _, step := range []func(){
		func() { v.get("/") }, // shows the cookie that its answer sets
		func() { v.signIn("Ada") },
		func() { v.post("/cart", nil) },
	} {
		step()
		for _, path := range []string{"/live", "/"} {
			page := v.get(path).Body.String()
			id, secret := v.halves()
			if strings.Contains(page, secret) {
				t.Errorf("GET %s: the page has the secret of the cookie on it", path)
			}
			got := text(page)
			for _, want := range []string{
				"Your cookie __Host-session " + id + " " + strings.Repeat("•", len(secret)),
				`"$secret" : ` + strings.ReplaceAll(v.field("$secret"), "&", "&amp;"),
				`"visits" : ` + v.field("visits"),
				"The SHA-256 of the secret half is $secret .",
				"The secret half itself is nowhere in the record.",
			} {
				if !strings.Contains(got, want) {
					t.Errorf("GET %s: the page does not say %q; it says:\n%s", path, want, got)
				}
			}
		}
	}
	v.wantPage(`"owner": "Ada",`, `"cart" : [1]`)
}

func TestTheFirstPageShowsTheRecordItHasMade(t *testing.T) {
	v := newVisitor(t)
	page := text(v.get("/").Body.String())
	if !strings.Contains(page, `"visits" : 1`) || !strings.Contains(page, "The SHA-256 of the secret half is $secret .") {
		t.Errorf("the first page does not show the record: %s", page)
	}
}

func TestTheChecksOfTheRecordTellRightFromWrong(t *testing.T) {
	v := newVisitor(t)
	v.get("/")
	id, secret := v.halves()
	rec, err := v.site.store.Load(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	if !hashMatches(rec, secret) || hashMatches(rec, secret[1:]) {
		t.Error("the hash is not told from that of something else")
	}
	leak, err := store.NewFields(store.Field{Name: "leak", Value: `"a` + secret + `b"`})
	if err != nil {
		t.Fatal(err)
	}
	leaking := rec
	leaking.Fields = rec.Fields.With(leak)
	if !secretAbsent(rec, secret) || secretAbsent(leaking, secret) || secretAbsent(store.Record{Owner: secret}, secret) {
		t.Error("a record that holds the secret is not told from one that does not")
	}
}

func TestTheCookieOfTheAnswerComesBeforeThatOfTheRequest(t *testing.T) {
	r := httptest.NewRequest("GET", "/", nil)
	r.AddCookie(&http.Cookie{Name: "other", Value: "idx"})
	r.AddCookie(&http.Cookie{Name: "session", Value: "id-old"})
	if name, secret, ok := cookieOf(http.Header{}, r, "id-"); !ok || name != "session" || secret != "old" {
		t.Errorf("in the request: %q %q %t, want session, old", name, secret, ok)
	}
	h := http.Header{"Set-Cookie": {"session=id-new; Path=/"}}
	if _, secret, _ := cookieOf(h, r, "id-"); secret != "new" {
		t.Errorf("with an answer that sets it: %q, want new", secret)
	}
	if _, _, ok := cookieOf(h, r, "another"); ok {
		t.Error("the cookie of another session was found")
	}
}
