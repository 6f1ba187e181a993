package cloakroom_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/http/httputil"
	"net/textproto"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/cloakroom-go/cloakroom"
)

// proxyTo is a reverse proxy to a server with the handler given.
func proxyTo(t *testing.T, upstream http.HandlerFunc) *httputil.ReverseProxy {
	t.Helper()
	srv := httptest.NewServer(upstream)
	t.Cleanup(srv.Close)
	target, err := url.Parse(srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	return &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }}
}

func TestAReverseProxyBehindTheMiddlewareSharesTheResponse(t *testing.T) {
	overEach(t, func(t *testing.T, p protocol) {
		r := newRig(t, nil)
		proxy := proxyTo(t, func(w http.ResponseWriter, req *http.Request) {
			w.Header().Set("Set-Cookie", "upstream=1")
			w.Header().Set("Cache-Control", "public, max-age=60")
			w.Header().Set("Vary", "Accept-Encoding")
			w.Header().Set("Trailer", "X-Sum")
			io.WriteString(w, "from upstream, for "+req.URL.Path)
			w.Header().Set("X-Sum", "42")
		})
		site := r.serve(t, p, func(w http.ResponseWriter, req *http.Request, s *cloakroom.Session) {
			visits.Set(s, 1)
			proxy.ServeHTTP(w, req)
		})
		res, body := site.get("/path")
		if body != "from upstream, for /path" || res.Trailer.Get("X-Sum") != "42" {
			t.Errorf("the body is %q, the trailers %v", body, res.Trailer)
		}
		if got := cookieNames(res); !slices.Equal(got, []string{"__Host-session", "upstream"}) {
			t.Errorf("cookies %v", got)
		}
		if got := res.Header.Get("Cache-Control"); got != "private, max-age=60" {
			t.Errorf("Cache-Control %q", got)
		}
		if got := res.Header["Vary"]; !slices.Equal(got, []string{"Accept-Encoding", "Cookie"}) {
			t.Errorf("Vary %q", got)
		}
		r.wantVisits(t, ticket(res), 1)
	})
}

func TestAReverseProxyMayEditUntilItAnswers(t *testing.T) {
	overEach(t, func(t *testing.T, p protocol) {
		r := newRig(t, nil)
		proxy := proxyTo(t, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusEarlyHints)
			w.Header().Set("X-User", "ann")
		})
		proxy.ModifyResponse = func(res *http.Response) error {
			s, err := r.m.Load(res.Request.Context())
			if err != nil {
				return err
			}
			s.SignIn(res.Header.Get("X-User"))
			return nil
		}
		site := serve(t, p, r.m.Handler(proxy))
		res, _ := site.get("/")
		wantStatus(t, res, http.StatusOK)
		r.with(func(s *cloakroom.Session) {
			if s.Owner() != "ann" {
				t.Errorf("the owner is %q", s.Owner())
			}
		}, ticket(res))
	})
}

func TestAStreamThroughAReverseProxyIsNotHeldBack(t *testing.T) {
	overEach(t, func(t *testing.T, p protocol) {
		r := newRig(t, nil)
		next := make(chan struct{})
		proxy := proxyTo(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream")
			for range 3 {
				io.WriteString(w, "data\n\n")
				w.(http.Flusher).Flush()
				<-next
			}
		})
		site := r.serve(t, p, func(w http.ResponseWriter, req *http.Request, s *cloakroom.Session) {
			visits.Set(s, 1)
			proxy.ServeHTTP(w, req)
		})
		res := site.open(site.request("GET", "/", nil))
		r.wantVisits(t, ticket(res), 1)
		event := make([]byte, 6)
		for range 3 {
			if _, err := io.ReadFull(res.Body, event); err != nil || string(event) != "data\n\n" {
				t.Fatalf("the event is %q, %v", event, err)
			}
			next <- struct{}{}
		}
		site.wait()
	})
}

// ReverseProxy empties the header after each hint that it passes on.
func TestTheCookieOfSaveSurvivesTheHintsOfAReverseProxy(t *testing.T) {
	overEach(t, func(t *testing.T, p protocol) {
		r := newRig(t, nil)
		proxy := proxyTo(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Link", "</style.css>; rel=preload")
			w.WriteHeader(http.StatusEarlyHints)
			io.WriteString(w, "page")
		})
		site := r.serve(t, p, func(w http.ResponseWriter, req *http.Request, s *cloakroom.Session) {
			visits.Set(s, 1)
			if err := s.Save(req.Context()); err != nil {
				t.Error(err)
			}
			proxy.ServeHTTP(w, req)
		})
		hints := make(chan string, 1)
		req := site.request("GET", "/", nil)
		req = req.WithContext(httptrace.WithClientTrace(req.Context(), &httptrace.ClientTrace{
			Got1xxResponse: func(_ int, h textproto.MIMEHeader) error {
				hints <- h.Get("Link")
				return nil
			},
		}))
		res, body := site.do(req)
		if body != "page" {
			t.Errorf("the body is %q", body)
		}
		if link := <-hints; link == "" {
			t.Error("the hint was not passed on")
		}
		r.wantVisits(t, ticket(res), 1)
	})
}

func TestAnUpgradeThroughAReverseProxyCarriesTheCookie(t *testing.T) {
	overHTTP1(t, func(t *testing.T, p protocol) {
		r := newRig(t, nil)
		proxy := proxyTo(t, func(w http.ResponseWriter, _ *http.Request) {
			conn, buf, err := w.(http.Hijacker).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			defer conn.Close()
			shakeHands(buf, nil)
			echoLine(t, buf)
		})
		site := r.serve(t, p, func(w http.ResponseWriter, req *http.Request, s *cloakroom.Session) {
			visits.Set(s, 1)
			proxy.ServeHTTP(w, req)
		})
		res, echo := upgrade(site)
		wantStatus(t, res, http.StatusSwitchingProtocols)
		if echo != "ping\n" {
			t.Errorf("the echo is %q", echo)
		}
		r.wantVisits(t, ticket(res), 1)
	})
}

func TestAFailedCommitReplacesWhatAReverseProxyBrings(t *testing.T) {
	overEach(t, func(t *testing.T, p protocol) {
		r := newRig(t, nil)
		r.breakSaves()
		proxy := proxyTo(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "br")
			io.WriteString(w, "secret page")
		})
		site := r.serve(t, p, func(w http.ResponseWriter, req *http.Request, s *cloakroom.Session) {
			visits.Set(s, 1)
			proxy.ServeHTTP(w, req)
		})
		res, body := site.get("/")
		wantStatus(t, res, http.StatusServiceUnavailable)
		if strings.Contains(body, "secret") || res.Header.Get("Content-Encoding") != "" {
			t.Errorf("the body is %q, the header %v", body, res.Header)
		}
	})
}
