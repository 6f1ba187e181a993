package cloakroom_test

import (
	"bytes"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/memstore"
)

func TestNewRefusesContradictions(t *testing.T) {
	for _, tc := range []struct {
		name   string
		config cloakroom.Config
		want   []string // the field and the remedy
	}{
		{"negative idle", cloakroom.Config{IdleTimeout: -1}, []string{"IdleTimeout", "positive"}},
		{"negative lifetime", cloakroom.Config{Lifetime: -1}, []string{"Lifetime", "positive"}},
		{"negative touch", cloakroom.Config{TouchInterval: -1}, []string{"TouchInterval", "positive"}},
		{"negative store timeout", cloakroom.Config{StoreTimeout: -1}, []string{"StoreTimeout", "positive"}},
		{"too fine", cloakroom.Config{IdleTimeout: time.Microsecond}, []string{"IdleTimeout", "1ms"}},
		{"lifetime without end", cloakroom.Config{Lifetime: cloakroom.NoTimeout}, []string{"Lifetime", "duration"}},
		{"touch without end", cloakroom.Config{TouchInterval: cloakroom.NoTimeout}, []string{"TouchInterval", "IdleTimeout"}},
		{"lifetime below idle", cloakroom.Config{Lifetime: time.Hour, IdleTimeout: 2 * time.Hour}, []string{"Lifetime", "IdleTimeout", "raise"}},
		{"touch as long as idle", cloakroom.Config{TouchInterval: time.Hour, IdleTimeout: time.Hour}, []string{"TouchInterval", "lower"}},
		{"touch as long as lifetime", cloakroom.Config{TouchInterval: time.Hour, Lifetime: time.Hour}, []string{"TouchInterval", "lower"}},
		{"name", cloakroom.Config{Cookie: cloakroom.Cookie{Name: "a b"}}, []string{"Cookie.Name", "token", "letters"}},
		{"long name", cloakroom.Config{Cookie: cloakroom.Cookie{Name: strings.Repeat("x", 4090)}}, []string{"Cookie.Name", "4096", "short"}},
		{"host and domain", cloakroom.Config{Cookie: cloakroom.Cookie{Name: "__Host-s", Domain: "example.com"}}, []string{"Cookie.Name", "Domain", "__Secure-"}},
		{"host and path", cloakroom.Config{Cookie: cloakroom.Cookie{Name: "__host-s", Path: "/app"}}, []string{"Cookie.Name", "Path", "__Secure-"}},
		{"host and insecure", cloakroom.Config{Insecure: true, Cookie: cloakroom.Cookie{Name: "__Host-s"}}, []string{"Cookie.Name", "Insecure", "drop"}},
		{"secure and insecure", cloakroom.Config{Insecure: true, Cookie: cloakroom.Cookie{Name: "__Secure-s"}}, []string{"Cookie.Name", "Insecure", "drop"}},
		{"none and insecure", cloakroom.Config{Insecure: true, Cookie: cloakroom.Cookie{SameSite: http.SameSiteNoneMode}}, []string{"SameSite", "Insecure", "drop"}},
		{"partitioned and insecure", cloakroom.Config{Insecure: true, Cookie: cloakroom.Cookie{Partitioned: true}}, []string{"Partitioned", "Insecure", "drop"}},
		{"unknown samesite", cloakroom.Config{Cookie: cloakroom.Cookie{SameSite: 9}}, []string{"SameSite", "constants"}},
		{"path", cloakroom.Config{Cookie: cloakroom.Cookie{Path: "app"}}, []string{"Cookie.Path", "begin with /"}},
		{"path with attribute", cloakroom.Config{Cookie: cloakroom.Cookie{Path: "/; Domain=evil"}}, []string{"Cookie.Path", "semicolon"}},
		{"domain", cloakroom.Config{Cookie: cloakroom.Cookie{Domain: "https://example.com"}}, []string{"Cookie.Domain", "without scheme"}},
		{"domain with attribute", cloakroom.Config{Cookie: cloakroom.Cookie{Domain: "example.com; Path=/"}}, []string{"Cookie.Domain"}},
		{"short key", cloakroom.Config{Keys: [][]byte{make([]byte, 32), make([]byte, 31)}}, []string{"Keys[1]", "31", "32"}},
		{"untagged without keys", cloakroom.Config{AcceptUntagged: true}, []string{"AcceptUntagged", "Keys"}},
		{"keys and scheme", cloakroom.Config{Keys: [][]byte{make([]byte, 32)}, Tokens: prefixScheme{}}, []string{"Keys", "Tokens", "TokenScheme"}},
		{"cookie and transport", cloakroom.Config{Cookie: cloakroom.Cookie{Name: "x"}, Transport: headerTransport{}}, []string{"Cookie", "Transport"}},
	} {
		_, err := cloakroom.New(memstore.New(nil), &tc.config)
		if err == nil {
			t.Errorf("%s: was accepted", tc.name)
			continue
		}
		for _, want := range append(tc.want, "cloakroom: ") {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %q does not say %q", tc.name, err, want)
			}
		}
	}
}

