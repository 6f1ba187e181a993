package sqlite_test

import (
	"bufio"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/sqlstore"
)

const (
	kills       = 100
	killWriters = 8
	// The environment of a process that is to be killed: the database file and the
	// prefix of its keys.
	killFile  = "CLOAKROOM_KILL_FILE"
	killRound = "CLOAKROOM_KILL_ROUND"
)

func TestMain(m *testing.M) {
	if path := os.Getenv(killFile); path != "" {
		fmt.Fprintln(os.Stderr, writeUntilKilled(path, os.Getenv(killRound)))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// Each writer does the same things with its key, numbered from 1: mostly it sets two
// fields, one removed and set anew, to the number; each seventh time it deletes the
// record, and the next time creates it. So the number of the last call tells the state.
func killChange(n int) (change store.Change, remove bool) {
	if n%7 == 0 {
		return store.Change{}, true
	}
	set, err := store.NewFields(
		store.Field{Name: "a", Value: strconv.Itoa(n)},
		store.Field{Name: "filler", Value: `"` + strings.Repeat("x", n*37%3000) + `"`},
		store.Field{Name: "z", Value: strconv.Itoa(n)})
	if err != nil {
		panic(err) // constant names
	}
	owner := fmt.Sprint("owner", n)
	change = store.Change{Set: set, Owner: &owner}
	if n%7 == 1 {
		change.Create, change.ExpiresAt = true, time.Now().Add(time.Hour)
	}
	return change, false
}

// writeUntilKilled prints a line for each call that was acknowledged. It returns only
// when something went wrong.
func writeUntilKilled(path, round string) error {
	ctx := context.Background()
	// Checkpoints often, so that processes are killed in the midst of those as well.
	db, err := sql.Open("sqlite", dsn(path, "full")+"&_pragma=wal_autocheckpoint(20)")
	if err != nil {
		return err
	}
	s, err := sqlstore.New(db, sqlstore.SQLite(), nil)
	if err != nil {
		return err
	}
	if err := s.Migrate(ctx); err != nil {
		return err
	}
	failed := make(chan error)
	for w := range killWriters {
		go func() {
			key := killKey(round, w)
			for n := 1; ; n++ {
				change, remove := killChange(n)
				var err error
				if remove {
					err = s.Delete(ctx, key)
				} else {
					_, err = s.Save(ctx, key, change)
				}
				if err == nil {
					_, err = os.Stdout.WriteString(fmt.Sprintf("%d %d\n", w, n)) // one write: a line is there or not
				}
				if err != nil {
					failed <- fmt.Errorf("writer %d, call %d: %w", w, n, err)
					return
				}
			}
		}()
	}
	return <-failed
}

func killKey(round string, writer int) string { return fmt.Sprintf("r%s.w%d", round, writer) }

// Killed at any moment, a process has lost nothing that it acknowledged, and nothing is
// half there.
func TestKilledProcessesLoseNothingThatTheyAcknowledged(t *testing.T) {
	path := tempFile(t)
	all := map[string]int{} // the last acknowledged call of each key
	total := 0
	for round := range kills {
		acked := runAndKill(t, path, strconv.Itoa(round))
		check := acked
		for key, n := range acked {
			all[key] = n
			total += n
		}
		if round == kills-1 {
			check = all // what earlier processes wrote must be there to the end
		}
		// A handle of its own for each round: the first to open the file after a crash
		// recovers it. Every third round that is left to the next process.
		if round%3 != 2 || round == kills-1 {
			checkKilled(t, path, check)
		}
		if t.Failed() {
			t.Fatalf("after %d kills", round+1)
		}
	}
	if total < kills*killWriters/2 {
		t.Errorf("only %d calls were acknowledged in %d rounds: the processes were killed before they could do anything", total, kills)
	}
	t.Logf("%d calls were acknowledged in %d rounds", total, kills)
}

// runAndKill returns the last call that each key's writer had acknowledged.
func runAndKill(t *testing.T, path, round string) map[string]int {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), killFile+"="+path, killRound+"="+round)
	var complaint strings.Builder
	cmd.Stderr = &complaint
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	acked := map[string]int{}
	for w := range killWriters {
		acked[killKey(round, w)] = 0
	}
	var once sync.Once
	kill := func() { once.Do(func() { _ = cmd.Process.Kill() }) } // SIGKILL
	if rand.N(4) == 0 {
		time.AfterFunc(rand.N(100*time.Millisecond), kill) // perhaps while it starts and migrates
	}
	time.AfterFunc(time.Minute, kill) // a hang, not a measure
	lines := bufio.NewReader(out)
	for first := true; ; first = false {
		line, err := lines.ReadString('\n')
		if err == io.EOF {
			if line != "" {
				t.Errorf("half a line: %q", line)
			}
			break
		} else if err != nil {
			t.Fatal(err)
		}
		if first {
			time.AfterFunc(rand.N(120*time.Millisecond), kill)
		}
		var w, n int
		if _, err := fmt.Sscanf(line, "%d %d\n", &w, &n); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		acked[killKey(round, w)] = n
	}
	err = cmd.Wait()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.Exited() || complaint.Len() > 0 {
		t.Fatalf("the process was not killed but ended with %v: %s", err, complaint.String())
	}
	return acked
}

// checkKilled compares each record with the state after the last acknowledged call, or
// after the next, which may have landed without its answer.
func checkKilled(t *testing.T, path string, acked map[string]int) {
	t.Helper()
	db, err := sql.Open("sqlite", dsn(path, "full"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	s := open(t, db)
	for key, n := range acked {
		rec, err := s.Load(t.Context(), key)
		switch {
		case errors.Is(err, store.ErrNotFound):
			if n%7 != 0 && (n+1)%7 != 0 {
				t.Errorf("%s: call %d was acknowledged, and the record is gone", key, n)
			}
			continue
		case err != nil:
			t.Errorf("%s: %v", key, err)
			continue
		}
		a, _ := rec.Fields.Get("a")
		got, err := strconv.Atoi(a)
		if err != nil || got != n && got != n+1 {
			t.Errorf("%s: call %d was acknowledged, and call %q is there", key, n, a)
			continue
		}
		if change, _ := killChange(got); rec.Fields != change.Set || rec.Owner != *change.Owner {
			t.Errorf("%s: call %d is half there: %+v", key, got, rec)
		}
	}
	if problem := one[string](t, db, `PRAGMA integrity_check`); problem != "ok" {
		t.Errorf("integrity check: %s", problem)
	}
}
