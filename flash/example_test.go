package flash_test

import (
	"fmt"
	"net/http"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/flash"
)

func ExampleSet() {
	send := func(w http.ResponseWriter, r *http.Request, s *cloakroom.Session) {
		flash.Set(s, "notice", "Your order was sent.")
		http.Redirect(w, r, "/orders", http.StatusSeeOther)
	}
	orders := func(w http.ResponseWriter, _ *http.Request, s *cloakroom.Session) {
		if notice, ok := flash.Get[string](s, "notice"); ok {
			fmt.Fprintln(w, notice)
		}
	}
	_, _ = send, orders
}
