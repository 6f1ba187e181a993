package bolt_test

import (
	"path/filepath"
	"testing"

	"go.etcd.io/bbolt"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/store/boltstore"
)

var visits = cloakroom.NewKey[int]("visits")

// A program that is started anew finds its sessions, and finds none that was signed out.
func TestSessionsAndSignOutsOutliveTheProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sessions.db")
	var kept, ended string
	run(t, path, func(m *cloakroom.Manager) {
		for _, token := range []*string{&kept, &ended} {
			s, err := m.Open(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			s.SignIn("alice")
			visits.Set(s, 7)
			ticket, err := m.Commit(t.Context(), s)
			if err != nil {
				t.Fatal(err)
			}
			*token = ticket.Token
		}
		s, err := m.Open(t.Context(), ended)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Destroy(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
	run(t, path, func(m *cloakroom.Manager) {
		for token, owner := range map[string]string{kept: "alice", ended: ""} {
			s, err := m.Open(t.Context(), token)
			if err != nil {
				t.Fatal(err)
			}
			if s.Owner() != owner || (visits.Get(s) == 7) != (owner != "") {
				t.Errorf("after the restart it is the session of %q with %d visits, want %q", s.Owner(), visits.Get(s), owner)
			}
		}
	})
}

// run is one life of the program.
func run(t *testing.T, path string, life func(*cloakroom.Manager)) {
	t.Helper()
	db, err := bbolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}()
	sessions, err := boltstore.New(db, nil)
	if err != nil {
		t.Fatal(err)
	}
	m, err := cloakroom.New(sessions, &cloakroom.Config{Owners: true})
	if err != nil {
		t.Fatal(err)
	}
	life(m)
}
