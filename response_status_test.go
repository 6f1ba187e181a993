package cloakroom_test

import (
	"fmt"
	"html/template"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/cloakroom-go/cloakroom"
)

func TestEveryKindOfResponseCarriesTheCookie(t *testing.T) {
	cases := []struct {
		what, method string
		respond      http.HandlerFunc
		status       int
		body         string
	}{
		{"a redirect", "GET", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/elsewhere", http.StatusSeeOther)
		}, http.StatusSeeOther, "<a href=\"/elsewhere\">See Other</a>.\n\n"},
		{"a redirect after a POST", "POST", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/elsewhere", http.StatusSeeOther)
		}, http.StatusSeeOther, ""},
		{"a 304", "GET", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("ETag", `"v1"`)
			w.WriteHeader(http.StatusNotModified)
		}, http.StatusNotModified, ""},
		{"a 204", "DELETE", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusNoContent)
		}, http.StatusNoContent, ""},
		{"HEAD", "HEAD", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/plain")
			io.WriteString(w, "twelve bytes")
		}, http.StatusOK, ""},
		{"an empty handler", "GET", func(http.ResponseWriter, *http.Request) {}, http.StatusOK, ""},
		{"an error page", "GET", func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "no such page", http.StatusNotFound)
		}, http.StatusNotFound, "no such page\n"},
		{"an empty Write", "GET", func(w http.ResponseWriter, _ *http.Request) { w.Write(nil) }, http.StatusOK, ""},
	}
	for _, c := range cases {
		t.Run(c.what, func(t *testing.T) {
			overEach(t, func(t *testing.T, p protocol) {
				r := newRig(t, nil)
				site := r.serve(t, p, func(w http.ResponseWriter, req *http.Request, s *cloakroom.Session) {
					visits.Set(s, 3)
					c.respond(w, req)
				})
				res, body := site.do(site.request(c.method, "/", nil))
				wantStatus(t, res, c.status)
				if body != c.body {
					t.Errorf("the body is %q", body)
				}
				if c.method == "HEAD" && res.ContentLength != 12 {
					t.Errorf("HEAD has the length %d", res.ContentLength)
				}
				if loads, saves, _ := r.spy.calls(); loads != 0 || saves != 1 {
					t.Errorf("%d loads and %d saves", loads, saves)
				}
				r.wantVisits(t, ticket(res), 3)
				wantNoDropped(t, r.log.take())

				// The same with a session that is there: saved, and no cookie again.
				cookie := r.visitor()
				res, _ = site.do(site.request(c.method, "/", nil, cookie))
				wantStatus(t, res, c.status)
				if got := cookieNames(res); len(got) > 0 {
					t.Errorf("the cookies %v for a token that did not change", got)
				}
				r.wantCalls(t, 1, 1)
				r.wantVisits(t, cookie, 3)
			})
		})
	}
}

func TestSuperfluousWriteHeaderCommitsOnce(t *testing.T) {
	overEach(t, func(t *testing.T, p protocol) {
		r := newRig(t, nil)
		site := r.serve(t, p, func(w http.ResponseWriter, _ *http.Request, s *cloakroom.Session) {
			visits.Set(s, 1)
			w.WriteHeader(http.StatusTeapot)
			w.WriteHeader(http.StatusOK)
			io.WriteString(w, "tea")
			w.WriteHeader(http.StatusEarlyHints)
		})
		res, body := site.get("/")
		wantStatus(t, res, http.StatusTeapot)
		if body != "tea" {
			t.Errorf("the body is %q", body)
		}
		r.wantCalls(t, 0, 1)
		r.wantVisits(t, ticket(res), 1)
		// The server's own hint to the programmer is not swallowed.
		if p.major == 1 && !strings.Contains(site.log.String(), "superfluous") {
			t.Errorf("the server's log: %q", site.log.String())
		}
	})
}

