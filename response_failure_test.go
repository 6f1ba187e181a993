package cloakroom_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/cloakroom-go/cloakroom"
)

// firstBytes are the ways in which a response may begin.
var firstBytes = map[string]http.HandlerFunc{
	"Write":       func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("secret page")) },
	"WriteString": func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "secret page") },
	"WriteHeader": func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusCreated)
		io.WriteString(w, "secret page")
	},
	"Flush": func(w http.ResponseWriter, _ *http.Request) {
		w.(http.Flusher).Flush()
		io.WriteString(w, "secret page")
	},
	"ReadFrom": func(w http.ResponseWriter, _ *http.Request) {
		io.Copy(w, io.LimitReader(strings.NewReader("secret page"), 100))
	},
	"a redirect":             func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/secret", http.StatusFound) },
	"an error page":          func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "secret page", http.StatusTeapot) },
	"101":                    func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusSwitchingProtocols) },
	"the end of the handler": func(http.ResponseWriter, *http.Request) {},
}

// describeBody sets all headers that are about a body which will not come.
func describeBody(h http.Header) {
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", "11")
	h.Set("Content-Encoding", "identity")
	h.Set("Content-Disposition", "attachment")
	h.Set("Content-Range", "bytes 0-10/11")
	h.Set("Etag", `"secret"`)
	h.Set("Last-Modified", "Mon, 02 Jan 2006 15:04:05 GMT")
	h.Set("Location", "/secret")
	h.Set("Cache-Control", "public, max-age=3600")
	h.Add("Set-Cookie", "theme=dark")
	h.Set("X-Request-Id", "r1")
}

// wantBareAnswer checks that res has nothing of what the handler wanted to send but what
// is not about the body.
func wantBareAnswer(t testing.TB, res *http.Response, body string) {
	t.Helper()
	if strings.Contains(body, "secret") {
		t.Errorf("the body has output of the handler: %q", body)
	}
	for _, name := range []string{"Content-Encoding", "Content-Disposition", "Content-Range", "Etag", "Last-Modified", "Location"} {
		if got, ok := res.Header[name]; ok {
			t.Errorf("%s: %q is left of the handler's response", name, got)
		}
	}
	if got := res.Header.Get("Content-Type"); !strings.HasPrefix(got, "text/plain") {
		t.Errorf("Content-Type %q", got)
	}
	if got := res.Header.Get("Cache-Control"); got != "no-store" {
		t.Errorf("Cache-Control %q", got)
	}
	if got := cookieNames(res); !slices.Equal(got, []string{"theme"}) {
		t.Errorf("cookies %v, want that of others only", got)
	}
	if res.Header.Get("X-Request-Id") != "r1" {
		t.Error("a header of others is gone")
	}
}

func TestAFailedCommitIsAnsweredInsteadOfTheHandler(t *testing.T) {
	for how, begin := range firstBytes {
		t.Run(how, func(t *testing.T) {
			overEach(t, func(t *testing.T, p protocol) {
				r := newRig(t, nil)
				r.breakSaves()
				site := r.serve(t, p, func(w http.ResponseWriter, req *http.Request, s *cloakroom.Session) {
					visits.Set(s, 1)
					describeBody(w.Header())
					begin(w, req)
				})
				res, body := site.get("/")
				wantStatus(t, res, http.StatusServiceUnavailable)
				if res.Header.Get("Retry-After") != "5" {
					t.Errorf("Retry-After %q", res.Header.Get("Retry-After"))
				}
				if !strings.Contains(body, "unavailable") {
					t.Errorf("the body is %q", body)
				}
				wantBareAnswer(t, res, body)
				events := r.log.take()
				if _, ok := find(events, func(e cloakroom.Outage) bool { return e.Op == "save" && errors.Is(e.Err, errDown) }); !ok {
					t.Errorf("the Observer was told %+v, want the outage", events)
				}
				wantDropped(t, events, cloakroom.ReasonUncertain, "visits")
				if text := site.log.String(); text != "" {
					t.Errorf("the server complains: %s", text)
				}
			})
		})
	}
}

