package cloakroom_test

import (
	"crypto/tls"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/cloakroom-go/cloakroom"
)

var officeProxies = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}

func TestProxiesThatAreTrustedSayHowTheClientCame(t *testing.T) {
	r := newRig(t, &cloakroom.Config{TrustedProxies: officeProxies})
	for _, c := range []struct {
		remote, header string // header lines are separated by |
		addr           string
		secure         bool
	}{
		// From nobody that is trusted, headers say nothing.
		{"192.0.2.7:1234", "", "192.0.2.7", false},
		{"192.0.2.7:1234", "X-Forwarded-For: 203.0.113.9|X-Forwarded-Proto: https", "192.0.2.7", false},
		{"192.0.2.7:1234", "Forwarded: for=203.0.113.9;proto=https", "192.0.2.7", false},
		{"[2001:db8::1]:1", "X-Forwarded-Proto: https", "2001:db8::1", false},
		{"@", "X-Forwarded-Proto: https", "127.0.0.1", false},
		{"", "X-Forwarded-Proto: https", "", false},
		// One proxy.
		{"10.0.0.1:1234", "X-Forwarded-For: 203.0.113.9|X-Forwarded-Proto: https", "203.0.113.9", true},
		{"10.0.0.1:1234", "X-Forwarded-Proto: HTTPS", "10.0.0.1", true},
		{"10.0.0.1:1234", "X-Forwarded-Proto: http", "10.0.0.1", false},
		{"10.0.0.1:1234", "", "10.0.0.1", false},
		{"[::ffff:10.0.0.1]:1", "X-Forwarded-For: 203.0.113.9:4711|X-Forwarded-Proto: https", "203.0.113.9", true},
		// What the client wrote in front of it is nothing.
		{"10.0.0.1:1234", "X-Forwarded-For: 1.1.1.1, 203.0.113.9", "203.0.113.9", false},
		{"10.0.0.1:1234", "X-Forwarded-For: 1.1.1.1|X-Forwarded-For: 203.0.113.9", "203.0.113.9", false},
		{"10.0.0.1:1234", "X-Forwarded-For: 10.9.9.9, 203.0.113.9", "203.0.113.9", false},
		{"10.0.0.1:1234", "X-Forwarded-For: 1.1.1.1, 203.0.113.9|X-Forwarded-Proto: https, http", "203.0.113.9", false},
		{"10.0.0.1:1234", "X-Forwarded-Proto: https, http", "10.0.0.1", false},
		// Several proxies.
		{"10.0.0.1:1234", "X-Forwarded-For: 203.0.113.9, 10.0.0.2|X-Forwarded-Proto: https, http", "203.0.113.9", true},
		{"10.0.0.1:1234", "X-Forwarded-For: 203.0.113.9, fd00::2|X-Forwarded-Proto: https", "203.0.113.9", true},
		{"10.0.0.1:1234", "X-Forwarded-For: 10.0.0.3, 10.0.0.2", "10.0.0.3", false},
		// What is no address hides the client.
		{"10.0.0.1:1234", "X-Forwarded-For: 203.0.113.9, unknown", "10.0.0.1", false},
		{"10.0.0.1:1234", "X-Forwarded-For: 203.0.113.9, , 10.0.0.2, ", "203.0.113.9", false},
		{"10.0.0.1:1234", "X-Forwarded-For: [10.0.0.2]", "10.0.0.1", false},
		{"10.0.0.1:1234", "X-Forwarded-For: [2001:db8::9", "10.0.0.1", false},
		// RFC 7239.
		{"10.0.0.1:1234", `Forwarded: for="[2001:db8::9]:4711";proto=https`, "2001:db8::9", true},
		{"10.0.0.1:1234", `Forwarded: For=203.0.113.9; Proto="https"; by=10.0.0.1`, "203.0.113.9", true},
		{"10.0.0.1:1234", `Forwarded: for=1.1.1.1;proto=https, for=203.0.113.9;proto=http`, "203.0.113.9", false},
		{"10.0.0.1:1234", `Forwarded: for=203.0.113.9;proto=https, for=10.0.0.2;proto=http`, "203.0.113.9", true},
		{"10.0.0.1:1234", `Forwarded: for=_hidden;proto=https`, "10.0.0.1", true},
		{"10.0.0.1:1234", `Forwarded: for="1.1.1.1, for=2.2.2.2", for=203.0.113.9`, "203.0.113.9", false},
		{"10.0.0.1:1234", `Forwarded: for="\203.0.113.9"`, "203.0.113.9", false},
		{"10.0.0.1:1234", `Forwarded: for="`, "10.0.0.1", false},
		{"10.0.0.1:1234", `Forwarded: for=6.6.6.6;proto=https;x=", for=203.0.113.9;proto=http`, "10.0.0.1", false},
		{"10.0.0.1:1234", `Forwarded: for=6.6.6.6;proto=https;x=", for="[2001:db8::1]:4"`, "10.0.0.1", false},
		{"10.0.0.1:1234", `Forwarded: for=6.6.6.6;proto=https;x="|Forwarded: for=203.0.113.9;proto=http`, "10.0.0.1", false},
		{"10.0.0.1:1234", `X-Forwarded-For: ", 203.0.113.9`, "203.0.113.9", false},
		// Both kinds: one of them is the client's, unless they agree.
		{"10.0.0.1:1234", "X-Forwarded-For: 203.0.113.9|X-Forwarded-Proto: https|Forwarded: for=203.0.113.9;proto=https", "203.0.113.9", true},
		{"10.0.0.1:1234", "X-Forwarded-For: 203.0.113.9|Forwarded: for=1.1.1.1;proto=https", "10.0.0.1", false},
	} {
		req := httptest.NewRequest("GET", "http://app.example/", nil)
		req.RemoteAddr = c.remote
		for line := range strings.SplitSeq(c.header, "|") {
			if name, value, ok := strings.Cut(line, ": "); ok {
				req.Header.Add(name, value)
			}
		}
		want, _ := netip.ParseAddr(c.addr)
		if got := r.m.ClientAddr(req); got != want {
			t.Errorf("%s with %q: client %v, want %v", c.remote, c.header, got, want)
		}
		if got := r.m.Secure(req); got != c.secure {
			t.Errorf("%s with %q: secure %v", c.remote, c.header, got)
		}
	}
}

