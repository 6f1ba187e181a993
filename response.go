package cloakroom

import (
	"bufio"
	"io"
	"iter"
	"net"
	"net/http"
	"strings"
)

// The exchange as an http.ResponseWriter. Whatever sends the header commits first.

// Unwrap serves http.ResponseController.
func (x *exchange) Unwrap() http.ResponseWriter { return x.w }

func (x *exchange) Header() http.Header {
	x.hand()
	return x.w.Header()
}

func (x *exchange) WriteHeader(status int) {
	// 1xx are hints before the response, but for 101, which is one.
	if status >= 100 && status <= 199 && status != http.StatusSwitchingProtocols {
		x.w.WriteHeader(status)
		return
	}
	if x.begin() == nil {
		x.w.WriteHeader(status)
	}
}

func (x *exchange) Write(b []byte) (int, error) {
	if err := x.begin(); err != nil {
		return 0, err
	}
	return x.w.Write(b)
}

func (x *exchange) WriteString(s string) (int, error) {
	if err := x.begin(); err != nil {
		return 0, err
	}
	return io.WriteString(x.w, s)
}

// ReadFrom keeps the way from a file to a socket inside the kernel.
func (x *exchange) ReadFrom(src io.Reader) (int64, error) {
	if err := x.begin(); err != nil {
		return 0, err
	}
	if to, ok := x.w.(io.ReaderFrom); ok {
		return to.ReadFrom(src)
	}
	return io.Copy(struct{ io.Writer }{x.w}, src)
}

func (x *exchange) Flush() { _ = x.FlushError() }

// FlushError is what http.ResponseController calls.
func (x *exchange) FlushError() error {
	if !can[interface{ FlushError() error }](x.w) && !can[http.Flusher](x.w) {
		return http.ErrNotSupported // nothing is sent, so nothing is committed
	}
	if err := x.begin(); err != nil {
		_ = http.NewResponseController(x.w).Flush() // a stream may go on for long: send the answer
		return err
	}
	return http.NewResponseController(x.w).Flush()
}

// Hijack hands the connection over. A handshake written by hand must carry the cookie
// itself: Session.Save first, then copy Set-Cookie from the header.
func (x *exchange) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	if !can[http.Hijacker](x.w) {
		return nil, nil, http.ErrNotSupported // the handler may answer in another way
	}
	if err := x.begin(); err != nil {
		return nil, nil, err
	}
	return http.NewResponseController(x.w).Hijack()
}

// can reports whether w, or what it wraps, is a T, as http.ResponseController looks.
func can[T any](w http.ResponseWriter) bool {
	for w != nil {
		if x, ok := w.(*exchange); ok { // it has every method, whatever it wraps
			w = x.w
			continue
		}
		if _, ok := w.(T); ok {
			return true
		}
		u, ok := w.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			return false
		}
		w = u.Unwrap()
	}
	return false
}

// depend marks the response as one that depends on the session: caches between here and
// the browser must not keep it for others (RFC 9111, section 5.2.2.7).
func (x *exchange) depend() {
	h := x.w.Header()
	if t, ok := x.transport().(varier); ok {
		x.values[0] = t.Vary()
		addVary(h, x.values[0:1:1])
	}
	x.values[1] = private(h["Cache-Control"])
	h["Cache-Control"] = x.values[1:2:2]
}

// addVary adds a header name to Vary unless it is there.
func addVary(h http.Header, name []string) {
	for _, line := range h["Vary"] {
		for part := range strings.SplitSeq(line, ",") {
			if part = strings.TrimSpace(part); part == "*" || strings.EqualFold(part, name[0]) {
				return
			}
		}
	}
	if len(h["Vary"]) == 0 {
		h["Vary"] = name
		return
	}
	h["Vary"] = append(h["Vary"], name...)
}

// private returns the Cache-Control value of a response that is for one user: what the
// handler set when that is as strict, else the same without what lets others see it.
func private(lines []string) string {
	if len(lines) == 0 {
		return "private"
	}
	all := strings.Join(lines, ", ")
	kept := []string{"private"}
	for part := range directives(all) {
		name, _, qualified := strings.Cut(strings.ToLower(part), "=")
		switch name {
		case "no-store":
			return all
		case "private":
			if !qualified { // private="field" is about that field only
				return all
			}
		case "public", "s-maxage", "":
		default:
			kept = append(kept, part)
		}
	}
	return strings.Join(kept, ", ")
}

// directives splits at commas that are not inside quotes.
func directives(line string) iter.Seq[string] {
	quoted := false
	return strings.FieldsFuncSeq(line, func(r rune) bool {
		quoted = quoted != (r == '"')
		return !quoted && (r == ',' || r == ' ' || r == '\t')
	})
}