func TestAMistakeOfTheProgramIsAnsweredWith500(t *testing.T) {
	channels := cloakroom.NewKey[chan int]("channels")
	overEach(t, func(t *testing.T, p protocol) {
		r := newRig(t, nil)
		cookie := r.visitor()
		site := r.serve(t, p, func(w http.ResponseWriter, _ *http.Request, s *cloakroom.Session) {
			visits.Set(s, 2)
			channels.Set(s, make(chan int))
			describeBody(w.Header())
			io.WriteString(w, "secret page")
		})
		res, body := site.get("/", cookie)
		wantStatus(t, res, http.StatusInternalServerError)
		if res.Header.Get("Retry-After") != "" {
			t.Error("Retry-After for a mistake that another try will not mend")
		}
		wantBareAnswer(t, res, body)
		w, ok := find(r.log.take(), func(cloakroom.Warning) bool { return true })
		if !ok || !strings.Contains(w.Problem, `"channels"`) || !strings.Contains(w.Problem, "chan int") {
			t.Errorf("the Observer was told %+v, want the key and the type", w)
		}
		r.wantVisits(t, cookie, 1)
	})
}

func TestOnErrorAnswersInTheProgramsOwnWords(t *testing.T) {
	overEach(t, func(t *testing.T, p protocol) {
		r := newRig(t, &cloakroom.Config{OnError: func(w http.ResponseWriter, req *http.Request, err error) {
			if !errors.Is(err, cloakroom.ErrUnavailable) || !errors.Is(err, errDown) {
				t.Errorf("OnError got %v", err)
			}
			w.WriteHeader(http.StatusBadGateway)
			io.WriteString(w, "own words for "+req.URL.Path)
		}})
		r.breakSaves()
		site := r.serve(t, p, func(w http.ResponseWriter, _ *http.Request, s *cloakroom.Session) {
			visits.Set(s, 1)
			io.WriteString(w, "secret page")
		})
		res, body := site.get("/path")
		wantStatus(t, res, http.StatusBadGateway)
		if body != "own words for /path" {
			t.Errorf("the body is %q", body)
		}
		if got := res.Header.Get("Cache-Control"); got != "no-store" {
			t.Errorf("Cache-Control %q", got)
		}
	})
}

// A stream is endless: were the answer kept until the handler returns, the client would
// wait for it as long.
func TestAFailedCommitOfAStreamIsAnsweredAtOnce(t *testing.T) {
	overEach(t, func(t *testing.T, p protocol) {
		r := newRig(t, nil)
		r.breakSaves()
		site := r.serve(t, p, func(w http.ResponseWriter, _ *http.Request, s *cloakroom.Session) {
			visits.Set(s, 1)
			w.Header().Set("Content-Type", "text/event-stream")
			_ = http.NewResponseController(w).Flush()
			// What was not sent by now is thrown away by the server.
			panic("the connection is torn")
		})
		res, err := site.client.Do(site.request("GET", "/", nil))
		if err != nil {
			t.Fatalf("the client got no answer: %v", err)
		}
		defer res.Body.Close()
		wantStatus(t, res, http.StatusServiceUnavailable)
	})
}

// An endless stream ends on the first error of its writer, so there must be one.
func TestAStreamLearnsThatItsCommitFailed(t *testing.T) {
	ways := map[string]func(w http.ResponseWriter) error{
		"Write":      func(w http.ResponseWriter) error { _, err := w.Write([]byte("data: 1\n\n")); return err },
		"FlushError": func(w http.ResponseWriter) error { return http.NewResponseController(w).Flush() },
		"ReadFrom": func(w http.ResponseWriter) error {
			_, err := io.Copy(w, io.LimitReader(endless{}, 1<<20))
			return err
		},
	}
	for what, write := range ways {
		t.Run(what, func(t *testing.T) {
			overEach(t, func(t *testing.T, p protocol) {
				r := newRig(t, nil)
				r.breakSaves()
				site := r.serve(t, p, func(w http.ResponseWriter, _ *http.Request, s *cloakroom.Session) {
					visits.Set(s, 1)
					w.WriteHeader(http.StatusOK)
					if write(w) == nil {
						t.Errorf("%s says nothing, so a stream would go on and on", what)
					}
				})
				res, _ := site.get("/")
				wantStatus(t, res, http.StatusServiceUnavailable)
			})
		})
	}
}

type endless struct{}

func (endless) Read(b []byte) (int, error) { return len(b), nil }

// Content-Security-Policy describes no body: an outer handler sets it for every page,
// and a page that OnError makes needs it as much.
func TestAnErrorAnswerKeepsTheContentSecurityPolicy(t *testing.T) {
	overEach(t, func(t *testing.T, p protocol) {
		r := newRig(t, nil)
		r.breakSaves()
		h := r.m.Handler(r.m.Func(func(w http.ResponseWriter, _ *http.Request, s *cloakroom.Session) {
			visits.Set(s, 1)
			io.WriteString(w, "secret page")
		}))
		site := serve(t, p, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			w.Header().Set("Content-Security-Policy", "default-src 'self'")
			h.ServeHTTP(w, req)
		}))
		res, _ := site.get("/")
		wantStatus(t, res, http.StatusServiceUnavailable)
		if res.Header.Get("Content-Security-Policy") == "" {
			t.Error("the policy is gone")
		}
	})
}

