package cloakroom

import (
	"fmt"
	"iter"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	// maxCookie bounds name and value together: browsers may drop what is larger
	// (RFC 6265bis, section 5.6).
	maxCookie = 4096
	// maxCookieAge is 400 days: browsers cap Max-Age there (RFC 6265bis, section 5.5).
	maxCookieAge = 400 * 24 * time.Hour
)

// cookieTransport is the default Transport.
type cookieTransport struct {
	name       string
	prefix     string // name=
	attributes string // all but Max-Age
	secure     bool
	now        func() time.Time // set by New: Max-Age is counted from the manager's clock
}

func newCookieTransport(c Cookie, insecure bool) (*cookieTransport, error) {
	shared := c.Domain != "" || (c.Path != "" && c.Path != "/")
	switch {
	case c.Name != "":
	case insecure:
		c.Name = "session"
	case shared:
		c.Name = "__Secure-session"
	default:
		c.Name = "__Host-session"
	}
	if c.Path == "" {
		c.Path = "/"
	}
	if c.SameSite == 0 || c.SameSite == http.SameSiteDefaultMode {
		c.SameSite = http.SameSiteLaxMode
	}
	if err := checkCookie(c, insecure, shared); err != nil {
		return nil, err
	}
	var b strings.Builder
	b.WriteString("; Path=" + c.Path)
	if c.Domain != "" {
		b.WriteString("; Domain=" + strings.TrimPrefix(c.Domain, "."))
	}
	b.WriteString("; HttpOnly")
	if !insecure {
		b.WriteString("; Secure")
	}
	switch c.SameSite {
	case http.SameSiteStrictMode:
		b.WriteString("; SameSite=Strict")
	case http.SameSiteNoneMode:
		b.WriteString("; SameSite=None")
	default:
		b.WriteString("; SameSite=Lax")
	}
	if c.Partitioned {
		b.WriteString("; Partitioned")
	}
	return &cookieTransport{name: c.Name, prefix: c.Name + "=", attributes: b.String(), secure: !insecure}, nil
}

func checkCookie(c Cookie, insecure, shared bool) error {
	host := hasPrefixFold(c.Name, "__Host-")
	prefixed := host || hasPrefixFold(c.Name, "__Secure-")
	switch {
	case !isToken(c.Name):
		return fmt.Errorf("cloakroom: Config.Cookie.Name %q is not a token of RFC 9110: use letters, digits and - _ . only", c.Name)
	case len(c.Name) > maxCookie/2:
		return fmt.Errorf("cloakroom: Config.Cookie.Name has %d bytes: name and value together may have %d, use a short name", len(c.Name), maxCookie)
	case prefixed && insecure:
		return fmt.Errorf("cloakroom: Config.Cookie.Name %q demands Secure and Config.Insecure forbids it: "+
			"drop the prefix or Insecure", c.Name)
	case host && shared:
		return fmt.Errorf("cloakroom: Config.Cookie.Name %q forbids Cookie.Domain and Cookie.Path: "+
			"use the prefix __Secure- or drop them", c.Name)
	case c.SameSite < http.SameSiteDefaultMode || c.SameSite > http.SameSiteNoneMode:
		return fmt.Errorf("cloakroom: Config.Cookie.SameSite is %d: use one of the constants of net/http", c.SameSite)
	case c.SameSite == http.SameSiteNoneMode && insecure:
		return fmt.Errorf("cloakroom: Config.Cookie.SameSite None demands Secure and Config.Insecure forbids it: drop one of them")
	case c.Partitioned && insecure:
		return fmt.Errorf("cloakroom: Config.Cookie.Partitioned demands Secure and Config.Insecure forbids it: drop one of them")
	case c.Path[0] != '/' || !isAttribute(c.Path):
		return fmt.Errorf("cloakroom: Config.Cookie.Path %q is not a path: begin with / and use no semicolon or control character", c.Path)
	case c.Domain != "" && !isDomain(c.Domain):
		return fmt.Errorf("cloakroom: Config.Cookie.Domain %q is not a domain name: give one like example.com, without scheme and port", c.Domain)
	}
	return nil
}

func hasPrefixFold(s, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}

func isToken(s string) bool {
	for i := range len(s) {
		c := s[i]
		if c <= ' ' || c >= 0x7f || strings.IndexByte(`"(),/:;<=>?@[\]{}`, c) >= 0 {
			return false
		}
	}
	return s != ""
}

func isAttribute(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c >= 0x7f || c == ';' {
			return false
		}
	}
	return len(s) <= 1024
}

