package demo

import (
	"bytes"
	"errors"
	"html/template"
	"net/http"
	"time"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/csrf"
	"github.com/cloakroom-go/cloakroom/flash"
	"github.com/cloakroom-go/cloakroom/store"
)

// A View is what the page shows.
type View struct {
	Kept        string
	Visits      int
	Owner       string
	CSRF        template.HTML // the hidden field of forms; empty while nothing is stored
	Message     string        // left by the request before
	Session     *SessionView  // nil while nothing is stored
	Timeouts    []Timeout
	Items       int
	Pegs        []Peg
	Coins       int64
	LoadsFields bool        // the store can read some fields only
	Record      *RecordView // nil while nothing is stored
	Ledger      []Row
	Events      []Told

	// What is wrong with a form.
	SignInError, TimeoutError, MessageError string
}

// A SessionView is the session in figures.
type SessionView struct {
	ID         string
	Barcode    Barcode
	Age        string
	CreatedAt  time.Time
	LastSeenAt time.Time
	Countdown  Countdown
	Untouched  string // what is left of the Countdown
	End        time.Time
	InAnyCase  string // until End
	Persistent bool   // the cookie outlives the browser
}

// A Peg has one item of the cart on it, or waits for one.
type Peg struct {
	Number int
	Taken  bool
}

const fewestPegs = 20

// home counts a visit. It saves at once, so that the page can show the record.
func (d *Site) home(w http.ResponseWriter, r *http.Request, s *cloakroom.Session) {
	visits.Update(s, func(n int) int { return n + 1 })
	message, _ := flash.Get[string](s, "message")
	// A session that was ended meanwhile is no failure: the page shows that there is none.
	if err := s.Save(r.Context()); err != nil && !errors.Is(err, cloakroom.ErrEnded) {
		d.sessions.Fail(w, r, err)
		return
	}
	v := d.view(w, r, s)
	v.Message = message
	d.render(w, http.StatusOK, "page.html", v)
}

// live is the page as it stands now, for the script. It counts neither as a visit nor as a
// use of the session, and leaves messages to the next visit.
func (d *Site) live(w http.ResponseWriter, r *http.Request, s *cloakroom.Session) {
	s.SkipSave()
	d.render(w, http.StatusOK, "page.html", d.view(w, r, s))
}

func (d *Site) view(w http.ResponseWriter, r *http.Request, s *cloakroom.Session) *View {
	v := &View{
		Kept:     d.kept,
		Visits:   visits.Get(s),
		Owner:    s.Owner(),
		CSRF:     csrf.Field(s),
		Timeouts: timeouts(s),
		Coins:    coins.Get(s),
		Ledger:   d.ledger.rows(r.Context()),
		Events:   d.feed.events(),
	}
	_, v.LoadsFields = store.As[store.FieldLoader](d.store)
	items := cart.Get(s)
	v.Items = len(items)
	for n := range max(fewestPegs, len(items)) {
		v.Pegs = append(v.Pegs, Peg{Number: n + 1, Taken: n < len(items)})
	}
	if !s.IsNew() {
		v.Session = viewSession(s, time.Now())
		v.Record = d.viewRecord(w, r, s)
	}
	return v
}

func viewSession(s *cloakroom.Session, now time.Time) *SessionView {
	// The lifetime counts from the sign-in once there was one.
	began := s.CreatedAt()
	if at, ok := signedIn.Lookup(s); ok {
		began = at
	}
	end := began.Add(s.Lifetime()).UTC()
	left := countdown(s, end, now)
	return &SessionView{
		ID:         s.ID(),
		Barcode:    barcode(s.ID()),
		Age:        span(now.Sub(s.CreatedAt())),
		CreatedAt:  s.CreatedAt(),
		LastSeenAt: s.LastSeenAt(),
		Countdown:  left,
		Untouched:  span(left.Left),
		End:        end,
		InAnyCase:  span(end.Sub(now)),
		Persistent: s.Persistent(),
	}
}

func (d *Site) render(w http.ResponseWriter, status int, name string, data any) {
	var page bytes.Buffer
	if err := d.pages.ExecuteTemplate(&page, name, data); err != nil {
		http.Error(w, http.StatusText(http.StatusInternalServerError), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(page.Bytes()) // the client may have left
}
