package cloakroom

import (
	"iter"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// ClientAddr returns the address of the client: that of the connection, or what proxies
// listed in Config.TrustedProxies say in X-Forwarded-For or Forwarded (RFC 7239). Their
// lists are read from the near end up to the first address that is not theirs, since what
// stands before it was written by the client. An address that a proxy hides or garbles is
// that of the proxy. Headers of others are ignored. The result is invalid when the server
// does not know the connection either; a Unix socket counts as 127.0.0.1.
func (m *Manager) ClientAddr(r *http.Request) netip.Addr { return m.proxies().origin(r).addr }

// Secure reports whether the client came over TLS: to this server, or to a proxy listed in
// Config.TrustedProxies, which says so in X-Forwarded-Proto or Forwarded (RFC 7239).
func (m *Manager) Secure(r *http.Request) bool { return m.proxies().origin(r).secure }

func (m *Manager) proxies() proxies { return m.cfg.TrustedProxies }

// proxies are those whose word counts.
type proxies []netip.Prefix

// An origin is where a request came from.
type origin struct {
	addr   netip.Addr
	secure bool
}

func (p proxies) origin(r *http.Request) origin {
	peer := origin{peerAddr(r.RemoteAddr), r.TLS != nil}
	if !p.trusts(peer.addr) {
		return peer
	}
	old, hasOld := p.xForwarded(r.Header, peer)
	now, hasNow := p.forwarded(r.Header, peer)
	switch {
	case hasOld && hasNow && old != now:
		// A proxy writes one kind, and passes on what the client wrote of the other. Which
		// one that is nobody can tell here, so neither is believed.
		return origin{peer.addr, false}
	case hasOld:
		return old
	case hasNow:
		return now
	}
	return peer
}

func peerAddr(remote string) netip.Addr {
	if remote == "@" || strings.HasPrefix(remote, "/") {
		return netip.AddrFrom4([4]byte{127, 0, 0, 1})
	}
	return parseHop(remote)
}

// trusts reports whether addr is that of a trusted proxy.
func (p proxies) trusts(addr netip.Addr) bool {
	return addr.IsValid() && slices.ContainsFunc(p, func(p netip.Prefix) bool { return p.Contains(addr) })
}

// xForwarded reads the X-Forwarded headers.
func (p proxies) xForwarded(h http.Header, peer origin) (o origin, ok bool) {
	hops := slices.Collect(listed(h["X-Forwarded-For"]))
	protos := slices.Collect(listed(h["X-Forwarded-Proto"]))
	if len(hops) == 0 && len(protos) == 0 {
		return peer, false
	}
	o = peer
	at := len(hops)
	for at > 0 && p.trusts(o.addr) {
		addr := parseHop(hops[at-1])
		if !addr.IsValid() {
			break
		}
		o.addr = addr
		at--
	}
	isHTTPS := func(proto string) bool { return strings.EqualFold(proto, "https") }
	switch {
	case len(protos) == 0:
	case len(protos) == len(hops) && at < len(hops):
		o.secure = isHTTPS(protos[at])
	default: // one for all, or nobody knows which is whose
		o.secure = !slices.ContainsFunc(protos, func(proto string) bool { return !isHTTPS(proto) })
	}
	return o, true
}

// forwarded reads the Forwarded header.
func (p proxies) forwarded(h http.Header, peer origin) (o origin, ok bool) {
	elements := slices.Collect(listed(h["Forwarded"]))
	if len(elements) == 0 {
		return peer, false
	}
	o = peer
	for i := len(elements) - 1; i >= 0 && p.trusts(o.addr); i-- {
		client, proto := parseElement(elements[i])
		if proto != "" {
			o.secure = strings.EqualFold(proto, "https")
		}
		addr := parseHop(client)
		if !addr.IsValid() {
			break
		}
		o.addr = addr
	}
	return o, true
}

// listed yields the members of a list header (RFC 9110, section 5.6.1), trimmed. Commas
// inside quotes separate nothing.
func listed(lines []string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, line := range lines {
			for member := range split(line, ',') {
				if member != "" && !yield(member) {
					return
				}
			}
		}
	}
}

// split yields what stands between separators outside of quotes, trimmed.
func split(line string, separator byte) iter.Seq[string] {
	return func(yield func(string) bool) {
		quoted, from := false, 0
		for i := 0; i <= len(line); i++ {
			switch {
			case i == len(line) || line[i] == separator && !quoted:
				if !yield(strings.Trim(line[from:i], " \t")) {
					return
				}
				from = i + 1
			case line[i] == '"':
				quoted = !quoted
			case line[i] == '\\' && quoted:
				i = min(i+1, len(line)-1)
			}
		}
	}
}

// parseElement returns two parameters of a forwarded-element (RFC 7239, section 4).
func parseElement(element string) (client, proto string) {
	for pair := range split(element, ';') {
		name, value, _ := strings.Cut(pair, "=")
		value = unquoteParameter(value)
		switch {
		case strings.EqualFold(name, "for"):
			client = value
		case strings.EqualFold(name, "proto"):
			proto = value
		}
	}
	return client, proto
}

// unquoteParameter undoes the quoted-string of RFC 9110, section 5.6.4.
func unquoteParameter(value string) string {
	if len(value) < 2 || value[0] != '"' || value[len(value)-1] != '"' {
		return value
	}
	value = value[1 : len(value)-1]
	if strings.IndexByte(value, '\\') < 0 {
		return value
	}
	var b strings.Builder
	for i := 0; i < len(value); i++ {
		if value[i] == '\\' && i+1 < len(value) {
			i++
		}
		b.WriteByte(value[i])
	}
	return b.String()
}

// parseHop returns the address in one of the forms that servers and proxies use: with and
// without port, IPv6 with and without brackets. It is invalid for anything else.
func parseHop(text string) netip.Addr {
	if ap, err := netip.ParseAddrPort(text); err == nil {
		return ap.Addr().Unmap().WithZone("")
	}
	inner, bracketed := strings.CutPrefix(text, "[")
	if bracketed {
		if inner, bracketed = strings.CutSuffix(inner, "]"); !bracketed {
			return netip.Addr{}
		}
		text = inner
	}
	addr, err := netip.ParseAddr(text)
	if err != nil || bracketed && addr.Is4() {
		return netip.Addr{}
	}
	return addr.Unmap().WithZone("")
}