func TestAnEditAfterTheFirstByteIsReported(t *testing.T) {
	overEach(t, func(t *testing.T, p protocol) {
		r := newRig(t, nil)
		cookie := r.visitor()
		site := r.serve(t, p, func(w http.ResponseWriter, _ *http.Request, s *cloakroom.Session) {
			io.WriteString(w, "early")
			visits.Set(s, 9)
			name.Set(s, "ann")
		})
		res, body := site.get("/", cookie)
		wantStatus(t, res, 200)
		if body != "early" {
			t.Errorf("the body is %q", body)
		}
		events := r.log.take()
		wantDropped(t, events, cloakroom.ReasonTooLate, "visits")
		wantDropped(t, events, cloakroom.ReasonTooLate, "name")
		r.wantVisits(t, cookie, 1)
	})
}

func TestSaveAfterTheFirstByteLands(t *testing.T) {
	overEach(t, func(t *testing.T, p protocol) {
		r := newRig(t, nil)
		cookie := r.visitor()
		site := r.serve(t, p, func(w http.ResponseWriter, req *http.Request, s *cloakroom.Session) {
			io.WriteString(w, "early")
			visits.Set(s, 9)
			if err := s.Save(req.Context()); err != nil {
				t.Error(err)
			}
		})
		site.get("/", cookie)
		wantNoDropped(t, r.log.take())
		r.wantVisits(t, cookie, 9)
	})
}

func TestWhatNeedsACookieAfterTheFirstByteIsRefused(t *testing.T) {
	edits := map[string]func(s *cloakroom.Session){
		"a new session": func(s *cloakroom.Session) { visits.Set(s, 1) },
		"Renew":         (*cloakroom.Session).Renew,
		"SignIn":        func(s *cloakroom.Session) { s.SignIn("ann") },
		"SetPersistent": func(s *cloakroom.Session) { s.SetPersistent(false) },
	}
	for what, edit := range edits {
		t.Run(what, func(t *testing.T) {
			overEach(t, func(t *testing.T, p protocol) {
				r := newRig(t, nil)
				var cookies []string
				if what != "a new session" {
					cookies = []string{r.visitor()}
				}
				site := r.serve(t, p, func(w http.ResponseWriter, req *http.Request, s *cloakroom.Session) {
					io.WriteString(w, "early")
					edit(s)
					if err := s.Save(req.Context()); err == nil || !strings.Contains(err.Error(), "before the first byte") {
						t.Errorf("Save: %v, want an error that names the remedy", err)
					}
				})
				res, _ := site.get("/", cookies...)
				if got := cookieNames(res); len(got) > 0 {
					t.Errorf("cookies %v", got)
				}
				if _, saves, _ := r.spy.calls(); saves != 0 {
					t.Errorf("%d saves, which the client cannot know of", saves)
				}
				if _, ok := find(r.log.take(), func(e cloakroom.Dropped) bool { return e.Reason == cloakroom.ReasonTooLate }); !ok {
					t.Error("the Observer was not told")
				}
				if len(cookies) > 0 {
					r.wantVisits(t, cookies[0], 1)
				}
			})
		})
	}
}

func TestATemplateThatWritesBeforeItEditsIsToldTheFieldAndTheRemedy(t *testing.T) {
	counter := template.Must(template.New("").Parse(`<h1>Visits</h1><p>{{.Count}}</p>`))
	overEach(t, func(t *testing.T, p protocol) {
		r := newRig(t, nil)
		site := r.serve(t, p, func(w http.ResponseWriter, _ *http.Request, s *cloakroom.Session) {
			// The heading is written when Count is called, so its edit comes too late.
			count := func() int { return visits.Update(s, func(n int) int { return n + 1 }) }
			if err := counter.Execute(w, lazyCount{count}); err != nil {
				t.Error(err)
			}
		})
		for _, known := range []bool{false, true} {
			var cookies []string
			want := 1
			if known {
				cookies, want = []string{r.visitor()}, 2
			}
			res, body := site.get("/", cookies...)
			if body != fmt.Sprintf("<h1>Visits</h1><p>%d</p>", want) {
				t.Errorf("the body is %q", body)
			}
			if ticket(res) != "" {
				t.Error("a cookie")
			}
			if _, saves, _ := r.spy.calls(); saves != 0 {
				t.Errorf("%d saves", saves)
			}
			e, ok := find(r.log.take(), func(e cloakroom.Dropped) bool { return e.Reason == cloakroom.ReasonTooLate })
			if !ok || len(e.Names) != 1 || e.Names[0] != "visits" {
				t.Errorf("the Observer was told %+v, want the field visits", e)
			}
			if !strings.Contains(string(e.Reason), "call Save before the first byte") {
				t.Errorf("the reason %q does not name the remedy", e.Reason)
			}
		}
	})
}

