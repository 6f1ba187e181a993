package cloakroom_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/cloakroom-go/cloakroom"
)

func TestHijackCommitsFirst(t *testing.T) {
	overHTTP1(t, func(t *testing.T, p protocol) {
		r := newRig(t, nil)
		cookie := r.visitor()
		site := r.serve(t, p, func(w http.ResponseWriter, req *http.Request, s *cloakroom.Session) {
			visits.Set(s, 2)
			conn, _, err := w.(http.Hijacker).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			defer conn.Close()
			if n := r.visitsOf(cookie); n != 2 {
				t.Errorf("%d visits stored once Hijack has returned", n)
			}
			io.WriteString(conn, "not HTTP at all\n")
			// The connection may live for hours: what has no token to send can still be saved.
			visits.Set(s, 3)
			if err := s.Save(req.Context()); err != nil {
				t.Error(err)
			}
		})
		c := site.dial()
		c.send("GET / HTTP/1.1", "Host: localhost", "Cookie: "+cookie)
		all, err := io.ReadAll(c.in)
		if err != nil || string(all) != "not HTTP at all\n" {
			t.Errorf("the client read %q, %v", all, err)
		}
		site.wait()
		r.wantVisits(t, cookie, 3)
		wantNoDropped(t, r.log.take())
		if text := site.log.String(); text != "" {
			t.Errorf("the server complains: %s", text)
		}
	})
}

// upgrade is a client that asks for another protocol and sends one line over it.
func upgrade(site *site, cookies ...string) (res *http.Response, echo string) {
	site.t.Helper()
	req := site.request("GET", "/", nil, cookies...)
	req.Header.Set("Connection", "Upgrade")
	req.Header.Set("Upgrade", "echo")
	res = site.open(req)
	if res.StatusCode != http.StatusSwitchingProtocols {
		return res, ""
	}
	conn := res.Body.(io.ReadWriteCloser)
	defer conn.Close()
	if _, err := io.WriteString(conn, "ping\n"); err != nil {
		site.t.Fatal(err)
	}
	echo, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil {
		site.t.Fatal(err)
	}
	return res, echo
}

// echoLine sends the first line back.
func echoLine(t *testing.T, buf *bufio.ReadWriter) {
	line, err := buf.ReadString('\n')
	if err != nil {
		t.Error(err)
	}
	buf.WriteString(line)
	buf.Flush()
}

func TestSwitchingProtocolsCarriesTheCookie(t *testing.T) {
	overHTTP1(t, func(t *testing.T, p protocol) {
		r := newRig(t, nil)
		site := r.serve(t, p, func(w http.ResponseWriter, _ *http.Request, s *cloakroom.Session) {
			visits.Set(s, 1)
			w.Header().Set("Connection", "Upgrade")
			w.Header().Set("Upgrade", "echo")
			w.WriteHeader(http.StatusSwitchingProtocols)
			conn, buf, err := http.NewResponseController(w).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			defer conn.Close()
			echoLine(t, buf)
		})
		res, echo := upgrade(site)
		wantStatus(t, res, http.StatusSwitchingProtocols)
		if echo != "ping\n" {
			t.Errorf("the echo is %q", echo)
		}
		r.wantVisits(t, ticket(res), 1)
	})
}

// shakeHands writes the handshake as WebSocket libraries do, with the cookies of the
// response header.
func shakeHands(buf *bufio.ReadWriter, h http.Header) {
	buf.WriteString("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n")
	for _, line := range h["Set-Cookie"] {
		fmt.Fprintf(buf, "Set-Cookie: %s\r\n", line)
	}
	buf.WriteString("\r\n")
	buf.Flush()
}

