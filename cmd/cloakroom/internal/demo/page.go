package demo

import (
	"bytes"
	"errors"
	"net/http"
	"time"

	"github.com/cloakroom-go/cloakroom"
)

// A View is what the page shows.
type View struct {
	Kept        string
	Visits      int
	Owner       string
	SignInError string
	Session     *SessionView // nil while nothing is stored
	Items       int
	Pegs        []Peg
	Record      *RecordView // nil while nothing is stored
	Ledger      []Row
	Events      []Told
}

// A SessionView is the session in figures.
type SessionView struct {
	ID         string
	Barcode    Barcode
	Age        string
	CreatedAt  time.Time
	LastSeenAt time.Time
	IdleEnd    time.Time
	Untouched  string // until IdleEnd
	End        time.Time
	InAnyCase  string // until End
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
	// A session that was ended meanwhile is no failure: the page shows that there is none.
	if err := s.Save(r.Context()); err != nil && !errors.Is(err, cloakroom.ErrEnded) {
		d.sessions.Fail(w, r, err)
		return
	}
	d.render(w, http.StatusOK, "page.html", d.view(w, r, s))
}

// live is the page as it stands now, for the script, and counts no visit.
func (d *Site) live(w http.ResponseWriter, r *http.Request, s *cloakroom.Session) {
	d.render(w, http.StatusOK, "page.html", d.view(w, r, s))
}

func (d *Site) view(w http.ResponseWriter, r *http.Request, s *cloakroom.Session) *View {
	v := &View{
		Kept:   d.kept,
		Visits: visits.Get(s),
		Owner:  s.Owner(),
		Ledger: d.ledger.rows(r.Context()),
		Events: d.feed.events(),
	}
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
	return &SessionView{
		ID:         s.ID(),
		Barcode:    barcode(s.ID()),
		Age:        span(now.Sub(s.CreatedAt())),
		CreatedAt:  s.CreatedAt(),
		LastSeenAt: s.LastSeenAt(),
		IdleEnd:    s.ExpiresAt(),
		Untouched:  span(s.ExpiresAt().Sub(now)),
		End:        end,
		InAnyCase:  span(end.Sub(now)),
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