type lazyCount struct{ count func() int }

func (l lazyCount) Count() int { return l.count() }

func TestNestedManagersBothSetTheirCookie(t *testing.T) {
	responses := map[string]http.HandlerFunc{
		"an empty handler": func(http.ResponseWriter, *http.Request) {},
		"Write":            func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "page") },
		"Flush":            func(w http.ResponseWriter, _ *http.Request) { w.(http.Flusher).Flush() },
		"ReadFrom": func(w http.ResponseWriter, _ *http.Request) {
			w.(io.ReaderFrom).ReadFrom(strings.NewReader("page"))
		},
		"a redirect": func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/", http.StatusFound) },
	}
	for what, respond := range responses {
		t.Run(what, func(t *testing.T) {
			overEach(t, func(t *testing.T, p protocol) {
				users := newRig(t, nil)
				staff := newRig(t, &cloakroom.Config{Cookie: cloakroom.Cookie{Name: "__Host-staff-session"}})
				h := http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
					u, err := users.m.Load(req.Context())
					if err != nil {
						t.Error(err)
						return
					}
					s, err := staff.m.Load(req.Context())
					if err != nil {
						t.Error(err)
						return
					}
					if u == s {
						t.Error("two managers gave one session")
					}
					visits.Update(u, func(n int) int { return n + 1 })
					visits.Update(s, func(n int) int { return n + 10 })
					respond(w, req)
				})
				site := serve(t, p, users.m.Handler(staff.m.Handler(h)))
				res, _ := site.get("/")
				if got := fmt.Sprint(cookieNames(res)); got != "[__Host-session __Host-staff-session]" {
					t.Fatalf("cookies %v", got)
				}
				if got := res.Header["Vary"]; len(got) != 1 || got[0] != "Cookie" {
					t.Errorf("Vary %q", got)
				}
				if got := res.Header["Cache-Control"]; len(got) != 1 || got[0] != "private" {
					t.Errorf("Cache-Control %q", got)
				}
				var both []string
				for _, c := range res.Cookies() {
					both = append(both, c.Name+"="+c.Value)
				}
				res, _ = site.get("/", both...)
				if got := cookieNames(res); len(got) > 0 {
					t.Errorf("cookies again: %v", got)
				}
				for _, c := range both {
					if strings.Contains(c, "staff") {
						staff.wantVisits(t, c, 20)
					} else {
						users.wantVisits(t, c, 2)
					}
				}
			})
		})
	}
}

func TestAHandlerNestedInItselfDoesNothingTwice(t *testing.T) {
	overEach(t, func(t *testing.T, p protocol) {
		r := newRig(t, nil)
		site := serve(t, p, r.m.Handler(r.m.Handler(r.m.Func(func(w http.ResponseWriter, _ *http.Request, s *cloakroom.Session) {
			visits.Update(s, func(n int) int { return n + 1 })
			io.WriteString(w, "page")
		}))))
		res, _ := site.get("/")
		r.wantCalls(t, 0, 1)
		if got := res.Header["Set-Cookie"]; len(got) != 1 {
			t.Errorf("cookies %q", got)
		}
		r.wantVisits(t, ticket(res), 1)
	})
}

func TestARequestThatDoesNotAskForItsSessionLeavesNoTrace(t *testing.T) {
	overEach(t, func(t *testing.T, p protocol) {
		r := newRig(t, nil)
		cookie := r.visitor()
		site := serve(t, p, r.m.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Cache-Control", "public, max-age=3600")
			io.WriteString(w, "page")
		})))
		res, _ := site.get("/", cookie)
		for _, name := range []string{"Set-Cookie", "Vary"} {
			if got := res.Header[name]; got != nil {
				t.Errorf("%s: %q", name, got)
			}
		}
		if got := res.Header.Get("Cache-Control"); got != "public, max-age=3600" {
			t.Errorf("Cache-Control %q is not the handler's own", got)
		}
		r.wantCalls(t, 0, 0)
	})
}
