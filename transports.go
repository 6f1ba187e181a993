package cloakroom

import (
	"fmt"
	"iter"
	"net/http"
	"slices"
	"strings"
)

// defaultReply is the response header of transports that have none of their own.
const defaultReply = "Session-Token"

// BearerTransport carries tokens in the Authorization header of requests, as RFC 6750,
// section 2.1, has it: for programs that are no browsers. New tokens are sent in the
// response header Reply; an empty value there asks the client to forget its token.
type BearerTransport struct {
	// Reply is the name of the response header. Defaults to "Session-Token".
	Reply string
}

// Tokens implements [Transport].
func (b BearerTransport) Tokens(r *http.Request) iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, line := range r.Header["Authorization"] {
			scheme, token, _ := strings.Cut(line, " ")
			if strings.EqualFold(scheme, "Bearer") && !yield(strings.Trim(token, " ")) {
				return
			}
		}
	}
}

// Send implements [Transport].
func (b BearerTransport) Send(w http.ResponseWriter, _ *http.Request, t Ticket) error {
	return reply(w, b.Reply, t)
}

// Vary names the header by which responses differ.
func (b BearerTransport) Vary() string { return "Authorization" }

func (b BearerTransport) bind(*Config) (Transport, error) {
	if b.Reply == "" {
		b.Reply = defaultReply
	}
	if !isToken(b.Reply) {
		return nil, headerError("BearerTransport.Reply", b.Reply)
	}
	return b, nil
}

// HeaderTransport carries tokens in a header of that Name, of requests and responses alike;
// an empty value in a response asks the client to forget its token.
type HeaderTransport struct {
	// Name of the header. It must be set.
	Name string
}

// Tokens implements [Transport].
func (h HeaderTransport) Tokens(r *http.Request) iter.Seq[string] {
	return slices.Values(r.Header.Values(h.Name))
}

// Send implements [Transport].
func (h HeaderTransport) Send(w http.ResponseWriter, _ *http.Request, t Ticket) error {
	return reply(w, h.Name, t)
}

// Vary names the header by which responses differ.
func (h HeaderTransport) Vary() string { return h.Name }

func (h HeaderTransport) bind(*Config) (Transport, error) {
	if !isToken(h.Name) {
		return nil, headerError("HeaderTransport.Name", h.Name)
	}
	return h, nil
}

// InsecureQueryTransport reads tokens from the query string, for old clients that can do
// nothing else. It is insecure: addresses stand in logs, histories and Referer headers, and
// whoever is sent one is signed in as its sender. New tokens are sent as BearerTransport
// sends them.
type InsecureQueryTransport struct {
	// Parameter is the name in the query string. It must be set.
	Parameter string
}

// Tokens implements [Transport].
func (q InsecureQueryTransport) Tokens(r *http.Request) iter.Seq[string] {
	return slices.Values(r.URL.Query()[q.Parameter])
}

// Send implements [Transport].
func (q InsecureQueryTransport) Send(w http.ResponseWriter, _ *http.Request, t Ticket) error {
	return reply(w, defaultReply, t)
}

func (q InsecureQueryTransport) bind(*Config) (Transport, error) {
	if q.Parameter == "" {
		return nil, fmt.Errorf("cloakroom: Config.Transport: InsecureQueryTransport.Parameter is empty: name the parameter of the query string")
	}
	return q, nil
}

func headerError(field, value string) error {
	return fmt.Errorf("cloakroom: Config.Transport: %s %q is not the name of a header (RFC 9110, section 5.1): use letters, digits and -", field, value)
}

// reply sends a ticket in a response header.
func reply(w http.ResponseWriter, name string, t Ticket) error {
	token := t.Token
	if t.Clear {
		token = ""
	}
	if err := checkTokenText("response header", name, token); err != nil {
		return err
	}
	w.Header().Set(name, token)
	return nil
}

// ChainTransports returns a transport that looks for tokens in each of the transports, in
// that order. Tickets go back by those that the request has used, and by the first one when
// it has used none.
func ChainTransports(first Transport, more ...Transport) Transport {
	return chain(append([]Transport{first}, more...))
}

type chain []Transport

func (c chain) Tokens(r *http.Request) iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, t := range c {
			for token := range t.Tokens(r) {
				if !yield(token) {
					return
				}
			}
		}
	}
}

func (c chain) Send(w http.ResponseWriter, r *http.Request, t Ticket) error {
	used := slices.DeleteFunc(slices.Clone(c), func(t Transport) bool {
		for range t.Tokens(r) {
			return false
		}
		return true
	})
	if len(used) == 0 {
		used = c[:1]
	}
	for _, transport := range used {
		if err := transport.Send(w, r, t); err != nil {
			return err
		}
	}
	return nil
}

// Vary names the headers by which responses differ.
func (c chain) Vary() string {
	var names []string
	for _, t := range c {
		if v, ok := t.(varier); ok {
			names = append(names, v.Vary())
		}
	}
	return strings.Join(names, ", ")
}

// varier is the method that a Transport may have besides.
type varier interface{ Vary() string }

func (c chain) bind(config *Config) (Transport, error) {
	bound := make(chain, len(c))
	for i, t := range c {
		if t == nil {
			return nil, fmt.Errorf("cloakroom: Config.Transport: member %d of ChainTransports is nil", i)
		}
		var err error
		if bound[i], err = bind(t, config); err != nil {
			return nil, err
		}
	}
	return bound, nil
}

// A withdrawer can undo its Send.
type withdrawer interface{ withdraw(header http.Header) }

func (b BearerTransport) withdraw(h http.Header)        { h.Del(b.Reply) }
func (h HeaderTransport) withdraw(header http.Header)   { header.Del(h.Name) }
func (q InsecureQueryTransport) withdraw(h http.Header) { h.Del(defaultReply) }

func (c chain) withdraw(h http.Header) {
	for _, t := range c {
		if w, ok := t.(withdrawer); ok {
			w.withdraw(h)
		}
	}
}

// cookieIn returns the cookie among what t uses, or nil.
func cookieIn(t Transport) *cookieTransport {
	switch t := t.(type) {
	case *cookieTransport:
		return t
	case chain:
		for _, member := range t {
			if c := cookieIn(member); c != nil {
				return c
			}
		}
	}
	return nil
}

// A binder is a transport of this package, which New completes and checks.
type binder interface {
	bind(c *Config) (Transport, error)
}

func bind(t Transport, c *Config) (Transport, error) {
	if b, ok := t.(binder); ok {
		return b.bind(c)
	}
	return t, nil
}
