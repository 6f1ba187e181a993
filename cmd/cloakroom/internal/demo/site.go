// Package demo is the tour that the command of that name serves: a page on which a
// visitor uses a session of their own and sees what becomes of it.
package demo

import (
	"context"
	"embed"
	"html/template"
	"net/http"
	"strings"
	"time"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/csrf"
	"github.com/cloakroom-go/cloakroom/store"
)

// What the demo keeps in a session.
var (
	visits   = cloakroom.NewKey[int]("visits")
	cart     = cloakroom.NewKey[[]int]("cart")
	note     = cloakroom.NewKey[string]("note")
	coins    = cloakroom.NewKey[int64]("coins")
	signedIn = cloakroom.NewKey[time.Time]("signed_in_at")
)

// touchInterval is short for a demo, so that one sees the time of last use move.
const touchInterval = time.Minute

// maxForm bounds what a form may send: all that the page asks for fits easily.
const maxForm = 4 << 10

// Options adjusts a [Site]. The zero value of each field is its default.
type Options struct {
	// Kept is what the page says sessions are kept in. Defaults to "memory".
	Kept string
	// Insecure sends cookies over plain HTTP. Defaults to false.
	Insecure bool
	// Report is told of outages and warnings, in one line each. It may be called by many
	// goroutines at once. Defaults to telling nobody.
	Report func(problem string)
}

// A Site is the demo as an http.Handler. It is safe for concurrent use.
type Site struct {
	kept     string
	store    store.Store // as it is, for looking at records
	sessions *cloakroom.Manager
	ledger   ledger
	feed     *feed
	pages    *template.Template
	handler  http.Handler
}

//go:embed assets
var assets embed.FS

// New returns a site whose sessions are in s. opts may be nil. Errors are those of
// [cloakroom.New].
func New(s store.Store, opts *Options) (*Site, error) {
	var o Options
	if opts != nil {
		o = *opts
	}
	if o.Kept == "" {
		o.Kept = "memory"
	}
	site := &Site{
		kept:  o.Kept,
		store: s,
		feed:  &feed{report: o.Report},
		pages: template.Must(template.ParseFS(assets, "assets/*.html")),
	}
	var err error
	site.sessions, err = cloakroom.New(&counter{s}, &cloakroom.Config{
		Cookie:        cloakroom.Cookie{BrowserSession: true}, // unless the visitor wants to be remembered
		Insecure:      o.Insecure,
		IdleTimeout:   idleTimeout,
		TouchInterval: touchInterval,
		Observer:      site.feed,
	})
	if err != nil {
		return nil, err
	}
	site.handler = site.routes()
	return site, nil
}

// Run removes expired sessions until ctx ends; see [cloakroom.Manager.Run].
func (d *Site) Run(ctx context.Context) error { return d.sessions.Run(ctx) }

// ServeHTTP serves the demo.
func (d *Site) ServeHTTP(w http.ResponseWriter, r *http.Request) { d.handler.ServeHTTP(w, r) }

func (d *Site) routes() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /{$}", d.sessions.Func(d.home))
	mux.Handle("GET /live", d.sessions.Func(d.live))
	mux.Handle("POST /sign-in", d.sessions.Func(d.signIn))
	mux.Handle("POST /sign-out", d.sessions.Func(d.signOut))
	mux.Handle("POST /cart", d.sessions.Func(d.addItem))
	mux.Handle("POST /cart/empty", d.sessions.Func(d.emptyCart))
	mux.Handle("POST /slow", d.sessions.Func(d.slow))
	mux.Handle("POST /timeout", d.sessions.Func(d.setTimeout))
	mux.Handle("POST /use", d.sessions.Func(d.use))
	mux.Handle("POST /message", d.sessions.Func(d.leave))
	mux.HandleFunc("GET /coins", d.countCoins)
	mux.HandleFunc("POST /coins", d.addCoin)
	mux.HandleFunc("GET /stranger", d.stranger)
	mux.HandleFunc("GET /untouched", d.untouched)
	guard := csrf.Protect(d.sessions, mux)
	guard.Refuse(http.HandlerFunc(d.refused))

	outer := http.NewServeMux()
	for _, name := range []string{"style.css", "script.js", "ticket.svg"} {
		outer.HandleFunc("GET /"+name, func(w http.ResponseWriter, r *http.Request) {
			http.ServeFileFS(w, r, assets, "assets/"+name)
		})
	}
	outer.Handle("/", d.ledger.handler(http.MaxBytesHandler(d.sessions.Handler(guard), maxForm)))
	return protect(outer)
}

// policy lets the page load what this server sends and nothing else: no inline script,
// no inline style, no frame around it.
var policy = strings.Join([]string{
	"default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self'", "connect-src 'self'",
	"form-action 'self'", "base-uri 'none'", "frame-ancestors 'none'",
}, "; ")

func protect(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cache-Control", "no-store") // the page shows how things are, never how they were
		next.ServeHTTP(w, r)
	})
}

// done answers a form: with the page again, at the place of the form, or for the script
// with nothing.
func done(w http.ResponseWriter, r *http.Request, place string) {
	if wantsJSON(r) {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	http.Redirect(w, r, "/#"+place, http.StatusSeeOther)
}

// wantsJSON tells the script's requests from those of the browser itself.
func wantsJSON(r *http.Request) bool { return r.Header.Get("Accept") == "application/json" }
