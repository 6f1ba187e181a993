package cloakroom_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/cloakroom-go/cloakroom"
)

func TestFlushFirstSendsTheCookieBeforeTheStream(t *testing.T) {
	flushes := map[string]func(w http.ResponseWriter) error{
		"ResponseController": func(w http.ResponseWriter) error { return http.NewResponseController(w).Flush() },
		"Flusher": func(w http.ResponseWriter) error {
			w.(http.Flusher).Flush()
			return nil
		},
	}
	for style, flush := range flushes {
		t.Run(style, func(t *testing.T) {
			overEach(t, func(t *testing.T, p protocol) {
				r := newRig(t, nil)
				next := make(chan struct{})
				site := r.serve(t, p, func(w http.ResponseWriter, req *http.Request, s *cloakroom.Session) {
					visits.Set(s, 7)
					w.Header().Set("Content-Type", "text/event-stream")
					if err := flush(w); err != nil {
						t.Error(err)
					}
					for n := range 3 {
						<-next
						fmt.Fprintf(w, "data: %d\n\n", n)
						if err := flush(w); err != nil {
							t.Error(err)
						}
					}
				})
				res := site.open(site.request("GET", "/", nil))
				// Nothing was written yet, and the cookie is here and opens what was saved.
				r.wantVisits(t, ticket(res), 7)
				lines := bufio.NewReader(res.Body)
				for n := range 3 {
					next <- struct{}{}
					if line, err := lines.ReadString('\n'); err != nil || line != fmt.Sprintf("data: %d\n", n) {
						t.Fatalf("event %d is %q, %v", n, line, err)
					}
					lines.ReadString('\n')
				}
				site.wait()
				wantNoDropped(t, r.log.take())
			})
		})
	}
}

func TestEarlyHintsAreNoCommit(t *testing.T) {
	overEach(t, func(t *testing.T, p protocol) {
		r := newRig(t, nil)
		site := r.serve(t, p, func(w http.ResponseWriter, req *http.Request, s *cloakroom.Session) {
			visits.Set(s, 1)
			w.Header().Set("Link", "</style.css>; rel=preload; as=style")
			w.WriteHeader(http.StatusEarlyHints)
			visits.Update(s, func(n int) int { return n + 1 })
			w.WriteHeader(http.StatusProcessing)
			visits.Update(s, func(n int) int { return n + 1 })
			fmt.Fprint(w, "page")
		})
		type hint struct {
			code   int
			header textproto.MIMEHeader
		}
		hints := make(chan hint, 8)
		req := site.request("GET", "/", nil)
		req = req.WithContext(httptrace.WithClientTrace(req.Context(), &httptrace.ClientTrace{
			Got1xxResponse: func(code int, header textproto.MIMEHeader) error {
				hints <- hint{code, header}
				return nil
			},
		}))
		res, body := site.do(req)
		wantStatus(t, res, 200)
		if body != "page" {
			t.Errorf("the body is %q", body)
		}
		for _, want := range []int{103, 102} {
			h := <-hints
			if h.code != want || h.header.Get("Link") == "" {
				t.Errorf("hint %d %v, want %d with the Link", h.code, h.header, want)
			}
			if h.header.Get("Set-Cookie") != "" || h.header.Get("Cache-Control") != "" {
				t.Errorf("hint %d has headers of the final response: %v", h.code, h.header)
			}
		}
		if loads, saves, _ := r.spy.calls(); loads != 0 || saves != 1 {
			t.Errorf("%d loads and %d saves", loads, saves)
		}
		r.wantVisits(t, ticket(res), 3)
		wantNoDropped(t, r.log.take())
	})
}

func TestEarlyHintsAloneLeaveTheWireInOrder(t *testing.T) {
	overHTTP1(t, func(t *testing.T, p protocol) {
		r := newRig(t, nil)
		site := r.serve(t, p, func(w http.ResponseWriter, req *http.Request, s *cloakroom.Session) {
			w.WriteHeader(http.StatusEarlyHints)
			visits.Set(s, 1) // and nothing else: the end of the handler sends the header
		})
		c := site.dial()
		c.send("GET / HTTP/1.1", "Host: localhost")
		if res := c.receive(); res.StatusCode != 103 || ticket(res) != "" {
			t.Errorf("first came %s with the cookies %v", res.Status, res.Cookies())
		}
		res := c.receive()
		wantStatus(t, res, 200)
		r.wantVisits(t, ticket(res), 1)
	})
}

