package main

import (
	"crypto/tls"
	"net/http"
	"net/http/httptest"
)

// A webClient hands requests to an http.Handler.
type webClient struct {
	handler http.Handler
	request *http.Request
	sent    http.Request // a copy for each time: libraries leave things in it
	w       nullWriter
}

func newWebClient(h http.Handler, cookie string) *webClient {
	r := httptest.NewRequest(http.MethodGet, "https://example.com/", nil)
	r.TLS = &tls.ConnectionState{}
	r.Header.Set("User-Agent", "bench")
	r.Header.Set("Accept", "*/*")
	if cookie != "" {
		r.Header.Set("Cookie", cookie)
	}
	return &webClient{handler: h, request: r, w: nullWriter{header: http.Header{}}}
}

func (c *webClient) send() {
	c.w.reset()
	c.sent = *c.request
	c.handler.ServeHTTP(&c.w, &c.sent)
}

func (c *webClient) last() answer {
	status := c.w.status
	if status == 0 {
		status = http.StatusOK
	}
	return answer{status, string(c.w.body), c.w.header.Get("Set-Cookie")}
}

// A nullWriter is a response writer that can be used again, so that it costs nothing.
type nullWriter struct {
	header http.Header
	status int
	body   []byte
}

func (w *nullWriter) reset() {
	clear(w.header)
	w.status, w.body = 0, w.body[:0]
}

func (w *nullWriter) Header() http.Header { return w.header }

func (w *nullWriter) WriteHeader(status int) { w.status = status }

func (w *nullWriter) Write(b []byte) (int, error) {
	w.body = append(w.body, b...)
	return len(b), nil
}
