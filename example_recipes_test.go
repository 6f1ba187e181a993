package cloakroom_test

// The recipes of docs/RECIPES.md. The page quotes each example up to its last paragraph,
// which tries the recipe out, and the test as a whole; TestRecipesPageQuotesTheExamples
// compares them.

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/cloakroomtest"
	"github.com/cloakroom-go/cloakroom/store/memstore"
)

func Example_signIn() {
	mux := http.NewServeMux()
	mux.Handle("POST /login", sessions.Func(func(w http.ResponseWriter, r *http.Request, s *cloakroom.Session) {
		user, ok := checkPassword(r.FormValue("email"), r.FormValue("password"))
		if !ok {
			http.Error(w, "Wrong e-mail address or password.", http.StatusUnauthorized)
			return
		}
		s.SignIn(user)
		http.Redirect(w, r, "/", http.StatusSeeOther)
	}))

	mux.Handle("GET /{$}", sessions.Func(greet))
	browser := newRecipeBrowser(sessions.Handler(mux))
	fmt.Println(browser.post("/login", "email=ada@example.com&password=wrong"))
	fmt.Println(browser.post("/login", "email=ada@example.com&password=engine"))
	// Output:
	// 401 Wrong e-mail address or password.
	// 200 Hello, ada.
}

func Example_requireSignIn() {
	requireSignIn := func(next http.Handler) http.Handler {
		return sessions.Func(func(w http.ResponseWriter, r *http.Request, s *cloakroom.Session) {
			if s.Owner() == "" {
				http.Redirect(w, r, "/login", http.StatusSeeOther)
				return
			}
			w.Header().Set("Cache-Control", "no-store") // the back button shows nothing after the sign-out
			next.ServeHTTP(w, r)
		})
	}

	members := http.NewServeMux()
	members.HandleFunc("GET /members/{$}", func(w http.ResponseWriter, r *http.Request) {
		s, err := sessions.Load(r.Context()) // the same session, at no cost
		if err != nil {
			sessions.Fail(w, r, err)
			return
		}
		fmt.Fprintf(w, "Welcome back, %s.", s.Owner())
	})

	mux := http.NewServeMux()
	mux.Handle("/members/", requireSignIn(members))

	mux.Handle("POST /login", sessions.Func(letIn))
	mux.Handle("GET /login", sessions.Func(greet))
	browser := newRecipeBrowser(sessions.Handler(mux))
	fmt.Println(browser.get("/members/"))
	browser.post("/login", "user=ada")
	fmt.Println(browser.get("/members/"))
	// Output:
	// 200 Hello, stranger.
	// 200 Welcome back, ada.
}

func Example_signOut() {
	goodbye := cloakroom.NewKey[string]("goodbye")

	mux := http.NewServeMux()
	mux.Handle("POST /logout", sessions.Func(func(w http.ResponseWriter, r *http.Request, s *cloakroom.Session) {
		if err := s.Destroy(r.Context()); err != nil {
			sessions.Fail(w, r, err) // still signed in
			return
		}
		goodbye.Set(s, "You have signed out. See you soon!") // begins a new, anonymous session
		http.Redirect(w, r, "/", http.StatusSeeOther)
	}))
	mux.Handle("GET /{$}", sessions.Func(func(w http.ResponseWriter, _ *http.Request, s *cloakroom.Session) {
		if message, ok := goodbye.Pop(s); ok {
			fmt.Fprintln(w, message)
		}
		fmt.Fprintf(w, "Owner: %q", s.Owner())
	}))

	mux.Handle("POST /login", sessions.Func(letIn))
	browser := newRecipeBrowser(sessions.Handler(mux))
	browser.post("/login", "user=ada")
	fmt.Println(browser.get("/"))
	fmt.Println(browser.post("/logout", ""))
	fmt.Println(browser.get("/"))
	// Output:
	// 200 Owner: "ada"
	// 200 You have signed out. See you soon!
	// Owner: ""
	// 200 Owner: ""
}

