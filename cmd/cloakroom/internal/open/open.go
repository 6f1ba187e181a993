// Package open opens the store that a URL on a command line names. Each kind of store
// has a file of its own and a line in the table of schemes.
package open

import (
	"context"
	"fmt"
	"strings"

	"github.com/cloakroom-go/cloakroom/store"
)

// Opened is a store that is ready for use.
type Opened struct {
	Store store.Store
	// Kind is what sort of store it is, for people to read: "memory", say.
	Kind string
	// Place is Kind and where that is, for those who run the program.
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

// A scheme opens the stores whose URL begins with its name.
type scheme struct {
	name string
	form string // of the URL, for people
	open func(ctx context.Context, rest string) (*Opened, error)
}

var schemes = []scheme{
	{"memory", "memory:", openMemory},
	{"sqlite", "sqlite:PATH", openSQLite},
}

// Forms lists the URLs that Open takes.
func Forms() string {
	forms := make([]string, len(schemes))
	for i, s := range schemes {
		forms[i] = s.form
	}
	return strings.Join(forms, " or ")
}

// A URLError says what is wrong with a URL, and which are right.
type URLError struct{ URL, Problem string }

func (e *URLError) Error() string { return fmt.Sprintf("%q %s: use %s", e.URL, e.Problem, Forms()) }

// Open opens the store that url names, and makes it ready for use. The error is a
// [*URLError] when url names none; any other comes from the store.
func Open(ctx context.Context, url string) (*Opened, error) {
	name, rest, ok := strings.Cut(url, ":")
	if !ok {
		return nil, &URLError{url, "is not the URL of a store"}
	}
	for _, s := range schemes {
		if s.name != name {
			continue
		}
		return s.open(ctx, rest)
	}
	return nil, &URLError{url, "names no known kind of store"}
}
