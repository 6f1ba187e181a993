package cloakroomtest_test

import (
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/cloakroomtest"
	"github.com/cloakroom-go/cloakroom/store/memstore"
)

// In these examples t is the *testing.T of the test, and sessions the program's manager.

func ExampleSignedIn() {
	plan := cloakroom.NewKey[string]("plan")
	handler := sessions.Handler(sessions.Func(func(w http.ResponseWriter, _ *http.Request, s *cloakroom.Session) {
		fmt.Fprintf(w, "%s has the %s plan", s.Owner(), plan.Get(s))
	}))

	r := httptest.NewRequest("GET", "https://example.com/account", nil)
	cloakroomtest.SignedIn(t, sessions, r, "u1", func(s *cloakroom.Session) {
		plan.Set(s, "yearly")
	})
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	fmt.Println(w.Body)
	// Output: u1 has the yearly plan
}

func ExampleAnonymous() {
	cart := cloakroom.NewKey[[]string]("cart")
	handler := sessions.Handler(sessions.Func(func(w http.ResponseWriter, _ *http.Request, s *cloakroom.Session) {
		fmt.Fprint(w, "in the cart: ", cart.Get(s))
	}))

	r := httptest.NewRequest("GET", "https://example.com/cart", nil)
	cloakroomtest.Anonymous(t, sessions, r, func(s *cloakroom.Session) {
		cart.Set(s, []string{"umbrella"})
	})
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	fmt.Println(w.Body)
	// Output: in the cart: [umbrella]
}

func ExampleSession() {
	cart := cloakroom.NewKey[[]string]("cart")
	handler := sessions.Handler(sessions.Func(func(_ http.ResponseWriter, r *http.Request, s *cloakroom.Session) {
		cart.Update(s, func(items []string) []string { return append(items, r.FormValue("item")) })
	}))

	r := httptest.NewRequest("POST", "https://example.com/cart?item=scarf", nil)
	cloakroomtest.SignedIn(t, sessions, r, "u1", nil)
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)

	res := w.Result()
	res.Request = r // the handler did not send the cookie, as the client had it
	fmt.Println(cart.Get(cloakroomtest.Session(t, sessions, res)))
	// Output: [scarf]
}

func ExampleClock() {
	clock := cloakroomtest.NewClock(time.Time{})
	sessions, err := cloakroom.New(
		memstore.New(&memstore.Options{Now: clock.Now}),
		&cloakroom.Config{Now: clock.Now, IdleTimeout: time.Hour},
	)
	if err != nil {
		log.Fatal(err)
	}
	handler := sessions.Handler(sessions.Func(func(w http.ResponseWriter, _ *http.Request, s *cloakroom.Session) {
		fmt.Fprintf(w, "owner: %q", s.Owner())
	}))

	r := httptest.NewRequest("GET", "https://example.com/", nil)
	cloakroomtest.SignedIn(t, sessions, r, "u1", nil)
	for _, pause := range []time.Duration{59 * time.Minute, 59 * time.Minute, time.Hour} {
		clock.Advance(pause)
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		fmt.Println("after", pause, w.Body)
	}
	// Output:
	// after 59m0s owner: "u1"
	// after 59m0s owner: "u1"
	// after 1h0m0s owner: ""
}
