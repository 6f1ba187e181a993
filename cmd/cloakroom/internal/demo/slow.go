package demo

import (
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/store"
)

// slowness is how long the slow request takes until its first byte.
const slowness = 1500 * time.Millisecond

// A slowAnswer is what became of the slow request's edit.
type slowAnswer struct {
	Owner   string   `json:"owner"`   // of the session that it loaded
	Dropped []string `json:"dropped"` // fields that were not saved
	Reason  string   `json:"reason"`  // why not
	Record  string   `json:"record"`  // what the store has at the session's key now
}

// slow loads the session, edits it and is then in no hurry. Its edit is saved, or not,
// before the first byte of the answer, as with every handler.
func (d *Site) slow(w http.ResponseWriter, r *http.Request, s *cloakroom.Session) {
	if s.IsNew() {
		http.Error(w, "There is no session that could end meanwhile.", http.StatusConflict)
		return
	}
	answer := slowAnswer{Owner: s.Owner(), Dropped: []string{}}
	id := s.ID()
	note.Set(s, "written by the slow request")

	timer := time.NewTimer(slowness)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-r.Context().Done():
		return
	}

	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusOK)
	if e := entryOf(r.Context()); e != nil {
		answer.Dropped, answer.Reason = e.dropped()
	}
	_, err := d.store.Load(r.Context(), id)
	switch {
	case err == nil:
		answer.Record = "live"
	case errors.Is(err, store.ErrNotFound):
		answer.Record = "none"
	default:
		answer.Record = "unknown"
	}
	_ = json.NewEncoder(w).Encode(answer) // the client may have left
}

// dropped returns the fields whose edits in this request were not saved, and why.
func (e *entry) dropped() (names []string, reason string) {
	names = []string{}
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, event := range e.events {
		if d, ok := event.(cloakroom.Dropped); ok {
			names, reason = append(names, d.Names...), string(d.Reason)
		}
	}
	return names, reason
}
