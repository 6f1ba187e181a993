package csrf

import (
	"mime"
	"net/http"

	"github.com/cloakroom-go/cloakroom"
)

// A Protection is a handler that lets requests through which come from this site's own
// pages, or which nobody's browser was tricked into. Make one with [Protect], and set it up
// before it serves. Serving is safe for concurrent use.
type Protection struct {
	m      *cloakroom.Manager
	next   http.Handler
	origin *http.CrossOriginProtection
	bypass *http.ServeMux
	deny   http.Handler
}

// Protect returns a handler that passes requests on to next unless they may be forged. It
// belongs inside of [cloakroom.Manager.Handler].
//
//   - GET, HEAD and OPTIONS pass: they must change nothing (RFC 9110, section 9.2.1).
//   - With Sec-Fetch-Site, and without it with Origin, [http.CrossOriginProtection] decides,
//     and refuses other sites.
//   - Without Sec-Fetch-Site, a request with a cookie that opens a session must carry a
//     [Token] as well, in the header HeaderName or the form field FieldName. To find the
//     latter the form is parsed; bound its size with http.MaxBytesHandler.
//
// Requests without a cookie pass: they have nothing to abuse.
func Protect(m *cloakroom.Manager, next http.Handler) *Protection {
	return &Protection{
		m: m, next: next, origin: http.NewCrossOriginProtection(), bypass: http.NewServeMux(),
		deny: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "This form was not sent from our own page, or is too old. Please reload the page and try again.", http.StatusForbidden)
		}),
	}
}

// TrustOrigin lets pages of another origin, such as "https://app.example.com", send
// requests in the name of the user. It is an error when origin is none. Browsers without
// Fetch Metadata still need a token.
func (p *Protection) TrustOrigin(origin string) error { return p.origin.AddTrustedOrigin(origin) }

// InsecurelyExempt lets anybody's pages send requests that match the pattern, of the form
// that [http.ServeMux] takes, in the name of the user. It is for endpoints that do not look
// at the session, such as webhooks. Like ServeMux it panics when the pattern is malformed or
// conflicts with another.
func (p *Protection) InsecurelyExempt(pattern string) { p.bypass.Handle(pattern, exempt{}) }

// exempt marks the patterns. What else a ServeMux answers with, such as redirects to a
// cleaner path, is no match.
type exempt struct{}

func (exempt) ServeHTTP(http.ResponseWriter, *http.Request) {}

// Refuse sets what answers refused requests, instead of a 403 in plain text.
func (p *Protection) Refuse(h http.Handler) { p.deny = h }

// ServeHTTP implements http.Handler.
func (p *Protection) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if h, _ := p.bypass.Handler(r); h == http.Handler(exempt{}) {
		p.next.ServeHTTP(w, r)
		return
	}
	if p.origin.Check(r) != nil {
		p.deny.ServeHTTP(w, r)
		return
	}
	if needsToken(r) {
		s, err := p.m.Load(r.Context())
		if err != nil {
			p.m.Fail(w, r, err)
			return
		}
		if !s.IsNew() && !Valid(s, sent(r)) {
			p.deny.ServeHTTP(w, r)
			return
		}
	}
	p.next.ServeHTTP(w, r)
}

// needsToken reports whether the request may be forged for all its headers say.
func needsToken(r *http.Request) bool {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions:
		return false
	}
	return r.Header.Get("Sec-Fetch-Site") == "" && len(r.Header["Cookie"]) > 0
}

// formMemory is how much of a multipart form is held in memory; the rest goes to files.
const formMemory = 1 << 20

// sent returns the token that the request carries, or "".
func sent(r *http.Request) string {
	if token := r.Header.Get(HeaderName); token != "" {
		return token
	}
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	switch kind {
	case "application/x-www-form-urlencoded":
		_ = r.ParseForm() // what cannot be parsed has no token
	case "multipart/form-data":
		_ = r.ParseMultipartForm(formMemory)
	}
	return r.PostForm.Get(FieldName)
}
