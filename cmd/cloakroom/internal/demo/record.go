package demo

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/store"
)

// A RecordView is the record as the store holds it, beside the cookie that opens it.
type RecordView struct {
	Problem string // when the record cannot be shown

	CookieName string // "" when the cookie was not found, and then nothing was checked
	Key        string // the public part of the cookie, which is the key of the record
	Hidden     string // a dot for each character of the secret part

	Size      string // of its fields
	Version   uint64
	Owner     string // as JSON
	ExpiresAt string
	Fields    []FieldView

	// What the server has just checked.
	HashMatches  bool // $secret is the SHA-256 of the secret part
	SecretAbsent bool // the secret part is nowhere in the record
}

// A FieldView is one field of a record.
type FieldView struct {
	Name     string   // as JSON
	Parts    []string // of the value, as JSON: a line may break between two
	Managers bool     // it belongs to the manager
	Secret   bool     // it is the hash of the secret
	Last     bool
}

// viewRecord reads the record past the manager.
func (d *Site) viewRecord(w http.ResponseWriter, r *http.Request, s *cloakroom.Session) *RecordView {
	id := s.ID()
	rec, err := d.store.Load(r.Context(), id)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return &RecordView{Key: id, Problem: "The record was removed a moment ago."}
	case err != nil:
		return &RecordView{Key: id, Problem: "The store does not answer."}
	}
	v := &RecordView{
		Key:       id,
		Size:      volume(size(rec.Fields)),
		Version:   rec.Version,
		Owner:     asJSON(rec.Owner),
		ExpiresAt: rec.ExpiresAt.UTC().Format(time.RFC3339),
	}
	left := rec.Fields.Len()
	for name, value := range rec.Fields.All() {
		left--
		v.Fields = append(v.Fields, FieldView{
			Name: asJSON(name), Parts: strings.SplitAfter(value, ","),
			Managers: strings.HasPrefix(name, "$"), Secret: name == "$secret", Last: left == 0,
		})
	}
	if name, secret, ok := cookieOf(w.Header(), r, id); ok {
		v.CookieName, v.Hidden = name, strings.Repeat("•", len(secret))
		v.HashMatches, v.SecretAbsent = hashMatches(rec, secret), secretAbsent(rec, secret)
	}
	return v
}

func hashMatches(rec store.Record, secret string) bool {
	hash := sha256.Sum256([]byte(secret))
	stored, _ := rec.Fields.Get("$secret")
	return stored == strconv.Quote(base64.RawURLEncoding.EncodeToString(hash[:]))
}

func secretAbsent(rec store.Record, secret string) bool {
	text, _ := rec.Fields.MarshalJSON() // never fails
	return !strings.Contains(string(text)+rec.Owner, secret)
}

// cookieOf finds the cookie whose token opens the session: the one that the response h
// sets, or else one that the request carries. The secret is what follows the ID.
func cookieOf(h http.Header, r *http.Request, id string) (name, secret string, ok bool) {
	var cookies []*http.Cookie
	for _, line := range h["Set-Cookie"] {
		if c, err := http.ParseSetCookie(line); err == nil {
			cookies = append(cookies, c)
		}
	}
	for _, c := range append(cookies, r.Cookies()...) {
		if secret, ok := strings.CutPrefix(c.Value, id); ok && secret != "" {
			return c.Name, secret, true
		}
	}
	return "", "", false
}

func asJSON(s string) string {
	text, _ := json.Marshal(s) // a string always encodes
	return string(text)
}
