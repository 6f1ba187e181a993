package csrf_test

import (
	"fmt"
	"html/template"
	"log"
	"net/http"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/csrf"
	"github.com/cloakroom-go/cloakroom/store/memstore"
)

func ExampleProtect() {
	sessions, err := cloakroom.New(memstore.New(nil), nil)
	if err != nil {
		log.Fatal(err)
	}
	page := template.Must(template.New("").Parse(`<form method="post">{{.}}<button>Send</button></form>`))
	mux := http.NewServeMux()
	mux.Handle("GET /{$}", sessions.Func(func(w http.ResponseWriter, _ *http.Request, s *cloakroom.Session) {
		_ = page.Execute(w, csrf.Field(s))
	}))
	mux.HandleFunc("POST /{$}", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, "sent by a page of ours")
	})
	protected := csrf.Protect(sessions, mux)
	protected.InsecurelyExempt("POST /webhooks/")
	_ = http.Server{Addr: ":8080", Handler: sessions.Handler(protected)}
}