func Example_rememberMe() {
	sessions, err := cloakroom.New(memstore.New(nil), &cloakroom.Config{
		Cookie:      cloakroom.Cookie{BrowserSession: true}, // gone when the browser is closed
		IdleTimeout: 2 * time.Hour,
		Lifetime:    12 * time.Hour,
	})
	if err != nil {
		log.Fatal(err)
	}

	mux := http.NewServeMux()
	mux.Handle("POST /login", sessions.Func(func(w http.ResponseWriter, r *http.Request, s *cloakroom.Session) {
		user, ok := checkPassword(r.FormValue("email"), r.FormValue("password"))
		if !ok {
			http.Error(w, "Wrong e-mail address or password.", http.StatusUnauthorized)
			return
		}
		s.SignIn(user) // first, because it may begin a new session
		if r.FormValue("remember") != "" {
			s.SetPersistent(true)
			s.SetIdleTimeout(30 * 24 * time.Hour)
			s.SetLifetime(90 * 24 * time.Hour)
		} else { // perhaps it was remembered before
			s.SetPersistent(false)
			s.SetIdleTimeout(2 * time.Hour)
			s.SetLifetime(12 * time.Hour)
		}
		http.Redirect(w, r, "/", http.StatusSeeOther)
	}))

	for _, form := range []string{"", "&remember=on"} {
		r := httptest.NewRequest("POST", "https://example.com/login", strings.NewReader("email=ada@example.com&password=engine"+form))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		w := httptest.NewRecorder()
		sessions.Handler(mux).ServeHTTP(w, r)
		cookie := w.Result().Cookies()[0]
		fmt.Println("the browser keeps the cookie for", (time.Duration(cookie.MaxAge) * time.Second).Round(time.Hour))
	}
	// Output:
	// the browser keeps the cookie for 0s
	// the browser keeps the cookie for 2160h0m0s
}

func Example_jsonAPI() {
	reply := func(w http.ResponseWriter, status int, value any) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status) // the session is saved here
		_ = json.NewEncoder(w).Encode(value)
	}

	sessions, err := cloakroom.New(memstore.New(nil), &cloakroom.Config{
		OnError: func(w http.ResponseWriter, _ *http.Request, err error) {
			status := http.StatusInternalServerError
			switch {
			case errors.Is(err, cloakroom.ErrUnavailable):
				w.Header().Set("Retry-After", "5")
				status = http.StatusServiceUnavailable
			case errors.Is(err, cloakroom.ErrEnded):
				status = http.StatusUnauthorized
			}
			reply(w, status, map[string]string{"error": http.StatusText(status)})
		},
	})
	if err != nil {
		log.Fatal(err)
	}

	mux := http.NewServeMux()
	mux.Handle("POST /api/cart", sessions.Func(func(w http.ResponseWriter, r *http.Request, s *cloakroom.Session) {
		var item string
		if err := json.NewDecoder(r.Body).Decode(&item); err != nil {
			reply(w, http.StatusBadRequest, map[string]string{"error": "the body must be a JSON string"})
			return
		}
		Cart.Update(s, func(items []string) []string { return append(items, item) })
		if err := s.Save(r.Context()); err != nil { // now, to answer with what parallel requests added too
			sessions.Fail(w, r, err)
			return
		}
		reply(w, http.StatusOK, Cart.Get(s))
	}))
	handler := http.NewCrossOriginProtection().Handler(sessions.Handler(mux))

	browser := newRecipeBrowser(handler)
	fmt.Println(browser.post("/api/cart", `"umbrella"`))
	fmt.Println(browser.post("/api/cart", `"scarf"`))
	fmt.Println(browser.post("/api/cart", `scarf`))
	// Output:
	// 200 ["umbrella"]
	// 200 ["umbrella","scarf"]
	// 400 {"error":"the body must be a JSON string"}
}

