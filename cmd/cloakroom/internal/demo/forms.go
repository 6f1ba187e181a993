package demo

import (
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/cloakroom-go/cloakroom"
)

// maxForm bounds what a form may send: a name of maxName characters fits easily.
const (
	maxForm = 4 << 10
	maxName = 40
)

// signIn signs in whoever the visitor says they are.
func (d *Site) signIn(w http.ResponseWriter, r *http.Request, s *cloakroom.Session) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	unreadable := r.ParseForm()
	name := strings.TrimSpace(r.PostForm.Get("name"))
	problem := checkName(name)
	if unreadable != nil {
		problem = "That form could not be read: send a name and nothing else."
	}
	if problem != "" {
		v := d.view(w, r, s)
		v.SignInError = problem
		d.render(w, http.StatusUnprocessableEntity, "page.html", v)
		return
	}
	s.SignIn(name)
	signedIn.Set(s, time.Now()) // after SignIn, which may have begun another session
	done(w, r, "sign-in")
}

func checkName(name string) string {
	switch {
	case name == "":
		return "Type a name first: any will do."
	case !utf8.ValidString(name) || strings.ContainsFunc(name, func(r rune) bool { return r < ' ' }):
		return "That name has characters that cannot be shown: use letters."
	case utf8.RuneCountInString(name) > maxName:
		return "That name is too long: use 40 characters at most."
	}
	return ""
}

// signOut ends the session in the store, and then clears the cookie.
func (d *Site) signOut(w http.ResponseWriter, r *http.Request, s *cloakroom.Session) {
	if err := s.Destroy(r.Context()); err != nil {
		d.sessions.Fail(w, r, err)
		return
	}
	done(w, r, "sign-in")
}

// maxItems keeps records small, however often somebody clicks.
const maxItems = 60

// addItem puts one more item into the cart. When another request was faster the manager
// calls the function again with what that one has left.
func (d *Site) addItem(w http.ResponseWriter, r *http.Request, s *cloakroom.Session) {
	cart.Update(s, func(items []int) []int {
		if len(items) >= maxItems {
			return items
		}
		return append(items, len(items)+1)
	})
	done(w, r, "cart")
}

// emptyCart leaves an empty cart, so there is a session afterwards in any case.
func (d *Site) emptyCart(w http.ResponseWriter, r *http.Request, s *cloakroom.Session) {
	cart.Set(s, []int{})
	done(w, r, "cart")
}

// untouched is behind the same middleware as all others, and does not ask for the session.
func (d *Site) untouched(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Accept") == "application/json" {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	d.render(w, http.StatusOK, "untouched.html", nil)
}
