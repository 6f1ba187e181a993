// Package csrf keeps other sites from sending requests in the name of a signed-in user.
//
// Browsers of today say with every request where it comes from (Fetch Metadata), and
// [http.CrossOriginProtection] refuses what comes from elsewhere. [Protect] does that, and
// asks clients that do not say for a token, which only pages of this site can know:
//
//	mux.HandleFunc("GET /transfer", func(w http.ResponseWriter, r *http.Request) {
//		s, err := sessions.Load(r.Context()) // and so on
//		page.Execute(w, map[string]any{"CSRF": csrf.Field(s)}) // <form method="post">{{.CSRF}} ...
//	})
//	http.ListenAndServe(":8080", sessions.Handler(csrf.Protect(sessions, mux)))
//
// Tokens are derived from the secret of the session, so that nothing is stored for them, a
// visitor who looks at a form leaves no record, and Renew and SignIn make the old ones
// worthless.
package csrf

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"html/template"

	"github.com/cloakroom-go/cloakroom"
)

const (
	// FieldName is the name of the form field that carries the token.
	FieldName = "csrf_token"
	// HeaderName is the name of the request header that carries it instead, for scripts.
	HeaderName = "X-CSRF-Token"
)

const (
	purpose   = "cloakroom csrf"
	keyBytes  = 32
	textChars = (2*keyBytes*4 + 2) / 3
)

// Token returns a token for the forms of s, in 86 characters of base64url. Each call gives
// another one, so that compression does not leak it byte by byte (the BREACH attack); all
// are good until the session's secret changes. It is "" for a session that is not stored:
// in its name nothing can be done yet. A request that stores the session and shows a form
// calls Save before.
func Token(s *cloakroom.Session) string {
	if s.IsNew() {
		return ""
	}
	key := s.Derive(purpose)
	var raw [2 * keyBytes]byte
	mask, masked := raw[:keyBytes], raw[keyBytes:]
	rand.Read(mask) // never fails: crypto/rand ends the program instead
	subtle.XORBytes(masked, mask, key[:])
	return base64.RawURLEncoding.EncodeToString(raw[:])
}

// Field returns a hidden input element that carries a [Token], for templates; it is empty
// when the token is.
func Field(s *cloakroom.Session) template.HTML {
	token := Token(s)
	if token == "" {
		return ""
	}
	return template.HTML(`<input type="hidden" name="` + FieldName + `" value="` + token + `">`)
}

// Valid reports whether token is one of those of s. It takes the same time for all tokens
// of the right length.
func Valid(s *cloakroom.Session, token string) bool {
	if s.IsNew() || len(token) != textChars {
		return false
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil {
		return false
	}
	key := s.Derive(purpose)
	subtle.XORBytes(raw[:keyBytes], raw[:keyBytes], raw[keyBytes:])
	return subtle.ConstantTimeCompare(raw[:keyBytes], key[:]) == 1
}
