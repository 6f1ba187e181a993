package cloakroom

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/cloakroom-go/cloakroom/store"
)

// Fail answers a request with what Config.OnError makes of err, and nothing of the
// session is saved any more. Headers that describe the body that was to come are removed,
// and Cache-Control is no-store; cookies stay. After the first byte of the response it only stops the saving.
func (m *Manager) Fail(w http.ResponseWriter, r *http.Request, err error) {
	if x, ok := r.Context().Value(managerKey{m}).(*exchange); ok {
		x.mu.Lock()
		x.canceled = true
		began := x.began
		x.mu.Unlock()
		if began {
			return
		}
	}
	m.answer(w, r, err)
}

func (m *Manager) answer(w http.ResponseWriter, r *http.Request, err error) {
	if !errors.Is(err, ErrUnavailable) && !errors.Is(err, context.Canceled) && !lostRace(err) {
		m.observe(r.Context(), Warning{Problem: err.Error(), Remedy: "this request was answered by Config.OnError; mend the program"})
	}
	h := w.Header()
	for name := range h {
		// The Content-Security-Policy is for whatever page is sent.
		if strings.HasPrefix(name, "Content-") && !strings.HasPrefix(name, "Content-Security-") {
			delete(h, name)
		}
	}
	for _, name := range []string{"Accept-Ranges", "Etag", "Expires", "Last-Modified", "Location", "Trailer", "Transfer-Encoding"} {
		delete(h, name)
	}
	h.Set("Cache-Control", "no-store")
	m.cfg.OnError(w, r, err)
}

// lostRace reports whether err says that another request was faster, which is nobody's
// mistake.
func lostRace(err error) bool {
	return errors.Is(err, ErrEnded) || errors.Is(err, store.ErrConflict)
}

// answerError is the default of Config.OnError.
func answerError(w http.ResponseWriter, r *http.Request, err error) {
	switch {
	case errors.Is(err, ErrUnavailable):
		w.Header().Set("Retry-After", "5")
		http.Error(w, "The session service is unavailable. Please try again in a few seconds.", http.StatusServiceUnavailable)
	case errors.Is(err, context.Canceled) && r.Context().Err() != nil:
		// The client has left: nobody reads an answer.
	case lostRace(err):
		http.Error(w, "Your session has changed meanwhile. Please reload the page.", http.StatusConflict)
	default:
		http.Error(w, http.StatusText(http.StatusInternalServerError), http.StatusInternalServerError)
	}
}
