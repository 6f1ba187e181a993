package demo

import (
	"encoding/json"
	"net/http"
)

// A Jar is what one request knows of the tip jar, with what that has cost.
type Jar struct {
	Coins int64 `json:"coins"`
	Row   `json:"-"`
}

// countCoins reads one value, and does not load the session.
func (d *Site) countCoins(w http.ResponseWriter, r *http.Request) {
	var jar Jar
	direct, err := d.sessions.Direct(r.Context())
	if err == nil {
		_, err = direct.Get(r.Context(), coins.Name(), &jar.Coins)
	}
	if err != nil {
		d.sessions.Fail(w, r, err)
		return
	}
	if wantsJSON(r) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(jar) // the client may have left
		return
	}
	jar.Row = entryOf(r.Context()).row()
	d.render(w, http.StatusOK, "coins.html", jar)
}

// addCoin adds to one value, and does not load the session.
func (d *Site) addCoin(w http.ResponseWriter, r *http.Request) {
	direct, err := d.sessions.Direct(r.Context())
	if err == nil {
		_, err = direct.Add(r.Context(), coins.Name(), 1)
	}
	if err != nil {
		d.sessions.Fail(w, r, err)
		return
	}
	done(w, r, "jar")
}