func isDomain(s string) bool {
	s = strings.TrimPrefix(s, ".")
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for i := range len(label) {
			letter := label[i]|0x20 >= 'a' && label[i]|0x20 <= 'z'
			if digit := label[i] >= '0' && label[i] <= '9'; !letter && !digit && label[i] != '-' {
				return false
			}
		}
	}
	return len(s) <= 253
}

// Vary names the header by which responses differ.
func (c *cookieTransport) Vary() string { return "Cookie" }

// Tokens yields the values of all cookies with the name: a browser may send one that
// was set for another path or domain first.
func (c *cookieTransport) Tokens(r *http.Request) iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, header := range r.Header["Cookie"] {
			for rest := header; rest != ""; {
				var value string
				var ok bool
				value, rest, ok = c.next(rest)
				if ok && !yield(value) {
					return
				}
			}
		}
	}
}

// next finds the next cookie of the name in a Cookie header, or in what is left of one.
func (c *cookieTransport) next(header string) (value, rest string, ok bool) {
	for header != "" {
		pair := header
		if i := strings.IndexByte(header, ';'); i >= 0 {
			pair, header = header[:i], header[i+1:]
		} else {
			header = ""
		}
		for pair != "" && (pair[0] == ' ' || pair[0] == '\t') {
			pair = pair[1:]
		}
		if len(pair) >= len(c.prefix) && pair[:len(c.prefix)] == c.prefix {
			value = strings.TrimRight(pair[len(c.prefix):], " \t")
			if n := len(value); n >= 2 && value[0] == '"' && value[n-1] == '"' {
				value = value[1 : n-1]
			}
			return value, header, true
		}
	}
	return "", "", false
}

// Send sets the cookie, in place of one that was set for the same response before.
func (c *cookieTransport) Send(w http.ResponseWriter, _ *http.Request, t Ticket) error {
	if n := len(c.name) + len(t.Token); n > maxCookie {
		return fmt.Errorf("cloakroom: name and value of the cookie %q have %d bytes: browsers keep %d, use shorter tokens", c.name, n, maxCookie)
	}
	for i := range len(t.Token) {
		if b := t.Token[i]; b <= ' ' || b >= 0x7f || b == '"' || b == ',' || b == ';' || b == '\\' {
			return fmt.Errorf("cloakroom: the token for the cookie %q has the byte %#x, which no cookie may hold (RFC 6265, section 4.1.1): "+
				"have the TokenScheme encode its tokens", c.name, b)
		}
	}
	b := make([]byte, 0, 256)
	b = append(b, c.prefix...)
	b = append(b, t.Token...)
	b = append(b, c.attributes...)
	switch {
	case t.Clear:
		// Expires too, for clients from before Max-Age.
		b = append(b, "; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT"...)
	case !t.Expires.IsZero():
		age := min(t.Expires.Sub(c.now()), maxCookieAge)
		b = append(b, "; Max-Age="...)
		b = strconv.AppendInt(b, max(int64((age+time.Second-1)/time.Second), 1), 10)
	}
	line := string(b)
	header := w.Header()
	lines := header["Set-Cookie"]
	if i := slices.IndexFunc(lines, c.ours); i >= 0 {
		lines[i] = line
		return nil
	}
	header["Set-Cookie"] = append(lines, line)
	return nil
}

// ours tells a line that Send has written from other cookies of the name.
func (c *cookieTransport) ours(line string) bool {
	return strings.HasPrefix(line, c.prefix) && strings.Contains(line, c.attributes)
}

// remove undoes Send.
func (c *cookieTransport) remove(header http.Header) {
	if lines := slices.DeleteFunc(header["Set-Cookie"], c.ours); len(lines) > 0 {
		header["Set-Cookie"] = lines
	} else {
		delete(header, "Set-Cookie")
	}
}

// plainHTTP reports whether a Secure cookie sent in answer to r would be lost: r came
// over plain HTTP, says nothing of a proxy that speaks TLS, and is neither for a loopback
// name, from which browsers take such cookies, nor for a name that only tests use
// (RFC 6761; httptest.NewRequest asks for example.com).
func plainHTTP(r *http.Request) bool {
	if r.TLS != nil || strings.EqualFold(r.Header.Get("X-Forwarded-Proto"), "https") ||
		strings.Contains(strings.ToLower(r.Header.Get("Forwarded")), "proto=https") {
		return false
	}
	return !harmless(r.Host)
}

func harmless(host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.Trim(host, "[]")
	if addr, err := netip.ParseAddr(host); err == nil {
		return addr.IsLoopback()
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	for _, name := range []string{"localhost", "example.com", "test"} {
		if host == name || strings.HasSuffix(host, "."+name) {
			return true
		}
	}
	return false
}
