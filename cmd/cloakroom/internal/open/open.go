// Package open opens the store that a URL on a command line names. Each kind of store
// has a file of its own and a line in one of the two tables of schemes.
package open

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
)

// Opened is a store that is ready for use.
type Opened struct {
	Store store.Store
	// Kind is what sort of store it is, for people to read: "memory", say.
	Kind string
	// Place is Kind and where that is, for those who run the program. There is no password
	// in it.
	Place string

	close func() error
}

// Close gives back what the store holds. Nothing may use the store any more.
func (o *Opened) Close() error {
	if o.close == nil {
		return nil
	}
	return o.close()
}

// A scheme opens the stores whose URL begins with its name and a colon.
type scheme struct {
	name string
	form string // of the URL, for people
	open func(ctx context.Context, url string) (*Opened, error)
}

// local are the stores that need no server. The table of the others is servers.
var local = []scheme{
	{"memory", "memory:", openMemory},
	{"file", "file:DIR", openFile},
	{"sqlite", "sqlite:PATH", openSQLite},
	{"bolt", "bolt:PATH", openBolt},
}

func schemes() []scheme { return slices.Concat(local, servers) }

// Forms lists the URLs that Open takes.
func Forms() string {
	var forms []string
	for _, s := range schemes() {
		forms = append(forms, s.form)
	}
	last := len(forms) - 1
	return strings.Join(forms[:last], ", ") + " or " + forms[last]
}

// A URLError says what is wrong with a URL, and which are right.
type URLError struct {
	URL     string // without a password in it, and without parameters
	Problem string
}

func (e *URLError) Error() string { return fmt.Sprintf("%q %s: use %s", e.URL, e.Problem, Forms()) }

func wrong(url, format string, args ...any) *URLError {
	return &URLError{hide(url), fmt.Sprintf(format, args...)}
}

// patience is how long a store may take until it is ready for use: enough for a server
// that wakes up, and not more than somebody waits who has mistyped its address.
const patience = 10 * time.Second

// Open opens the store that url names, makes it ready for use, and looks whether it
// answers; it gives up after 10 seconds. The error is a [*URLError] when url names none.
// Any other comes from the store, and says where that is and what to do. No error has a
// password in its text.
func Open(ctx context.Context, url string) (*Opened, error) {
	name, _, ok := strings.Cut(url, ":")
	if !ok {
		return nil, wrong(url, "is not the URL of a store")
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for _, s := range schemes() {
		if s.name == name {
			return s.open(ctx, url)
		}
	}
	return nil, wrong(url, "names no kind of store that is known"+leftOut)
}

// within returns what open returns, or when ctx has ended first, its error. Then what
// comes late is given to drop. It is for clients that cannot be told to stop.
func within[T any](ctx context.Context, open func() (T, error), drop func(T)) (T, error) {
	type result struct {
		opened T
		err    error
	}
	done := make(chan result, 1)
	go func() {
		opened, err := open()
		done <- result{opened, err}
	}()
	select {
	case r := <-done:
		return r.opened, r.err
	case <-ctx.Done():
		go func() {
			if r := <-done; r.err == nil {
				drop(r.opened)
			}
		}()
		var none T
		return none, ctx.Err()
	}
}
