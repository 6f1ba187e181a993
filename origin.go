package cloakroom

import (
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
	hops := listed(h["X-Forwarded-For"])
	protos := listed(h["X-Forwarded-Proto"])
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
	if len(h["Forwarded"]) == 0 {
		return peer, false
	}
	var elements []string
	for _, line := range h["Forwarded"] {
		members, ok := split(line, ',')
		if !ok {
			// A quote that a client has left open swallows what the proxy wrote behind it.
			return origin{peer.addr, false}, true
		}
		elements = append(elements, members...)
	}
	o = peer
	for i := len(elements) - 1; i >= 0 && p.trusts(o.addr); i-- {
		client, proto, ok := parseElement(elements[i])
		if !ok {
			return origin{peer.addr, false}, true
		}
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

// listed returns the members of the X-Forwarded headers, which know no quotes.
func listed(lines []string) (members []string) {
	for _, line := range lines {
		for member := range strings.SplitSeq(line, ",") {
			if member = strings.Trim(member, " \t"); member != "" {
				members = append(members, member)
			}
		}
	}
	return members
}

// split returns what stands between separators outside of quotes, trimmed, and without
// what is empty. It is not ok when a quote is left open.
func split(line string, separator byte) (parts []string, ok bool) {
	quoted, from := false, 0
	for i := 0; i <= len(line); i++ {
		switch {
		case i == len(line) || line[i] == separator && !quoted:
			if part := strings.Trim(line[from:i], " \t"); part != "" {
				parts = append(parts, part)
			}
			from = i + 1
		case line[i] == '"':
			quoted = !quoted
		case line[i] == '\\' && quoted:
			i = min(i+1, len(line)-1)
		}
	}
	return parts, !quoted
}

// parseElement returns two parameters of a forwarded-element (RFC 7239, section 4). It is
// not ok when the element is garbled.
func parseElement(element string) (client, proto string, ok bool) {
	pairs, ok := split(element, ';')
	for _, pair := range pairs {
		name, value, found := strings.Cut(pair, "=")
		if !found || !isToken(name) || !isToken(value) && !isQuoted(value) {
			return "", "", false
		}
		value = unquoteParameter(value)
		switch {
		case strings.EqualFold(name, "for"):
			client = value
		case strings.EqualFold(name, "proto"):
			proto = value
		}
	}
	return client, proto, ok
}

// isQuoted reports whether value is one quoted-string (RFC 9110, section 5.6.4).
func isQuoted(value string) bool {
	if len(value) < 2 || value[0] != '"' {
		return false
	}
	for i := 1; i < len(value); i++ {
		switch value[i] {
		case '\\':
			i++
		case '"':
			return i == len(value)-1
		}
	}
	return false
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