func Example_behindAProxy() {
	sessions, err := cloakroom.New(memstore.New(nil), &cloakroom.Config{
		Cookie: cloakroom.Cookie{Path: "/shop"}, // the rest of the host belongs to other programs
	})
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	handler := http.StripPrefix("/shop", sessions.Handler(mux))

	// The proxy speaks HTTPS with the browser, and plain HTTP with the program.
	mux.Handle("POST /login", sessions.Func(letIn))
	backend := httptest.NewServer(handler)
	defer backend.Close()
	target, _ := url.Parse(backend.URL)
	front := httptest.NewTLSServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		r.SetXForwarded()
	}})
	defer front.Close()
	res, err := front.Client().PostForm(front.URL+"/shop/login", url.Values{"user": {"ada"}})
	if err != nil {
		log.Fatal(err)
	}
	_ = res.Body.Close()
	for _, c := range res.Cookies() {
		fmt.Println(c.Name, c.Path, "secure:", c.Secure)
	}
	// Output:
	// __Secure-session /shop secure: true
}

func Example_severalManagers() {
	customers, err := cloakroom.New(memstore.New(nil), nil)
	if err != nil {
		log.Fatal(err)
	}
	config := cloakroom.AAL2() // 24 hours at most, and one hour of inactivity
	config.Cookie.Name = "__Host-staff"
	staff, err := cloakroom.New(memstore.New(nil), config)
	if err != nil {
		log.Fatal(err)
	}

	mux := http.NewServeMux()
	mux.Handle("GET /staff/{$}", staff.Func(func(w http.ResponseWriter, _ *http.Request, s *cloakroom.Session) {
		fmt.Fprintf(w, "Staff: %q", s.Owner()) // whoever is signed in as a customer
	}))
	handler := customers.Handler(staff.Handler(mux))

	mux.Handle("GET /{$}", customers.Func(greet))
	mux.Handle("POST /login", customers.Func(letIn))
	mux.Handle("POST /staff/login", staff.Func(letIn))
	browser := newRecipeBrowser(handler)
	browser.post("/login", "user=ada")
	fmt.Println(browser.get("/"), browser.get("/staff/"))
	browser.post("/staff/login", "user=charles")
	fmt.Println(browser.get("/"), browser.get("/staff/"))
	// Output:
	// 200 Hello, ada. 200 Staff: ""
	// 200 Hello, ada. 200 Staff: "charles"
}

func TestItemsAreAddedToTheCart(t *testing.T) {
	clock := cloakroomtest.NewClock(time.Time{})
	sessions, err := cloakroom.New(
		memstore.New(&memstore.Options{Now: clock.Now}),
		&cloakroom.Config{Now: clock.Now, IdleTimeout: time.Hour},
	)
	if err != nil {
		t.Fatal(err)
	}

	r := httptest.NewRequest("POST", "https://shop.example/cart?item=scarf", nil)
	cloakroomtest.SignedIn(t, sessions, r, "ada", func(s *cloakroom.Session) {
		Cart.Set(s, []string{"umbrella"})
	})
	w := httptest.NewRecorder()
	newShop(sessions).ServeHTTP(w, r) // newShop makes what the program serves

	res := w.Result()
	res.Request = r // the session is that of the request, so the response does not name it
	s := cloakroomtest.Session(t, sessions, res)
	if items := Cart.Get(s); !slices.Equal(items, []string{"umbrella", "scarf"}) {
		t.Errorf("the cart holds %q", items)
	}

	clock.Advance(time.Hour)
	if s := cloakroomtest.Session(t, sessions, res); s.Owner() != "" {
		t.Errorf("%s is still signed in after an hour of rest", s.Owner())
	}
}