func TestNewRefusesANilStore(t *testing.T) {
	if _, err := cloakroom.New(nil, nil); err == nil || !strings.Contains(err.Error(), "memstore.New(nil)") {
		t.Errorf("%v", err)
	}
}

type withoutOwners struct{ store.Store }

func TestOwnersNeedsAStoreThatListsThem(t *testing.T) {
	if _, err := cloakroom.New(memstore.New(nil), &cloakroom.Config{Owners: true}); err != nil {
		t.Error(err)
	}
	_, err := cloakroom.New(withoutOwners{memstore.New(nil)}, &cloakroom.Config{Owners: true})
	if err == nil || !strings.Contains(err.Error(), "Owners") || !strings.Contains(err.Error(), "OwnerLister") {
		t.Errorf("%v", err)
	}
}

// Only two values that were set can contradict each other: unset ones adapt.
func TestUnsetValuesAdaptToSetOnes(t *testing.T) {
	const day = 24 * time.Hour
	for _, tc := range []struct {
		config         cloakroom.Config
		idle, lifetime time.Duration
	}{
		{cloakroom.Config{}, day, 30 * day},
		{cloakroom.Config{Lifetime: time.Hour}, time.Hour, time.Hour},
		{cloakroom.Config{IdleTimeout: 90 * day}, 90 * day, 90 * day},
		{cloakroom.Config{IdleTimeout: time.Minute}, time.Minute, 30 * day},
		{cloakroom.Config{IdleTimeout: cloakroom.NoTimeout}, cloakroom.NoTimeout, 30 * day},
		{cloakroom.Config{IdleTimeout: cloakroom.NoTimeout, Lifetime: time.Hour}, cloakroom.NoTimeout, time.Hour},
		{cloakroom.Config{TouchInterval: 3 * day}, 30 * day, 30 * day},
		{cloakroom.Config{TouchInterval: time.Hour, Lifetime: 2 * time.Hour}, 2 * time.Hour, 2 * time.Hour},
		{*cloakroom.AAL1(), day, 30 * day},
		{*cloakroom.AAL2(), time.Hour, day},
		{*cloakroom.AAL3(), 15 * time.Minute, 12 * time.Hour},
	} {
		r := newRig(t, &tc.config)
		r.with(func(s *cloakroom.Session) {
			if s.IdleTimeout() != tc.idle || s.Lifetime() != tc.lifetime {
				t.Errorf("%+v: idle %v, lifetime %v; want %v, %v", tc.config, s.IdleTimeout(), s.Lifetime(), tc.idle, tc.lifetime)
			}
		})
	}
}

// NIST SP 800-63B-4, sections 2.1.3, 2.2.3 and 2.3.3.
func TestPresetsHaveTheNumbersOfNIST(t *testing.T) {
	for name, tc := range map[string]struct {
		config         *cloakroom.Config
		idle, lifetime time.Duration
	}{
		"AAL1": {cloakroom.AAL1(), 0, 720 * time.Hour},
		"AAL2": {cloakroom.AAL2(), time.Hour, 24 * time.Hour},
		"AAL3": {cloakroom.AAL3(), 15 * time.Minute, 12 * time.Hour},
	} {
		if tc.config.IdleTimeout != tc.idle || tc.config.Lifetime != tc.lifetime {
			t.Errorf("%s: %+v", name, tc.config)
		}
	}
}

func TestTheConfigIsCopied(t *testing.T) {
	key := bytes.Repeat([]byte{1}, 32)
	c := &cloakroom.Config{Keys: [][]byte{key}}
	r := newRig(t, c)
	cookie := r.fresh()
	key[0] = 9
	c.Keys[0] = bytes.Repeat([]byte{2}, 32)
	if !r.opens(cookie) {
		t.Error("changing the Config after New changed the manager")
	}
}
