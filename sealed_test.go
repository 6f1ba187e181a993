package cloakroom_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/store"
)

func sealKey(b byte) []byte { return bytes.Repeat([]byte{b}, 32) }

func sealedRig(t *testing.T, keys ...byte) *rig {
	t.Helper()
	var c cloakroom.Config
	for _, k := range keys {
		c.SealKeys = append(c.SealKeys, sealKey(k))
	}
	return newRig(t, &c)
}

func TestSealedValuesAreReadByTheirManagerAndByNobodyElse(t *testing.T) {
	r := sealedRig(t, 1)
	cookie := ticket(r.with(func(s *cloakroom.Session) { name.Set(s, "very private"); visits.Set(s, 7) }))
	r.with(func(s *cloakroom.Session) {
		if name.Get(s) != "very private" || visits.Get(s) != 7 {
			t.Errorf("name %q, visits %d", name.Get(s), visits.Get(s))
		}
		visits.Update(s, func(n int) int { return n + 1 })
	}, cookie)
	rec, err := r.record(cookie)
	if err != nil {
		t.Fatal(err)
	}
	for field, value := range rec.Fields.All() {
		if strings.Contains(value, "private") || value == "8" {
			t.Errorf("%s is stored as %s", field, value)
		}
		if plain := field[0] == '$'; plain == strings.HasPrefix(value, `"`) && field != "$secret" {
			t.Errorf("%s is stored as %s", field, value)
		}
	}
}

func TestAValueThatCannotBeOpenedSignsOut(t *testing.T) {
	plant := func(name, value string) func(r *rig, cookie string) error {
		return func(r *rig, cookie string) error {
			fields, err := store.NewFields(store.Field{Name: name, Value: value})
			if err != nil {
				return err
			}
			_, err = r.spy.Store.Save(t.Context(), key(cookie), store.Change{Set: fields})
			return err
		}
	}
	for what, meddle := range map[string]func(r *rig, cookie string) error{
		"planted in the clear": plant("role", `"admin"`),
		"no string":            plant("name", `7`),
		"no base64":            plant("name", `"?"`),
		"too short":            plant("name", `"AAAA"`),
		"another field's": func(r *rig, cookie string) error {
			rec, err := r.record(cookie)
			if err != nil {
				return err
			}
			value, _ := rec.Fields.Get("name")
			return plant("cart", value)(r, cookie)
		},
		"another session's": func(r *rig, cookie string) error {
			other, err := r.record(r.fresh())
			if err != nil {
				return err
			}
			value, _ := other.Fields.Get("name")
			return plant("name", value)(r, cookie)
		},
	} {
		r := sealedRig(t, 1)
		cookie := r.fresh()
		if err := meddle(r, cookie); err != nil {
			t.Fatal(err)
		}
		r.log.take()
		if r.opens(cookie) {
			t.Errorf("%s: the session opens", what)
		}
		e, ok := find(r.log.take(), func(cloakroom.Rejected) bool { return true })
		if !ok || e.Reason != cloakroom.ReasonBadRecord || !strings.Contains(e.Detail, "Config.SealKeys") {
			t.Errorf("%s: told as %+v", what, e)
		}
	}
}

func TestTheFirstSealKeySealsAndAllOpen(t *testing.T) {
	old := sealedRig(t, 1)
	cookie := old.fresh()
	both := old.other(&cloakroom.Config{SealKeys: [][]byte{sealKey(2), sealKey(1)}})
	if !both.opens(cookie) {
		t.Fatal("the old key does not open")
	}
	both.with(func(s *cloakroom.Session) { name.Set(s, "second") }, cookie)
	fresh := old.other(&cloakroom.Config{SealKeys: [][]byte{sealKey(2)}})
	fresh.with(func(s *cloakroom.Session) {
		if name.Get(s) != "second" {
			t.Errorf("name %q", name.Get(s))
		}
	}, cookie)
	if old.opens(cookie) {
		t.Error("what the new key sealed opens with the old one")
	}
}

// Each sealing is another text, and the conditions of a Save compare texts.
func TestNoUpdateIsLostWhenValuesAreSealed(t *testing.T) {
	r := sealedRig(t, 1)
	cookie := r.fresh()
	var all sync.WaitGroup
	const n = 20
	for range n {
		all.Go(func() {
			r.with(func(s *cloakroom.Session) {
				visits.Update(s, func(n int) int { return n + 1 })
				if err := s.Save(t.Context()); err != nil {
					t.Error(err)
				}
				visits.Update(s, func(n int) int { return n + 1 })
			}, cookie)
		})
	}
	all.Wait()
	r.with(func(s *cloakroom.Session) {
		if visits.Get(s) != 2*n || name.Get(s) != "first" {
			t.Errorf("visits %d, name %q", visits.Get(s), name.Get(s))
		}
	}, cookie)
}

func TestAValueSetToWhatItIsNoChangeWhenSealed(t *testing.T) {
	r := sealedRig(t, 1)
	cookie := r.fresh()
	r.with(func(s *cloakroom.Session) { name.Set(s, "first") }, cookie)
	if loads, saves, _ := r.spy.calls(); loads != 1 || saves != 0 {
		t.Errorf("%d loads, %d saves", loads, saves)
	}
}

func TestAPoppedSealedValueIsTakenOnce(t *testing.T) {
	r := sealedRig(t, 1)
	cookie := r.fresh()
	var got []string
	var mu sync.Mutex
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			r.with(func(s *cloakroom.Session) {
				v, ok := name.Pop(s)
				err := s.Save(t.Context())
				mu.Lock()
				defer mu.Unlock()
				if ok && err == nil {
					got = append(got, v)
				} else if err != nil && !errors.Is(err, store.ErrConflict) {
					t.Error(err)
				}
			}, cookie)
		})
	}
	all.Wait()
	if fmt.Sprint(got) != "[first]" {
		t.Errorf("taken: %q", got)
	}
}

// A program that seals still tells the store what it loaded, so that the store need not
// read again.
func TestBaseIsWhatTheStoreHoldsWhenValuesAreSealed(t *testing.T) {
	r := sealedRig(t, 1)
	cookie := r.fresh()
	rec, err := r.record(cookie)
	if err != nil {
		t.Fatal(err)
	}
	r.spy.meddle(func(s *spy) { s.changes = nil })
	r.with(func(s *cloakroom.Session) { visits.Set(s, 1) }, cookie)
	if base := r.spy.changes[0].Base; base == nil || base.Fields != rec.Fields || base.Version != rec.Version {
		t.Errorf("base %+v, stored %+v", base, rec)
	}
}

func TestBadSealKeysAreRefused(t *testing.T) {
	_, err := cloakroom.New(newRig(t, nil).spy, &cloakroom.Config{SealKeys: [][]byte{sealKey(1), []byte("short")}})
	if err == nil || !strings.Contains(err.Error(), "Config.SealKeys") || !strings.Contains(err.Error(), "key 1") {
		t.Errorf("%v", err)
	}
}