// fileBytes is more than what net/http reads to guess a content type.
const fileBytes = 1 << 20

func tempFile(t *testing.T) (name string, content []byte) {
	t.Helper()
	content = make([]byte, fileBytes)
	for i := range content {
		content[i] = byte(i * i >> 7)
	}
	name = filepath.Join(t.TempDir(), "file.bin")
	if err := os.WriteFile(name, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return name, content
}

// A kernelListener counts the copies that could stay inside the kernel: those where a
// connection is asked to read from something with a file descriptor.
type kernelListener struct {
	net.Listener
	copies atomic.Int64
	bytes  atomic.Int64
}

func (l *kernelListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &kernelConn{c, l}, nil
}

type kernelConn struct {
	net.Conn
	l *kernelListener
}

func (c *kernelConn) ReadFrom(src io.Reader) (int64, error) {
	n, err := io.Copy(c.Conn, src)
	if hasDescriptor(src) {
		c.l.copies.Add(1)
		c.l.bytes.Add(n)
	}
	return n, err
}

func hasDescriptor(src io.Reader) bool {
	if l, ok := src.(*io.LimitedReader); ok {
		src = l.R
	}
	_, ok := src.(syscall.Conn)
	return ok
}

func TestSendfileSurvivesTheMiddleware(t *testing.T) {
	name, content := tempFile(t)
	copyFile := func(w http.ResponseWriter, _ *http.Request, s *cloakroom.Session) {
		visits.Set(s, 1)
		f, err := os.Open(name)
		if err != nil {
			t.Error(err)
			return
		}
		defer f.Close()
		w.Header().Set("Content-Length", strconv.Itoa(fileBytes)) // chunks could not come from the kernel
		if n, err := io.Copy(w, f); n != fileBytes || err != nil {
			t.Errorf("copied %d bytes, %v", n, err)
		}
	}
	serveFile := func(w http.ResponseWriter, req *http.Request, s *cloakroom.Session) {
		visits.Set(s, 1)
		http.ServeFile(w, req, name)
	}
	for what, f := range map[string]page{"io.Copy": copyFile, "http.ServeFile": serveFile} {
		for _, nested := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/nested=%t", what, nested), func(t *testing.T) {
				r := newRig(t, nil)
				h := r.m.Handler(r.m.Func(f))
				if nested {
					h = newRig(t, nil).m.Handler(h)
				}
				var kernel *kernelListener
				site := serveOn(t, plain, h, func(l net.Listener) net.Listener {
					kernel = &kernelListener{Listener: l}
					return kernel
				})
				res, body := site.get("/")
				if !bytes.Equal([]byte(body), content) {
					t.Error("the content is not that of the file")
				}
				r.wantVisits(t, ticket(res), 1)
				// net/http may write the first 512 bytes itself, to guess the type.
				if kernel.copies.Load() != 1 || kernel.bytes.Load() < fileBytes-512 {
					t.Errorf("%d copies with %d bytes went through the kernel", kernel.copies.Load(), kernel.bytes.Load())
				}
			})
		}
	}
}

func TestFileCopyIsRightOverEveryProtocol(t *testing.T) {
	name, content := tempFile(t)
	overEach(t, func(t *testing.T, p protocol) {
		r := newRig(t, nil)
		site := r.serve(t, p, func(w http.ResponseWriter, _ *http.Request, s *cloakroom.Session) {
			visits.Set(s, 1)
			f, err := os.Open(name)
			if err != nil {
				t.Error(err)
				return
			}
			defer f.Close()
			if n, err := io.Copy(w, f); n != fileBytes || err != nil {
				t.Errorf("copied %d bytes, %v", n, err)
			}
		})
		res, body := site.get("/")
		if !bytes.Equal([]byte(body), content) {
			t.Error("the content is not that of the file")
		}
		r.wantVisits(t, ticket(res), 1)
	})
}

