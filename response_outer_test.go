package cloakroom_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom"
)

// What the middleware owes to the handlers and the server around it.

func TestTheTemporaryFilesOfAnUploadAreRemoved(t *testing.T) {
	var form bytes.Buffer
	mw := multipart.NewWriter(&form)
	part, err := mw.CreateFormFile("photo", "photo.raw")
	if err != nil {
		t.Fatal(err)
	}
	content := bytes.Repeat([]byte("0123456789a"), 1<<20)
	part.Write(content)
	mw.Close()

	for _, nested := range []bool{false, true} {
		t.Run(fmt.Sprintf("nested=%t", nested), func(t *testing.T) {
			over(t, func(t *testing.T, p protocol) {
				dir := t.TempDir()
				t.Setenv("TMPDIR", dir)
				files := func() int {
					entries, err := os.ReadDir(dir)
					if err != nil {
						t.Error(err)
					}
					return len(entries)
				}
				r := newRig(t, nil)
				mux := http.NewServeMux()
				h := r.m.Handler(mux)
				if nested {
					h = newRig(t, &cloakroom.Config{Cookie: cloakroom.Cookie{Name: "__Host-other-session"}}).m.Handler(h)
				}
				mux.Handle("POST /upload", r.m.Func(func(w http.ResponseWriter, req *http.Request, s *cloakroom.Session) {
					if err := req.ParseMultipartForm(10 << 20); err != nil {
						t.Error(err)
						return
					}
					f, head, err := req.FormFile("photo")
					if err != nil {
						t.Error(err)
						return
					}
					defer f.Close()
					got, err := io.ReadAll(f)
					if err != nil || !bytes.Equal(got, content) || head.Size != int64(len(content)) {
						t.Errorf("%d bytes of the upload, %v", len(got), err)
					}
					if files() != 1 {
						t.Errorf("%d temporary files: this test shows nothing", files())
					}
					visits.Set(s, 1)
				}))
				site := serve(t, p, h)
				req := site.request("POST", "/upload", bytes.NewReader(form.Bytes()))
				req.Header.Set("Content-Type", mw.FormDataContentType())
				res, _ := site.do(req)
				wantStatus(t, res, http.StatusOK)
				r.wantVisits(t, ticket(res), 1)
				site.srv.Close() // returns when the server is done with the request
				if n := files(); n != 0 {
					t.Errorf("%d temporary files are left", n)
				}
			}, plain, protocol2) // TLS would only make it slower
		})
	}
}

func TestOuterHandlersSeeThePatternOfTheMux(t *testing.T) {
	overEach(t, func(t *testing.T, p protocol) {
		r := newRig(t, nil)
		mux := http.NewServeMux()
		mux.Handle("GET /users/{id}", r.m.Func(func(w http.ResponseWriter, req *http.Request, s *cloakroom.Session) {
			name.Set(s, req.PathValue("id"))
			if req.URL.Query().Has("panic") {
				panic(http.ErrAbortHandler)
			}
		}))
		h := r.m.Handler(mux)
		patterns := make(chan string, 1)
		site := serve(t, p, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			defer func() {
				recover()
				patterns <- req.Pattern
			}()
			h.ServeHTTP(w, req)
		}))
		for path, want := range map[string]string{
			"/users/ann":       "GET /users/{id}",
			"/users/ann?panic": "GET /users/{id}",
			"/elsewhere":       "",
		} {
			site.get(path)
			if got := <-patterns; got != want {
				t.Errorf("%s: the pattern is %q, want %q", path, got, want)
			}
		}
	})
}

func TestResponseControllerReachesTheServer(t *testing.T) {
	overEach(t, func(t *testing.T, p protocol) {
		r := newRig(t, nil)
		site := r.serve(t, p, func(w http.ResponseWriter, req *http.Request, s *cloakroom.Session) {
			rc := http.NewResponseController(w)
			if err := rc.SetWriteDeadline(time.Now().Add(time.Hour)); err != nil {
				t.Errorf("SetWriteDeadline: %v", err)
			}
			// A deadline in the past ends a read that would wait for ever.
			if err := rc.SetReadDeadline(time.Unix(1, 0)); err != nil {
				t.Errorf("SetReadDeadline: %v", err)
			}
			if _, err := io.ReadAll(req.Body); !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("the body was read with %v, want the deadline", err)
			}
			// None of this was output.
			visits.Set(s, 1)
		})
		body, hold := io.Pipe()
		defer hold.Close()
		res := site.open(site.request("POST", "/", body))
		site.wait()
		r.wantVisits(t, ticket(res), 1)
	})
}

func TestAWriteDeadlineReachesTheServer(t *testing.T) {
	overEach(t, func(t *testing.T, p protocol) {
		r := newRig(t, nil)
		cookie := r.visitor()
		site := r.serve(t, p, func(w http.ResponseWriter, _ *http.Request, s *cloakroom.Session) {
			visits.Set(s, 2)
			rc := http.NewResponseController(w)
			if err := rc.SetWriteDeadline(time.Unix(1, 0)); err != nil {
				t.Errorf("SetWriteDeadline: %v", err)
			}
			// More than any buffer on the way holds.
			var err error
			for range 64 {
				if _, err = w.Write(make([]byte, 1<<20)); err != nil {
					break
				}
			}
			if err == nil {
				t.Error("64 MB were written after the deadline")
			}
		})
		if res, err := site.client.Do(site.request("GET", "/", nil, cookie)); err == nil {
			io.Copy(io.Discard, res.Body)
			res.Body.Close()
		}
		site.wait()
		r.wantVisits(t, cookie, 2)
	})
}

func TestFullDuplexReachesTheServer(t *testing.T) {
	overEach(t, func(t *testing.T, p protocol) {
		r := newRig(t, nil)
		site := r.serve(t, p, func(w http.ResponseWriter, req *http.Request, s *cloakroom.Session) {
			visits.Set(s, 1)
			rc := http.NewResponseController(w)
			if err := rc.EnableFullDuplex(); err != nil {
				t.Errorf("EnableFullDuplex: %v", err)
			}
			// Answer first, then go on reading.
			if err := rc.Flush(); err != nil {
				t.Error(err)
			}
			line := make([]byte, 5)
			for range 3 {
				if _, err := io.ReadFull(req.Body, line); err != nil {
					t.Error(err)
					return
				}
				w.Write(line)
				rc.Flush()
			}
		})
		body, in := io.Pipe()
		defer in.Close()
		res := site.open(site.request("POST", "/", body))
		r.wantVisits(t, ticket(res), 1)
		for _, want := range []string{"one..", "two..", "three"} {
			if _, err := io.WriteString(in, want); err != nil {
				t.Fatal(err)
			}
			got := make([]byte, 5)
			if _, err := io.ReadFull(res.Body, got); err != nil || string(got) != want {
				t.Fatalf("the echo is %q, %v", got, err)
			}
		}
		in.Close()
		site.wait()
		wantNoDropped(t, r.log.take())
	})
}
