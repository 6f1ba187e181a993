package demo

import (
	"net/http"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/flash"
)

// maxMessage is how many characters a message may have.
const maxMessage = 80

// leave leaves a message for the page that comes after the redirect.
func (d *Site) leave(w http.ResponseWriter, r *http.Request, s *cloakroom.Session) {
	text, problem := entered(r, "message", maxMessage)
	if problem != "" {
		v := d.view(w, r, s)
		v.MessageError = problem
		d.render(w, http.StatusUnprocessableEntity, "page.html", v)
		return
	}
	flash.Set(s, "message", text)
	done(w, r, "message")
}