func Example_gracefulShutdown() {
	serve := func(ctx context.Context, server *http.Server) error {
		ctx, stop := context.WithCancel(ctx)
		var background sync.WaitGroup
		defer background.Wait()
		defer stop()
		background.Go(func() { _ = sessions.Run(ctx) }) // removes expired sessions until ctx ends

		failed := make(chan error, 1)
		background.Go(func() { failed <- server.ListenAndServe() })
		select {
		case err := <-failed:
			return err // the port is taken, say
		case <-ctx.Done():
		}

		patience, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		return server.Shutdown(patience) // requests under way finish, and save their sessions
	}

	ctx, stop := context.WithCancel(context.Background())
	address := make(chan string, 1)
	server := &http.Server{
		Addr:        "127.0.0.1:0",
		BaseContext: func(l net.Listener) context.Context { address <- l.Addr().String(); return context.Background() },
		Handler: sessions.Handler(sessions.Func(func(w http.ResponseWriter, _ *http.Request, s *cloakroom.Session) {
			stop() // as if the signal came while this request is under way
			<-ctx.Done()
			s.SignIn("ada")
			fmt.Fprintf(w, "Hello, %s.", s.Owner())
		})),
	}
	done := make(chan error, 1)
	go func() { done <- serve(ctx, server) }()
	res, err := http.Get("http://" + <-address)
	if err != nil {
		log.Fatal(err)
	}
	body, _ := io.ReadAll(res.Body)
	_ = res.Body.Close()
	fmt.Printf("%s %d cookie\n", body, len(res.Cookies()))
	fmt.Println(<-done)
	// Output:
	// Hello, ada. 1 cookie
	// <nil>
}

// What the recipes take for granted.

var (
	sessions = func() *cloakroom.Manager {
		m, err := cloakroom.New(memstore.New(nil), nil)
		if err != nil {
			panic(err)
		}
		return m
	}()
	Cart = cloakroom.NewKey[[]string]("cart")
)

func checkPassword(email, password string) (user string, ok bool) {
	user, _, _ = strings.Cut(email, "@")
	return user, password == "engine"
}

// letIn signs in whoever says who they are.
func letIn(_ http.ResponseWriter, r *http.Request, s *cloakroom.Session) {
	s.SignIn(r.FormValue("user"))
}

func greet(w http.ResponseWriter, _ *http.Request, s *cloakroom.Session) {
	owner := s.Owner()
	if owner == "" {
		owner = "stranger"
	}
	fmt.Fprintf(w, "Hello, %s.", owner)
}

func newShop(sessions *cloakroom.Manager) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("POST /cart", sessions.Func(func(_ http.ResponseWriter, r *http.Request, s *cloakroom.Session) {
		Cart.Update(s, func(items []string) []string { return append(items, r.FormValue("item")) })
	}))
	return sessions.Handler(mux)
}

// A recipeBrowser keeps cookies and follows redirects. It calls a handler, without a
// network.
type recipeBrowser struct {
	client  http.Client
	handler http.Handler
}

func newRecipeBrowser(handler http.Handler) *recipeBrowser {
	b := &recipeBrowser{handler: handler}
	jar, _ := cookiejar.New(nil)
	b.client = http.Client{Jar: jar, Transport: b}
	return b
}

func (b *recipeBrowser) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.TLS = &tls.ConnectionState{}
	if r.Body == nil {
		r.Body = http.NoBody
	}
	w := httptest.NewRecorder()
	b.handler.ServeHTTP(w, r)
	return w.Result(), nil
}

func (b *recipeBrowser) get(path string) string {
	return sum(b.client.Get("https://example.com" + path))
}

func (b *recipeBrowser) post(path, body string) string {
	return sum(b.client.Post("https://example.com"+path, "application/x-www-form-urlencoded", strings.NewReader(body)))
}

// sum returns status and body of a response.
func sum(res *http.Response, err error) string {
	if err != nil {
		return err.Error()
	}
	body, _ := io.ReadAll(res.Body)
	return fmt.Sprint(res.StatusCode, " ", strings.TrimSpace(string(body)))
}