func TestAConnectionWithTLSIsSecureUnlessItsProxySaysOtherwise(t *testing.T) {
	r := newRig(t, &cloakroom.Config{TrustedProxies: officeProxies})
	req := httptest.NewRequest("GET", "http://app.example/", nil)
	req.TLS = &tls.ConnectionState{}
	if !r.m.Secure(req) {
		t.Error("TLS is not secure")
	}
	req.RemoteAddr = "10.0.0.1:1"
	if !r.m.Secure(req) {
		t.Error("TLS from a proxy that says nothing is not secure")
	}
	req.Header.Set("X-Forwarded-Proto", "http")
	if r.m.Secure(req) {
		t.Error("the proxy's client came without TLS")
	}
}

func TestTrustedProxiesThatAreNoneOrEverybodyAreRefused(t *testing.T) {
	for _, p := range []netip.Prefix{{}, netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")} {
		_, err := cloakroom.New(newRig(t, nil).spy, &cloakroom.Config{TrustedProxies: []netip.Prefix{p}})
		if err == nil || !strings.Contains(err.Error(), "Config.TrustedProxies[0]") {
			t.Errorf("%v: %v", p, err)
		}
	}
}

func FuzzForwarded(f *testing.F) {
	f.Add("203.0.113.9, 10.0.0.2", "https,http", `for="[2001:db8::9]:4711";proto=https`, "10.0.0.1:1")
	f.Add(`"`, `\`, `for="\`, "@")
	m := newRig(f, &cloakroom.Config{TrustedProxies: officeProxies}).m
	f.Fuzz(func(t *testing.T, hops, protos, forwarded, remote string) {
		req := httptest.NewRequest("GET", "http://app.example/", nil)
		req.RemoteAddr = remote
		req.Header["X-Forwarded-For"] = []string{hops}
		req.Header["X-Forwarded-Proto"] = []string{protos}
		req.Header["Forwarded"] = []string{forwarded}
		addr := m.ClientAddr(req)
		if secure := m.Secure(req); !strings.Contains(remote, "10.") && !strings.Contains(remote, ":a") &&
			!strings.Contains(strings.ToLower(remote), "fd") && secure {
			t.Errorf("from %q, %v: headers of a stranger count", remote, addr)
		}
	})
}
