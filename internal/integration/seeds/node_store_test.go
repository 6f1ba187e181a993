package seeds

import (
	"database/sql"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	_ "modernc.org/sqlite"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/filestore"
	"github.com/cloakroom-go/cloakroom/store/memstore"
	"github.com/cloakroom-go/cloakroom/store/sqlstore"
)

// A driver is one of node-session's, with a way to see what it holds from outside.
type driver func(t *testing.T) (st store.Store, contents func() []string)

func fileDriver(t *testing.T) (store.Store, func() []string) {
	dir := filepath.Join(t.TempDir(), "made", "by", "the", "store")
	st, err := filestore.New(dir, &filestore.Options{Sync: filestore.SyncNone})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { noError(t, st.Close()) })
	return st, func() (contents []string) {
		for _, path := range files(t, dir) {
			text, err := os.ReadFile(path)
			noError(t, err)
			contents = append(contents, string(text))
		}
		return contents
	}
}

// files returns the paths of the sessions below a folder.
func files(t *testing.T, dir string) (paths []string) {
	t.Helper()
	noError(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && filepath.Ext(path) == ".json" {
			paths = append(paths, path)
		}
		return err
	}))
	return paths
}

func databaseDriver(t *testing.T) (store.Store, func() []string) {
	db, err := sql.Open("sqlite", "file:"+filepath.Join(t.TempDir(), "sessions.db")+"?_pragma=busy_timeout(5000)&_pragma=synchronous(off)")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { noError(t, db.Close()) })
	st, err := sqlstore.New(db, sqlstore.SQLite(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := st.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return st, func() (contents []string) {
		rows, err := db.QueryContext(t.Context(), "SELECT key || ' ' || fields FROM cloakroom_sessions")
		if err != nil {
			t.Error(err)
			return nil
		}
		defer rows.Close()
		for rows.Next() {
			var row string
			noError(t, rows.Scan(&row))
			contents = append(contents, row)
		}
		noError(t, rows.Err())
		return contents
	}
}

func memoryDriver(t *testing.T) (store.Store, func() []string) {
	st := memstore.New(nil)
	return st, func() (contents []string) {
		for key, err := range st.List(t.Context()) {
			noError(t, err)
			rec, err := st.Load(t.Context(), key)
			if errors.Is(err, store.ErrNotFound) {
				continue
			}
			noError(t, err)
			text, err := rec.Fields.MarshalJSON()
			noError(t, err)
			contents = append(contents, key+" "+string(text))
		}
		return contents
	}
}

// nodeStoreRows are the cases of node-session's drivers.
func nodeStoreRows() []row {
	return []row{
		{"NM-04", works(fileDriver)},
		{"NM-05", works(memoryDriver)},
		{"NM-06", works(databaseDriver)},
		{"NF-01", works(fileDriver)},
		{"NF-02", keepsWhatIsWritten(fileDriver)},
		{"NF-03", removesWhatIsDestroyed(fileDriver)},
		{"NF-04", sweepsWhatHasExpired(fileDriver)},
		{"NY-01", works(memoryDriver)},
		{"NY-02", keepsWhatIsWritten(memoryDriver)},
		{"NY-03", removesWhatIsDestroyed(memoryDriver)},
		{"ND-01", works(databaseDriver)},
		{"ND-02", keepsWhatIsWritten(databaseDriver)},
		{"ND-03", removesWhatIsDestroyed(databaseDriver)},
		{"ND-04", sweepsWhatHasExpired(databaseDriver)},
	}
}

func works(open driver) func(*testing.T) {
	return func(t *testing.T) {
		st, _ := open(t)
		b := newSiteOver(t, st, cloakroom.Config{}).browser()
		b.with(countUp)
		b.with(countUp)
		n := 0
		b.with(counted(&n))
		want(t, "count", n, 2)
	}
}

func keepsWhatIsWritten(open driver) func(*testing.T) {
	return func(t *testing.T) {
		st, contents := open(t)
		newSiteOver(t, st, cloakroom.Config{}).browser().set("ada")
		if all := contents(); len(all) != 1 || !strings.Contains(all[0], `"name":"ada"`) {
			t.Errorf("it holds %q", all)
		}
	}
}

func removesWhatIsDestroyed(open driver) func(*testing.T) {
	return func(t *testing.T) {
		st, contents := open(t)
		s := newSiteOver(t, st, cloakroom.Config{})
		stays, goes := s.browser(), s.browser()
		stays.set("stays")
		goes.set("goes")
		goes.with(destroy(t, t.Context()))
		if all := contents(); len(all) != 1 || !strings.Contains(all[0], "stays") {
			t.Errorf("it holds %q", all)
		}
		goes.signedOut()
		stays.reads("stays")
	}
}

// sweepsWhatHasExpired: the end of a session is in its record, so neither the time of a
// file nor when the sweeper comes matters. These stores have no clock but the real one.
func sweepsWhatHasExpired(open driver) func(*testing.T) {
	return func(t *testing.T) {
		st, contents := open(t)
		s := newSiteOver(t, st, cloakroom.Config{})
		stays, goes := s.browser(), s.browser()
		stays.set("stays")
		goes.with(lasting(30 * time.Millisecond))
		for _, live := goes.read(); live; _, live = goes.read() {
			time.Sleep(time.Millisecond)
		}
		want(t, "records before", len(contents()), 2)
		sweeper, ok := store.As[store.Sweeper](st)
		if !ok {
			t.Fatal("it is no Sweeper")
		}
		removed, err := sweeper.Sweep(t.Context(), 100)
		noError(t, err)
		want(t, "removed", removed, 1)
		if all := contents(); len(all) != 1 || !strings.Contains(all[0], "stays") {
			t.Errorf("it holds %q", all)
		}
		stays.reads("stays")
	}
}
