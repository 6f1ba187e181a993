package cloakroom_test

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"os"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/store/memstore"
)

var Visits = cloakroom.NewKey[int]("visits")

// A page that counts the visits of each visitor.
func Example() {
	sessions, err := cloakroom.New(memstore.New(nil), nil) // nil: safe defaults
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		s, err := sessions.Load(r.Context()) // the first call reads the store
		if err != nil {
			sessions.Fail(w, r, err)
			return
		}
		Visits.Update(s, func(n int) int { return n + 1 })
		fmt.Fprintln(w, "visit", Visits.Get(s))
	})

	// A program would end with http.ListenAndServe(":8080", sessions.Handler(mux)). This
	// one visits itself, with a client that keeps cookies.
	server := httptest.NewTLSServer(sessions.Handler(mux))
	defer server.Close()
	client := server.Client()
	client.Jar, _ = cookiejar.New(nil)
	for range 3 {
		res, err := client.Get(server.URL)
		if err != nil {
			log.Fatal(err)
		}
		_, _ = io.Copy(os.Stdout, res.Body)
		_ = res.Body.Close()
	}
	// Output:
	// visit 1
	// visit 2
	// visit 3
}
