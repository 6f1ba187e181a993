package demo

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"unicode/utf8"

	"github.com/cloakroom-go/cloakroom"
)

// A ledger holds what the latest requests have cost, the newest first.
type ledger struct {
	mu      sync.Mutex
	entries []*entry
}

const ledgerLen = 10

// An entry is the cost of one request, which may be under way.
type entry struct {
	request               string
	loads, saves, deletes atomic.Int64
	moved                 atomic.Int64 // bytes of fields, both ways
	refused               atomic.Bool  // as a form of another site
	done                  atomic.Bool
	cookie                string // what was done with it; written before done

	mu     sync.Mutex
	events []cloakroom.Event
}

// A Row is an entry as it stands at one moment.
type Row struct {
	Request               string
	Loads, Saves, Deletes int64
	Moved                 string // bytes of fields, either way
	Cookie                string // "sent", "cleared" or "none"
	Refused, UnderWay     bool
}

type entryKey struct{}

// entryOf returns the entry of the request that ctx belongs to, or nil.
func entryOf(ctx context.Context) *entry {
	e, _ := ctx.Value(entryKey{}).(*entry)
	return e
}

// handler writes down every request, but for those by which the page keeps itself up to
// date.
func (l *ledger) handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/live" && r.Method == http.MethodGet {
			next.ServeHTTP(w, r)
			return
		}
		e := &entry{request: r.Method + " " + shorten(r.URL.Path, 24)}
		l.add(e)
		defer func() {
			e.cookie = cookieIn(w.Header())
			e.done.Store(true)
		}()
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), entryKey{}, e)))
	})
}

func (l *ledger) add(e *entry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.entries = slices.Insert(l.entries, 0, e)
	// One more than is shown, since the request that shows them is left out.
	l.entries = l.entries[:min(len(l.entries), ledgerLen+1)]
}

// rows returns the latest entries but for that of the request which asks.
func (l *ledger) rows(ctx context.Context) []Row {
	l.mu.Lock()
	entries := slices.Clone(l.entries)
	l.mu.Unlock()
	self := entryOf(ctx)
	entries = slices.DeleteFunc(entries, func(e *entry) bool { return e == self })
	rows := make([]Row, 0, ledgerLen)
	for _, e := range entries[:min(len(entries), ledgerLen)] {
		rows = append(rows, e.row())
	}
	return rows
}

func (e *entry) row() Row {
	row := Row{
		Request: e.request, UnderWay: !e.done.Load(), Refused: e.refused.Load(),
		Loads: e.loads.Load(), Saves: e.saves.Load(), Deletes: e.deletes.Load(), Moved: volume(e.moved.Load()),
	}
	if !row.UnderWay {
		row.Cookie = e.cookie
	}
	return row
}

// cookieIn says what a response does with the cookie.
func cookieIn(h http.Header) string {
	line := h.Get("Set-Cookie") // the manager sets one and nobody else does
	if line == "" {
		return "none"
	}
	if c, err := http.ParseSetCookie(line); err == nil && c.MaxAge < 0 {
		return "cleared"
	}
	return "sent"
}

// shorten cuts what a stranger may have sent to a length that fits the page.
func shorten(s string, most int) string {
	s = strings.ToValidUTF8(s, "?")
	if utf8.RuneCountInString(s) <= most {
		return s
	}
	return string([]rune(s)[:most-1]) + "…"
}