func TestServeContentAnswersRanges(t *testing.T) {
	name, content := tempFile(t)
	overEach(t, func(t *testing.T, p protocol) {
		r := newRig(t, nil)
		site := r.serve(t, p, func(w http.ResponseWriter, req *http.Request, s *cloakroom.Session) {
			visits.Update(s, func(n int) int { return n + 1 })
			w.Header().Set("ETag", `"v1"`)
			http.ServeFile(w, req, name)
		})
		with := func(header, value string) (*http.Response, string) {
			t.Helper()
			req := site.request("GET", "/", nil)
			req.Header.Set(header, value)
			res, body := site.do(req)
			r.wantVisits(t, ticket(res), 1)
			return res, body
		}

		res, body := with("Range", "bytes=1000-1999")
		wantStatus(t, res, http.StatusPartialContent)
		if body != string(content[1000:2000]) {
			t.Error("the range is not that of the file")
		}
		if got := res.Header.Get("Content-Range"); got != fmt.Sprintf("bytes 1000-1999/%d", fileBytes) {
			t.Errorf("Content-Range %q", got)
		}

		res, body = with("Range", "bytes=0-9,20-29")
		wantStatus(t, res, http.StatusPartialContent)
		if !bytes.Contains([]byte(body), content[20:30]) || len(body) > 1000 {
			t.Errorf("two ranges gave %d bytes", len(body))
		}

		res, _ = with("Range", fmt.Sprintf("bytes=%d-", 2*fileBytes))
		wantStatus(t, res, http.StatusRequestedRangeNotSatisfiable)

		res, body = with("If-None-Match", `"v1"`)
		wantStatus(t, res, http.StatusNotModified)
		if body != "" {
			t.Errorf("a 304 with the body %q", body)
		}
	})
}

// A stringWriter records how it was written to.
type stringWriter struct {
	http.ResponseWriter
	strings []string
}

func (w *stringWriter) WriteString(s string) (int, error) {
	w.strings = append(w.strings, s)
	return io.WriteString(w.ResponseWriter, s)
}

func TestWriteStringCommitsAndReachesTheServer(t *testing.T) {
	overEach(t, func(t *testing.T, p protocol) {
		r := newRig(t, nil)
		below := &stringWriter{}
		h := r.m.Handler(r.m.Func(func(w http.ResponseWriter, _ *http.Request, s *cloakroom.Session) {
			visits.Set(s, 1)
			if _, ok := w.(io.StringWriter); !ok {
				t.Error("the writer is no io.StringWriter, so each string is copied")
			}
			n, err := io.WriteString(w, "hello")
			if n != 5 || err != nil {
				t.Errorf("wrote %d bytes, %v", n, err)
			}
			visits.Set(s, 2) // too late: the string was the first byte
		}))
		site := serve(t, p, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			below.ResponseWriter = w
			h.ServeHTTP(below, req)
		}))
		res, body := site.get("/")
		if body != "hello" || !slices.Equal(below.strings, []string{"hello"}) {
			t.Errorf("the body is %q, and the writer below saw the strings %q", body, below.strings)
		}
		r.wantVisits(t, ticket(res), 1)
	})
}

func TestTrailersArriveWithTheCookie(t *testing.T) {
	overEach(t, func(t *testing.T, p protocol) {
		r := newRig(t, nil)
		site := r.serve(t, p, func(w http.ResponseWriter, _ *http.Request, s *cloakroom.Session) {
			visits.Set(s, 1)
			w.Header().Set("Trailer", "X-Sum")
			io.WriteString(w, "body")
			w.Header().Set("X-Sum", "42")
			w.Header().Set(http.TrailerPrefix+"X-Late", "yes")
		})
		res, body := site.get("/")
		if body != "body" || res.Trailer.Get("X-Sum") != "42" || res.Trailer.Get("X-Late") != "yes" {
			t.Errorf("body %q, trailers %v", body, res.Trailer)
		}
		if res.Header.Get("X-Sum") != "" || res.Trailer.Get("Set-Cookie") != "" {
			t.Errorf("header %v and trailer %v are mixed up", res.Header, res.Trailer)
		}
		r.wantVisits(t, ticket(res), 1)
	})
}
