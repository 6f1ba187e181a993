package cloakroom_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/store"
)

func TestManagersWithKeyPrefixesShareAStoreButNoSessions(t *testing.T) {
	shop := newRig(t, &cloakroom.Config{KeyPrefix: "shop:"})
	admin := shop.other(&cloakroom.Config{KeyPrefix: "admin:"})
	cookie := shop.fresh()
	if !shop.opens(cookie) || admin.opens(cookie) {
		t.Errorf("opens in its own manager: %v, in the other: %v", shop.opens(cookie), admin.opens(cookie))
	}
	admin.with(func(s *cloakroom.Session) {
		if err := s.Destroy(t.Context()); err != nil {
			t.Error(err)
		}
	}, cookie)
	if !shop.opens(cookie) {
		t.Error("the other manager ended the session")
	}
	if _, err := shop.spy.Store.Load(t.Context(), "shop:"+key(cookie)); err != nil {
		t.Errorf("the record is not at prefix and ID: %v", err)
	}
	shop.with(func(s *cloakroom.Session) {
		if s.ID() != key(cookie) {
			t.Errorf("the ID %q shows the prefix", s.ID())
		}
		name.Set(s, "second")
		s.Renew()
	}, cookie)
	shop.with(func(s *cloakroom.Session) {
		if err := s.Destroy(t.Context()); err != nil {
			t.Error(err)
		}
	}, ticket(shop.with(func(s *cloakroom.Session) { s.SignIn("u1") })))
}

func TestABadKeyPrefixIsRefused(t *testing.T) {
	for _, prefix := range []string{"$own", strings.Repeat("p", 129), "a\x00b", "\xff"} {
		_, err := cloakroom.New(newRig(t, nil).spy, &cloakroom.Config{KeyPrefix: prefix})
		if err == nil || !strings.Contains(err.Error(), "Config.KeyPrefix") {
			t.Errorf("%q: %v", prefix, err)
		}
	}
}

func TestNewIDMakesThePublicHalfOnly(t *testing.T) {
	next, asked := byte(0), 0
	r := newRig(t, &cloakroom.Config{NewID: func(context.Context) (id [15]byte, err error) {
		asked++
		next++
		id[14] = next
		return id, nil
	}})
	first, second := r.fresh(), r.fresh()
	if key(first) != "AAAAAAAAAAAAAAAAAAAB" || key(second) != "AAAAAAAAAAAAAAAAAAAC" {
		t.Errorf("IDs %q and %q", key(first), key(second))
	}
	if secret(first) == secret(second) || len(secret(first)) != 23 {
		t.Errorf("secrets %q and %q", secret(first), secret(second))
	}
	r.with(func(s *cloakroom.Session) { s.Renew() }, first)
	r.with(func(s *cloakroom.Session) { s.SignIn("u1") }, second)
	if asked != 2 {
		t.Errorf("asked for %d IDs, and two sessions began", asked)
	}
	if c := ticket(r.with(func(s *cloakroom.Session) { s.SignIn("u2") })); key(c) != "AAAAAAAAAAAAAAAAAAAD" || !r.opens(c) {
		t.Errorf("a session that begins with a sign-in has the ID %q", key(c))
	}
}

func TestAFailingNewIDFailsTheRequestAndStoresNothing(t *testing.T) {
	broken := errors.New("no sequence")
	r := newRig(t, &cloakroom.Config{NewID: func(context.Context) (id [15]byte, err error) { return id, broken }})
	res := r.with(func(s *cloakroom.Session) {
		name.Set(s, "x")
		if err := s.Save(t.Context()); !errors.Is(err, broken) {
			t.Errorf("Save: %v", err)
		}
	})
	if res.StatusCode != http.StatusInternalServerError || ticket(res) != "" {
		t.Errorf("%d with cookie %q", res.StatusCode, ticket(res))
	}
	if _, saves, _ := r.spy.calls(); saves != 0 {
		t.Errorf("%d saves", saves)
	}
}

func TestTwoSessionsWithOneIDNeverShareARecord(t *testing.T) {
	r := newRig(t, &cloakroom.Config{NewID: func(context.Context) (id [15]byte, err error) { return id, nil }})
	cookie := r.fresh()
	res := r.with(func(s *cloakroom.Session) {
		name.Set(s, "intruder")
		if err := s.Save(t.Context()); !errors.Is(err, store.ErrExists) {
			t.Errorf("Save: %v", err)
		}
	})
	if res.StatusCode != http.StatusInternalServerError {
		t.Errorf("status %d", res.StatusCode)
	}
	r.with(func(s *cloakroom.Session) {
		if name.Get(s) != "first" {
			t.Errorf("name %q", name.Get(s))
		}
	}, cookie)
}
