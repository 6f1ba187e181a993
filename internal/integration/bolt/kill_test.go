package bolt_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/boltstore"
)

const (
	kills   = 60
	writers = 8
	// The environment of a process that is to be killed: its file, and the number of its round.
	fileVariable  = "CLOAKROOM_BOLT_FILE"
	roundVariable = "CLOAKROOM_BOLT_ROUND"
)

func TestMain(m *testing.M) {
	if path := os.Getenv(fileVariable); path != "" {
		fmt.Fprintln(os.Stderr, writeUntilKilled(path, os.Getenv(roundVariable)))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// What a writer does in its nth call. It counts in two fields and changes the owner with
// them, and with every fifth call it deletes the record, to create it in the next one.
func step(n int) (change store.Change, remove bool) {
	owner := ownerOf(n)
	change = store.Change{Owner: &owner, ExpiresAt: time.Now().Add(time.Hour + time.Duration(n)*time.Second), Create: n%5 == 1}
	var err error
	change.Set, err = store.NewFields(
		store.Field{Name: "first", Value: strconv.Itoa(n)},
		store.Field{Name: "last", Value: strconv.Itoa(n)},
		store.Field{Name: "middle", Value: `"` + strings.Repeat("m", n*53%5000) + `"`})
	if err != nil {
		panic(err) // constant names
	}
	return change, n%5 == 0
}

func ownerOf(n int) string { return "owner" + strconv.Itoa(n%3) }

func keyOf(round string, writer int) string {
	return "round" + round + ".writer" + strconv.Itoa(writer)
}

// writeUntilKilled prints a line for each call that was acknowledged. It returns only when
// something went wrong.
func writeUntilKilled(path, round string) error {
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{Timeout: time.Minute})
	if err != nil {
		return err
	}
	s, err := boltstore.New(db, nil)
	if err != nil {
		return err
	}
	failed := make(chan error)
	for w := range writers {
		go func() {
			for n := 1; ; n++ {
				if err := act(s, keyOf(round, w), n); err != nil {
					failed <- fmt.Errorf("writer %d, call %d: %w", w, n, err)
					return
				}
				fmt.Printf("%d %d\n", w, n) // one write: a line is there or not
			}
		}()
	}
	return <-failed
}

func act(s store.Store, key string, n int) error {
	change, remove := step(n)
	if remove {
		return s.Delete(context.Background(), key)
	}
	_, err := s.Save(context.Background(), key, change)
	return err
}

// Killed at any moment, a process has lost nothing that it acknowledged, nothing is half
// there, and the indexes fit.
func TestKilledProcessesLoseNothingThatTheyAcknowledged(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sessions.db")
	all := map[string]int{} // the last acknowledged call of each key
	total := 0
	for round := range kills {
		acknowledged := runAndKill(t, path, strconv.Itoa(round))
		for key, n := range acknowledged {
			all[key] = n
			total += n
		}
		if round == kills-1 {
			acknowledged = all // what the first processes wrote must be there to the end
		}
		// Every third time the next process is the first to see what the kill has left.
		if round%3 != 2 || round == kills-1 {
			check(t, path, acknowledged)
		}
		if t.Failed() {
			t.Fatalf("after %d kills", round+1)
		}
	}
	if total < kills*writers/2 {
		t.Errorf("only %d calls were acknowledged in %d rounds: the processes were killed before they could do anything", total, kills)
	}
	t.Logf("%d calls were acknowledged in %d rounds", total, kills)
}

// runAndKill returns the last call that was acknowledged for each key.
func runAndKill(t *testing.T, path, round string) map[string]int {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // a hang, not a measure
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0]) // ends it by SIGKILL
	cmd.Env = append(os.Environ(), fileVariable+"="+path, roundVariable+"="+round)
	var complaint strings.Builder
	cmd.Stderr = &complaint
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if rand.N(5) == 0 {
		time.AfterFunc(rand.N(50*time.Millisecond), cancel) // perhaps while it starts
	}
	acknowledged := map[string]int{}
	for w := range writers {
		acknowledged[keyOf(round, w)] = 0
	}
	lines := bufio.NewReader(out)
	for begun := false; ; begun = true {
		line, err := lines.ReadString('\n')
		if err == io.EOF && line == "" {
			break
		}
		var w, n int
		if _, bad := fmt.Sscanf(line, "%d %d\n", &w, &n); err != nil || bad != nil {
			t.Fatalf("read %q: %v, %v", line, err, bad)
		}
		acknowledged[keyOf(round, w)] = n
		if !begun {
			time.AfterFunc(rand.N(100*time.Millisecond), cancel)
		}
	}
	err = cmd.Wait()
	var exit *exec.ExitError
	if !errors.As(err, &exit) && !errors.Is(err, context.Canceled) || exit != nil && exit.Exited() || complaint.Len() > 0 {
		t.Fatalf("the process was not killed but ended with %v: %s", err, complaint.String())
	}
	return acknowledged
}

// check compares each record with the state after the last acknowledged call, or after the
// next one, which may have landed without its answer.
func check(t *testing.T, path string, acknowledged map[string]int) {
	t.Helper()
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{Timeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	s, err := boltstore.New(db, nil)
	if err != nil {
		t.Fatal(err)
	}
	live := map[string]string{} // key to owner
	for key, n := range acknowledged {
		rec, err := s.Load(t.Context(), key)
		if errors.Is(err, store.ErrNotFound) {
			if n%5 != 0 && (n+1)%5 != 0 {
				t.Errorf("%s: call %d was acknowledged, and the record is gone", key, n)
			}
			continue
		} else if err != nil {
			t.Errorf("%s: %v", key, err)
			continue
		}
		live[key] = rec.Owner
		first, _ := rec.Fields.Get("first")
		got, err := strconv.Atoi(first)
		if err != nil || got != n && got != n+1 || got%5 == 0 {
			t.Errorf("%s: call %d was acknowledged, and call %q is there", key, n, first)
			continue
		}
		if change, _ := step(got); rec.Fields != change.Set || rec.Owner != *change.Owner {
			t.Errorf("%s: call %d is half there: %+v", key, got, rec)
		}
	}
	for owner := range 3 {
		for key, err := range s.ListOwner(t.Context(), ownerOf(owner)) {
			if err != nil {
				t.Fatal(err)
			}
			if _, asked := acknowledged[key]; asked && live[key] != ownerOf(owner) {
				t.Errorf("%s is listed for %s and belongs to %q", key, ownerOf(owner), live[key])
			}
			delete(live, key)
		}
	}
	for key, owner := range live {
		t.Errorf("%s belongs to %s and is not listed", key, owner)
	}
	err = db.View(func(tx *bbolt.Tx) error {
		for err := range tx.Check() {
			t.Errorf("check of the file: %v", err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
