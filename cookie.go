package cloakroom

import (
	"errors"
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

// CookieTransport returns the default transport, with the cookie described by c: for use
// among others in [ChainTransports]. It works as part of a [Config] only.
func CookieTransport(c Cookie) Transport { return &cookieTransport{settings: c} }

// cookieTransport is the default Transport.
type cookieTransport struct {
	settings   Cookie
	name       string
	prefix     string           // name=
	attributes string           // all but Secure and Max-Age
	secure     bool             // whatever the request
	auto       bool             // when the request was
	now        func() time.Time // Max-Age is counted from the manager's clock
	proxies    proxies
}

func (c *cookieTransport) bind(config *Config) (Transport, error) {
	bound, err := newCookieTransport(c.settings, config.Insecure)
	if err != nil {
		return nil, err
	}
	bound.now, bound.proxies = config.Now, config.TrustedProxies
	return bound, nil
}

func newCookieTransport(c Cookie, insecure bool) (*cookieTransport, error) {
	settings := c
	shared := c.Domain != "" || (c.Path != "" && c.Path != "/")
	switch {
	case c.Name != "":
	case insecure, c.SecureAuto:
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
	if !insecure && !c.SecureAuto {
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
	return &cookieTransport{
		settings: settings, name: c.Name, prefix: c.Name + "=", attributes: b.String(),
		secure: !insecure && !c.SecureAuto, auto: c.SecureAuto,
	}, nil
}

func checkCookie(c Cookie, insecure, shared bool) error {
	host := hasPrefixFold(c.Name, "__Host-")
	prefixed := host || hasPrefixFold(c.Name, "__Secure-")
	switch {
	case !isToken(c.Name):
		return fmt.Errorf("cloakroom: Config.Cookie.Name %q is not a token of RFC 9110: use letters, digits and - _ . only", c.Name)
	case len(c.Name) > maxCookie/2:
		return fmt.Errorf("cloakroom: Config.Cookie.Name has %d bytes: name and value together may have %d, use a short name", len(c.Name), maxCookie)
	case c.SecureAuto && insecure:
		return errors.New("cloakroom: Config.Cookie.SecureAuto and Config.Insecure contradict each other: drop one of them")
	case c.SecureAuto && (prefixed || c.Partitioned || c.SameSite == http.SameSiteNoneMode):
		return errors.New("cloakroom: Config.Cookie.SecureAuto sends cookies without Secure, which the name prefixes " +
			"__Host- and __Secure-, Partitioned, and SameSite None demand: drop it, or drop them")
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
func (c *cookieTransport) Send(w http.ResponseWriter, r *http.Request, t Ticket) error {
	if c.now == nil {
		return errors.New("cloakroom: a CookieTransport is used outside of a Config: set it as Config.Transport")
	}
	if n := len(c.name) + len(t.Token); n > maxCookie {
		return fmt.Errorf("cloakroom: name and value of the cookie %q have %d bytes: browsers keep %d, use shorter tokens", c.name, n, maxCookie)
	}
	if err := checkTokenText("cookie", c.name, t.Token); err != nil {
		return err
	}
	b := make([]byte, 0, 256)
	b = append(b, c.prefix...)
	b = append(b, t.Token...)
	b = append(b, c.attributes...)
	if c.auto && c.proxies.origin(r).secure {
		b = append(b, "; Secure"...)
	}
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

// checkTokenText refuses tokens that cannot stand where they are sent.
func checkTokenText(kind, name, token string) error {
	for i := range len(token) {
		if b := token[i]; b <= ' ' || b >= 0x7f || b == '"' || b == ',' || b == ';' || b == '\\' {
			return fmt.Errorf("cloakroom: the token for the %s %q has the byte %#x, which no cookie may hold (RFC 6265, section 4.1.1): "+
				"have the TokenScheme encode its tokens", kind, name, b)
		}
	}
	return nil
}

func (c *cookieTransport) withdraw(header http.Header) {
	if lines := slices.DeleteFunc(header["Set-Cookie"], c.ours); len(lines) > 0 {
		header["Set-Cookie"] = lines
	} else {
		delete(header, "Set-Cookie")
	}
}

// plainHTTP reports whether a Secure cookie sent in answer to r would be lost: r came
// over plain HTTP, and is neither for a loopback name, from which browsers take such
// cookies, nor for a name that only tests use (RFC 6761; httptest.NewRequest asks for
// example.com). While no proxies are listed, anybody's word counts that there is one which
// speaks TLS: all that depends on it is a warning.
func (m *Manager) plainHTTP(r *http.Request) bool {
	if m.Secure(r) || len(m.cfg.TrustedProxies) == 0 && (strings.EqualFold(r.Header.Get("X-Forwarded-Proto"), "https") ||
		strings.Contains(strings.ToLower(r.Header.Get("Forwarded")), "proto=https")) {
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
