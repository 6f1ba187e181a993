package demo

import (
	"fmt"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/cloakroom-go/cloakroom"
)

// maxName is how many characters a name may have.
const maxName = 40

// signIn signs in whoever the visitor says they are.
func (d *Site) signIn(w http.ResponseWriter, r *http.Request, s *cloakroom.Session) {
	name, problem := entered(r, "name", maxName)
	if problem != "" {
		v := d.view(w, r, s)
		v.SignInError = problem
		d.render(w, http.StatusUnprocessableEntity, "page.html", v)
		return
	}
	s.SignIn(name)
	// After SignIn, which may have begun another session.
	s.SetPersistent(r.PostForm.Get("remember") != "")
	signedIn.Set(s, time.Now())
	done(w, r, "sign-in")
}

// entered returns what was typed into a field of a form, or what is wrong with it.
func entered(r *http.Request, field string, most int) (text, problem string) {
	if err := r.ParseForm(); err != nil {
		return "", fmt.Sprintf("That form could not be read: send a %s and nothing else.", field)
	}
	text = strings.TrimSpace(r.PostForm.Get(field))
	switch {
	case text == "":
		return "", fmt.Sprintf("Type a %s first: any will do.", field)
	case !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' }):
		return "", fmt.Sprintf("That %s has characters that cannot be shown: use letters.", field)
	case utf8.RuneCountInString(text) > most:
		return "", fmt.Sprintf("That %s is too long: use %d characters at most.", field, most)
	}
	return text, ""
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
	if wantsJSON(r) {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	d.render(w, http.StatusOK, "untouched.html", nil)
}