func TestHandshakeByHandFindsTheCookieAfterSave(t *testing.T) {
	overHTTP1(t, func(t *testing.T, p protocol) {
		r := newRig(t, nil)
		site := r.serve(t, p, func(w http.ResponseWriter, req *http.Request, s *cloakroom.Session) {
			visits.Set(s, 1)
			if err := s.Save(req.Context()); err != nil {
				t.Error(err)
			}
			header := w.Header().Clone() // before Hijack, as some libraries have it
			conn, buf, err := w.(http.Hijacker).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			defer conn.Close()
			shakeHands(buf, header)
			echoLine(t, buf)
		})
		res, echo := upgrade(site)
		wantStatus(t, res, http.StatusSwitchingProtocols)
		if echo != "ping\n" {
			t.Errorf("the echo is %q", echo)
		}
		r.wantVisits(t, ticket(res), 1)
		site.wait()
		if _, saves, _ := r.spy.calls(); saves != 1 {
			t.Errorf("%d saves", saves)
		}
	})
}

func TestHandshakeByHandFindsTheCookieAfterHijack(t *testing.T) {
	overHTTP1(t, func(t *testing.T, p protocol) {
		r := newRig(t, nil)
		site := r.serve(t, p, func(w http.ResponseWriter, _ *http.Request, s *cloakroom.Session) {
			visits.Set(s, 1)
			conn, buf, err := w.(http.Hijacker).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			defer conn.Close()
			shakeHands(buf, w.Header())
			echoLine(t, buf)
		})
		res, _ := upgrade(site)
		wantStatus(t, res, http.StatusSwitchingProtocols)
		r.wantVisits(t, ticket(res), 1)
	})
}

func TestHijackIsRefusedWhenTheCommitFails(t *testing.T) {
	overHTTP1(t, func(t *testing.T, p protocol) {
		r := newRig(t, nil)
		r.breakSaves()
		site := r.serve(t, p, func(w http.ResponseWriter, _ *http.Request, s *cloakroom.Session) {
			visits.Set(s, 1)
			if conn, _, err := w.(http.Hijacker).Hijack(); err == nil {
				conn.Close()
				t.Error("Hijack succeeded")
			}
		})
		res, _ := upgrade(site)
		wantStatus(t, res, http.StatusServiceUnavailable)
		if ticket(res) != "" {
			t.Error("a cookie for a session that was not saved")
		}
	})
}

func TestHijackOverHTTP2SaysUnsupportedAndTheAnswerGoesOn(t *testing.T) {
	r := newRig(t, nil)
	site := r.serve(t, protocol2, func(w http.ResponseWriter, _ *http.Request, s *cloakroom.Session) {
		visits.Set(s, 1)
		_, _, err := w.(http.Hijacker).Hijack()
		if !errors.Is(err, http.ErrNotSupported) {
			t.Errorf("Hijack: %v", err)
		}
		http.Error(w, "no upgrade here", http.StatusNotImplemented)
	})
	res, body := site.get("/")
	wantStatus(t, res, http.StatusNotImplemented)
	if !strings.Contains(body, "no upgrade here") {
		t.Errorf("the body is %q", body)
	}
	r.wantVisits(t, ticket(res), 1)
}

// A writer that cannot do something has sent nothing when it was asked for it, so the
// handler may go on and edit.
func TestWhatTheWriterCannotDoIsNoCommit(t *testing.T) {
	asks := map[string]func(w http.ResponseWriter) error{
		"Hijack": func(w http.ResponseWriter) error {
			_, _, err := http.NewResponseController(w).Hijack()
			return err
		},
		"Flush": func(w http.ResponseWriter) error { return http.NewResponseController(w).Flush() },
	}
	for what, ask := range asks {
		for _, nested := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/nested=%t", what, nested), func(t *testing.T) {
				overEach(t, func(t *testing.T, p protocol) {
					r := newRig(t, nil)
					h := r.m.Handler(r.m.Func(func(w http.ResponseWriter, _ *http.Request, s *cloakroom.Session) {
						visits.Set(s, 1)
						if err := ask(w); !errors.Is(err, http.ErrNotSupported) {
							t.Errorf("%s: %v", what, err)
						}
						visits.Set(s, 2)
					}))
					if nested { // then the writer is the other manager's, which has every method
						h = newRig(t, nil).m.Handler(h)
					}
					site := serve(t, p, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
						h.ServeHTTP(struct{ http.ResponseWriter }{w}, req) // hides all but the three methods
					}))
					res, _ := site.get("/")
					r.wantVisits(t, ticket(res), 2)
					wantNoDropped(t, r.log.take())
				})
			})
		}
	}
}
