package open

import (
	"net"
	neturl "net/url"
	"slices"
	"strconv"
	"strings"
)

// An address is the URL of a server, taken apart. Package net/url refuses several hosts,
// and has the URL with the password in its errors.
type address struct {
	url      string
	user     string
	password string
	given    bool     // user and password were
	hosts    []string // each with its port
	path     string   // after the slash, without escapes
	query    string   // as it came
	params   neturl.Values
}

// escapes is what people stumble over.
const escapes = "in names and passwords write %2F for /, %3F for ?, %23 for #, %40 for @, %3A for : and %25 for %"

// parse takes a URL apart. A host without a port gets the one given.
func parse(url string, port int) (*address, error) {
	_, rest, ok := strings.Cut(url, "://")
	if !ok {
		return nil, wrong(url, "has no // after the colon")
	}
	a := &address{url: url}
	rest, fragment, _ := strings.Cut(rest, "#")
	rest, a.query, _ = strings.Cut(rest, "?")
	authority, path, _ := strings.Cut(rest, "/")
	if strings.Contains(path+a.query+fragment, "@") && !strings.Contains(authority, "@") {
		return nil, wrong(url, "has an @ where none can be; %s", escapes)
	}
	if fragment != "" {
		return nil, wrong(url, "has a #, after which nothing is looked at; %s", escapes)
	}
	hosts := authority
	if i := strings.LastIndex(authority, "@"); i >= 0 {
		user, password, _ := strings.Cut(authority[:i], ":")
		hosts, a.given = authority[i+1:], true
		var problem, problem2 error
		a.user, problem = neturl.PathUnescape(user)
		a.password, problem2 = neturl.PathUnescape(password)
		if problem != nil || problem2 != nil {
			return nil, wrong(url, "has a percent sign in the name or the password with no code after it; %s", escapes)
		}
	}
	for host := range strings.SplitSeq(hosts, ",") {
		host, ok := withPort(host, port)
		if !ok {
			return nil, wrong(url, "has no host and port where they should be; %s", escapes)
		}
		a.hosts = append(a.hosts, host)
	}
	var err error
	if a.path, err = neturl.PathUnescape(path); err != nil {
		return nil, wrong(url, "has a percent sign in its path with no code after it")
	}
	if a.params, err = neturl.ParseQuery(a.query); err != nil {
		return nil, wrong(url, "has parameters that cannot be read: write NAME=VALUE, with & in between")
	}
	return a, nil
}

// withPort returns host and port, and whether host is one.
func withPort(host string, port int) (string, bool) {
	if h, p, err := net.SplitHostPort(host); err == nil {
		n, err := strconv.ParseUint(p, 10, 16)
		return host, h != "" && err == nil && n > 0
	}
	name := strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	bracketed := len(name) == len(host)-2
	if name == "" || bracketed != strings.Contains(name, ":") || bracketed && net.ParseIP(name) == nil {
		return "", false
	}
	return net.JoinHostPort(name, strconv.Itoa(port)), true
}

// place says where the server is, for people.
func (a *address) place() string { return strings.Join(a.hosts, ", ") }

// allow refuses parameters other than the ones named.
func (a *address) allow(names ...string) error {
	for name := range a.params {
		if slices.Contains(names, name) {
			continue
		}
		takes := "none"
		if len(names) > 0 {
			takes = strings.Join(names, ", ")
		}
		return wrong(a.url, "has the parameter %q, which is unknown (%s may be given)", name, takes)
	}
	return nil
}

// one refuses several hosts.
func (a *address) one() error {
	if len(a.hosts) > 1 {
		return wrong(a.url, "names several hosts, and there can be one")
	}
	return nil
}

// escapePath is the path of a URL again.
func escapePath(path string) string { return (&neturl.URL{Path: path}).EscapedPath() }
