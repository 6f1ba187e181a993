package demo

import (
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/memstore"
)

// large puts a value into the visitor's record that makes it large.
func (v *visitor) large(bytes int) {
	v.t.Helper()
	id, _ := v.halves()
	fields, err := store.NewFields(store.Field{Name: "large", Value: `"` + strings.Repeat("x", bytes) + `"`})
	if err != nil {
		v.t.Fatal(err)
	}
	if _, err := v.site.store.Save(v.t.Context(), id, store.Change{Set: fields}); err != nil {
		v.t.Fatal(err)
	}
}

func TestCountingTheCoinsIsOneCallThatMovesLittle(t *testing.T) {
	v := newVisitor(t)
	v.get("/")
	v.post("/coins", nil)
	v.large(64 << 10)
	page := text(v.get("/coins").Body.String())
	if !strings.Contains(page, "1 coin in the tip jar.") || !strings.Contains(page, "Loads: 1, saves: 0, moved: ") {
		t.Errorf("the page says %s", page)
	}
	request, moved := v.cost()
	if request != "GET /coins 1 0 0 none" || !strings.HasSuffix(moved, "\u00a0B") {
		t.Errorf("counting is listed as %q, moved %s, want one load that moves less than a kilobyte", request, moved)
	}
	v.get("/")
	if request, moved := v.cost(); request != "GET / 1 1 0 none" || !strings.HasPrefix(moved, "65.") {
		t.Errorf("a visit is listed as %q, moved %s, want one load of all that there is", request, moved)
	}
}

// whole is a store that has nothing beyond what every store has.
type whole struct{ store.Store }

func TestAStoreThatReadsWholeRecordsIsCountedAsSuch(t *testing.T) {
	v := &visitor{t: t, site: newSite(t, whole{memstore.New(nil)}, &Options{Kept: "drawers"})}
	v.get("/")
	v.wantPage("What is kept in drawers is read whole all the same")
	v.large(2000)
	v.get("/coins")
	if request, moved := v.cost(); request != "GET /coins 1 0 0 none" || moved != "2.1\u00a0KB" {
		t.Errorf("counting is listed as %q, moved %s, want one load of the whole record", request, moved)
	}
	v.wantPage("The record at that key, with 2.1\u00a0KB of fields")
	if page := newVisitor(t).page(); !strings.Contains(page, "All other values stay where they are.") {
		t.Error("a store that reads single fields is not said to")
	}
}

func TestParallelCoinsAreAllCounted(t *testing.T) {
	v := newVisitor(t)
	v.get("/")
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if w := v.send("POST", "/coins", nil, "Accept", "application/json"); w.Code != http.StatusNoContent {
				t.Errorf("POST /coins: %d, want 204", w.Code)
			}
		})
	}
	wg.Wait()
	v.wantPage("20 coins in the tip jar.")
	if got := v.send("GET", "/coins", nil, "Accept", "application/json").Body.String(); got != `{"coins":20}`+"\n" {
		t.Errorf("the script is told %q", got)
	}
}

func TestACoinBeginsASession(t *testing.T) {
	v := newVisitor(t)
	if page := text(v.get("/coins").Body.String()); !strings.Contains(page, "0 coins in the tip jar.") || v.records() != 0 {
		t.Errorf("a visitor without a session is told %s, and there are %d records", page, v.records())
	}
	v.post("/coins", nil)
	v.wantPage("1 coin in the tip jar.")
}

func TestACoinInASessionThatHasEndedChangesNothing(t *testing.T) {
	v := newVisitor(t)
	v.get("/")
	dead := *v.cookie
	v.post("/sign-out", nil)
	thief := &visitor{t: t, site: v.site, cookie: &dead}
	thief.wantPage("0 coins in the tip jar.", "You have none.")
	if v.records() != 0 {
		t.Errorf("%d records are left", v.records())
	}
}
