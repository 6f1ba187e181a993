package demo

import "net/http"

// stranger is a page that counts as another site: in a sandbox it has an origin of its own.
// What its form sends is what the form of any other site would.
func (d *Site) stranger(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Security-Policy", policy+"; sandbox allow-forms")
	d.render(w, http.StatusOK, "stranger.html", nil)
}

// A Refusal is what there is to say of a form that was refused.
type Refusal struct {
	Said string // the header by which the browser says so; "" when a token is missing
	Row
}

// refused answers forms that csrf.Protect does not let through.
func (d *Site) refused(w http.ResponseWriter, r *http.Request) {
	e := entryOf(r.Context())
	e.refused.Store(true)
	if wantsJSON(r) {
		http.Error(w, "This request was not sent by our own page.", http.StatusForbidden)
		return
	}
	refusal := Refusal{Row: e.row()}
	if http.NewCrossOriginProtection().Check(r) != nil {
		name := "Sec-Fetch-Site"
		if r.Header.Get(name) == "" {
			name = "Origin"
		}
		refusal.Said = name + ": " + shorten(r.Header.Get(name), 80)
	}
	d.render(w, http.StatusForbidden, "refused.html", refusal)
}
