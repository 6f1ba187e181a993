package flash

import (
	"net/url"
	"slices"
	"strings"

	"github.com/cloakroom-go/cloakroom"
)

const inputName = "old input"

// SetInput keeps what was entered into a form for the next request, which shows the form
// again. Left out are the fields named in except, and all whose names hold "password",
// "passwd", "secret" or "token", in any case: such things do not belong into a page.
func SetInput(s *cloakroom.Session, form url.Values, except ...string) {
	kept := url.Values{}
	for name, values := range form {
		if !slices.Contains(except, name) && !sensitive(name) {
			kept[name] = values
		}
	}
	Set(s, inputName, kept)
}

// Input returns what an earlier request kept with SetInput; it is empty when none did.
func Input(s *cloakroom.Session) url.Values {
	form, ok := Get[url.Values](s, inputName)
	if !ok {
		return url.Values{}
	}
	return form
}

func sensitive(name string) bool {
	name = strings.ToLower(name)
	return slices.ContainsFunc([]string{"password", "passwd", "secret", "token"}, func(word string) bool {
		return strings.Contains(name, word)
	})
}