func TestFailBeforeTheFirstByteSavesNothing(t *testing.T) {
	overEach(t, func(t *testing.T, p protocol) {
		r := newRig(t, nil)
		cookie := r.visitor()
		site := r.serve(t, p, func(w http.ResponseWriter, req *http.Request, s *cloakroom.Session) {
			visits.Set(s, 9)
			s.Renew()
			describeBody(w.Header())
			r.m.Fail(w, req, errors.New("the program made a mistake"))
			visits.Set(s, 10)
		})
		res, body := site.get("/", cookie)
		wantStatus(t, res, http.StatusInternalServerError)
		wantBareAnswer(t, res, body)
		if strings.Contains(body, "mistake") {
			t.Errorf("the body tells the client what went wrong: %q", body)
		}
		r.wantCalls(t, 1, 0)
		r.wantVisits(t, cookie, 1)
	})
}

func TestAFailedLoadIsAnsweredByFail(t *testing.T) {
	overEach(t, func(t *testing.T, p protocol) {
		r := newRig(t, nil)
		cookie := r.visitor()
		r.breakLoads()
		site := r.serve(t, p, func(http.ResponseWriter, *http.Request, *cloakroom.Session) {
			t.Error("the handler ran without a session")
		})
		res, body := site.get("/", cookie)
		wantStatus(t, res, http.StatusServiceUnavailable)
		if res.Header.Get("Retry-After") == "" || res.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("header %v", res.Header)
		}
		if len(res.Cookies()) > 0 || strings.Contains(body, errDown.Error()) {
			t.Errorf("cookies %v, body %q", res.Cookies(), body)
		}
		// A visitor without a cookie has nothing to load, so nothing can fail.
		site2 := r.serve(t, p, func(w http.ResponseWriter, _ *http.Request, s *cloakroom.Session) {
			io.WriteString(w, "page")
		})
		res, _ = site2.get("/")
		wantStatus(t, res, http.StatusOK)
	})
}

func TestFailAfterTheFirstByteOnlyStopsTheSaving(t *testing.T) {
	overEach(t, func(t *testing.T, p protocol) {
		r := newRig(t, nil)
		cookie := r.visitor()
		site := r.serve(t, p, func(w http.ResponseWriter, req *http.Request, s *cloakroom.Session) {
			visits.Set(s, 2)
			io.WriteString(w, "first half, ")
			visits.Set(s, 3)
			r.m.Fail(w, req, errDown)
			io.WriteString(w, "second half")
		})
		res, body := site.get("/", cookie)
		wantStatus(t, res, http.StatusOK)
		if body != "first half, second half" {
			t.Errorf("the body is %q", body)
		}
		if text := site.log.String(); text != "" {
			t.Errorf("the server complains: %s", text)
		}
		r.wantVisits(t, cookie, 2)
	})
}

func TestTheFailureOfOneOfTwoNestedManagersDiscardsTheOutput(t *testing.T) {
	for _, outerFails := range []bool{false, true} {
		t.Run(fmt.Sprintf("outer=%t", outerFails), func(t *testing.T) {
			overEach(t, func(t *testing.T, p protocol) {
				outer := newRig(t, nil)
				inner := newRig(t, &cloakroom.Config{Cookie: cloakroom.Cookie{Name: "__Host-staff-session"}})
				good, broken, cookie := outer, inner, "__Host-session"
				if outerFails {
					good, broken, cookie = inner, outer, "__Host-staff-session"
				}
				broken.breakSaves()
				site := serve(t, p, outer.m.Handler(inner.m.Handler(inner.m.Func(
					func(w http.ResponseWriter, req *http.Request, s *cloakroom.Session) {
						visits.Set(s, 1)
						o, err := outer.m.Load(req.Context())
						if err != nil {
							t.Error(err)
							return
						}
						visits.Set(o, 1)
						io.WriteString(w, "secret page")
					}))))
				res, body := site.get("/")
				wantStatus(t, res, http.StatusServiceUnavailable)
				if strings.Contains(body, "secret") {
					t.Errorf("the body is %q", body)
				}
				// The other one was saved, so its cookie is no longer this one's to drop.
				if got := cookieNames(res); !slices.Equal(got, []string{cookie}) {
					t.Errorf("cookies %v", got)
				}
				good.wantVisits(t, ticket(res), 1)
			})
		})
	}
}
