//go:build unix

package filestore_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/filestore"
)

// The environment of a test binary that is to be another process of a program: what it does,
// and the directory.
const (
	roleVar = "FILESTORE_TEST_ROLE"
	dirVar  = "FILESTORE_TEST_DIR"
)

func TestMain(m *testing.M) {
	roles := map[string]func(s *filestore.Store) error{"count": count, "churn": churn, "full": full}
	role, ok := roles[os.Getenv(roleVar)]
	if !ok {
		os.Exit(m.Run())
	}
	s, err := filestore.New(os.Getenv(dirVar), &filestore.Options{Sync: filestore.SyncNone})
	if err == nil {
		err = role(s)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// A process is this test binary in a role. Its lines are what it prints.
type process struct {
	cmd    *exec.Cmd
	lines  *bufio.Scanner
	stderr strings.Builder
}

func start(t *testing.T, role, dir string) *process {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := &process{cmd: exec.Command(exe)}
	p.cmd.Env = append(os.Environ(), roleVar+"="+role, dirVar+"="+dir)
	p.cmd.Stderr = &p.stderr
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.lines = bufio.NewScanner(out)
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		_ = p.cmd.Wait()
	})
	return p
}

const (
	countProcesses = 4
	countWriters   = 4
	countEach      = 25
)

// count adds to one number in one session, and leaves a field of its own for each addition.
func count(s *filestore.Store) error {
	errs := make(chan error, countWriters)
	for writer := range countWriters {
		go func() {
			for i := range countEach {
				if err := add(s, fmt.Sprintf("f%d-%d-%d", os.Getpid(), writer, i)); err != nil {
					errs <- err
					return
				}
			}
			errs <- nil
		}()
	}
	for range countWriters {
		if err := <-errs; err != nil {
			return err
		}
	}
	return nil
}

func add(s *filestore.Store, mark string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	set, err := store.NewFields(store.Field{Name: mark, Value: "1"})
	if err != nil {
		return err
	}
	if _, err := s.Save(ctx, "one", store.Change{Set: set}); err != nil {
		return err
	}
	for {
		rec, err := s.Load(ctx, "one")
		if err != nil {
			return err
		}
		was, _ := rec.Fields.Get("n")
		n, err := strconv.Atoi(was)
		if err != nil {
			return err
		}
		set, err := store.NewFields(store.Field{Name: "n", Value: strconv.Itoa(n + 1)})
		if err != nil {
			return err
		}
		_, err = s.Save(ctx, "one", store.Change{Base: &rec, If: []store.Condition{{Name: "n", Value: was}}, Set: set})
		if !errors.Is(err, store.ErrConflict) {
			return err
		}
	}
}

func TestSeveralProcessesLoseNoUpdateOfOneSession(t *testing.T) {
	dir := fresh(t)
	s := open(t, dir, filestore.SyncNone)
	if _, err := s.Save(t.Context(), "one", store.Change{Create: true, Set: fields(t, "n", "0"), ExpiresAt: later()}); err != nil {
		t.Fatal(err)
	}
	var processes []*process
	for range countProcesses {
		processes = append(processes, start(t, "count", dir))
	}
	for _, p := range processes {
		if err := p.cmd.Wait(); err != nil {
			t.Fatalf("%v: %s", err, p.stderr.String())
		}
	}
	rec, err := s.Load(t.Context(), "one")
	if err != nil {
		t.Fatal(err)
	}
	const all = countProcesses * countWriters * countEach
	if n, _ := rec.Fields.Get("n"); n != fmt.Sprint(all) {
		t.Errorf("after %d additions the number is %s", all, n)
	}
	if rec.Fields.Len() != all+1 {
		t.Errorf("%d fields were set, one each, and there are %d", all, rec.Fields.Len()-1)
	}
}

// full writes to what looks like a disk that is full, since a file of the process may have
// but 4096 bytes.
func full(s *filestore.Store) error {
	signal.Ignore(syscall.SIGXFSZ)
	limit := syscall.Rlimit{Cur: 4096, Max: 4096}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		return err
	}
	set, err := store.NewFields(store.Field{Name: "large", Value: `"` + strings.Repeat("x", 10_000) + `"`})
	if err != nil {
		return err
	}
	for key, change := range map[string]store.Change{
		"one": {Set: set},
		"new": {Create: true, Set: set, ExpiresAt: time.Now().Add(time.Hour)},
	} {
		_, err := s.Save(context.Background(), key, change)
		if !errors.Is(err, syscall.EFBIG) || errors.Is(err, store.ErrNotFound) {
			return fmt.Errorf("Save at the key %s: %w", key, err)
		}
	}
	return nil
}

func TestADiskThatIsFullIsAnOutageAndChangesNothing(t *testing.T) {
	dir := fresh(t)
	s := open(t, dir, filestore.SyncNone)
	create(t, s, "one", "")
	before, err := os.ReadFile(pathOf(dir, "one"))
	if err != nil {
		t.Fatal(err)
	}
	p := start(t, "full", dir)
	if err := p.cmd.Wait(); err != nil {
		t.Fatalf("%v: %s", err, p.stderr.String())
	}
	if after, err := os.ReadFile(pathOf(dir, "one")); err != nil || string(after) != string(before) {
		t.Errorf("the file holds %s, %v", after, err)
	}
	if all := files(t, dir); len(all) != 1 {
		t.Errorf("there are %v", all)
	}
}

const churnKeys = 16

// churn edits, ends and begins sessions for ever, and prints what it has done when that is
// acknowledged: "key n owner", or "key" when the session was deleted. In each record the
// fields a and b and the last part of the owner are n.
func churn(s *filestore.Store) error {
	var mu sync.Mutex // of the output
	tell := func(words ...any) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Println(words...) // in one write
	}
	errs := make(chan error)
	for writer := range 4 {
		go func() {
			live := map[string]bool{}
			for n := 1; ; n++ {
				key := fmt.Sprint(writer*churnKeys/4 + rand.IntN(churnKeys/4))
				if live[key] && rand.IntN(8) == 0 {
					if err := s.Delete(context.Background(), key); err != nil {
						errs <- err
					}
					live[key] = false
					tell(key)
					continue
				}
				owner := fmt.Sprintf("%d-%d", rand.IntN(3), n)
				value := fmt.Sprint(n)
				pad := `"` + strings.Repeat("p", rand.IntN(64<<10)) + `"`
				set, err := store.NewFields(store.Field{Name: "a", Value: value}, store.Field{Name: "b", Value: value}, store.Field{Name: "pad", Value: pad})
				if err != nil {
					errs <- err
				}
				c := store.Change{Set: set, Owner: &owner}
				if !live[key] {
					c.Create, c.ExpiresAt = true, time.Now().Add(time.Hour)
				}
				if _, err := s.Save(context.Background(), key, c); err != nil {
					errs <- err
				}
				live[key] = true
				tell(key, n, owner)
			}
		}()
	}
	return <-errs
}

func TestAKilledProcessLosesNothingAcknowledgedAndLeavesNoHalfRecord(t *testing.T) {
	const kills = 40
	reads := 0
	for range kills {
		dir := fresh(t)
		s := open(t, dir, filestore.SyncNone)
		p := start(t, "churn", dir)

		stop := time.Now().Add(time.Duration(5+rand.IntN(60)) * time.Millisecond)
		acknowledged := map[string]string{}
		lines := make(chan string, 1<<16)
		go func() {
			defer close(lines)
			for p.lines.Scan() {
				lines <- p.lines.Text()
			}
		}()
		note := func(line string) {
			key, what, _ := strings.Cut(line, " ")
			acknowledged[key] = what
		}
		note(<-lines) // it is at work
		for time.Now().Before(stop) {
			whole(t, s, fmt.Sprint(rand.IntN(churnKeys)))
			reads++
		}
		if err := p.cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		for line := range lines {
			note(line)
		}
		_ = p.cmd.Wait()
		if text := p.stderr.String(); text != "" {
			t.Fatal(text)
		}

		for i := range churnKeys {
			key := fmt.Sprint(i)
			rec, found := whole(t, s, key)
			what, known := acknowledged[key]
			n, owner, _ := strings.Cut(what, " ")
			at, _ := strconv.Atoi(n)
			a, _ := rec.Fields.Get("a")
			now, _ := strconv.Atoi(a)
			// What was under way may have landed: a later edit, or a Delete.
			switch {
			case known && what != "" && found && now == at && rec.Owner != owner:
				t.Errorf("%s: the owner is %q, and %q was acknowledged", key, rec.Owner, owner)
			case known && what != "" && found && now < at:
				t.Errorf("%s: %d was acknowledged, and there is %d", key, at, now)
			}
			if found {
				isOwned(t, s, key, rec.Owner)
			}
		}
		missing(t, s, acknowledged)

		for name := range files(t, dir) {
			if base := filepath.Base(name); !strings.HasSuffix(base, ".json") && base != ".cloakroom-tmp" && !strings.HasPrefix(name, "owners") {
				t.Errorf("there is a file %s", name)
			}
		}
		if n, err := s.Sweep(t.Context(), 10); n != 0 || err != nil {
			t.Errorf("Sweep returned %d, %v", n, err)
		}
		for name := range files(t, dir) {
			if filepath.Base(name) == ".cloakroom-tmp" {
				t.Errorf("after Sweep there is still %s", name)
			}
		}
		// The locks have gone with the process.
		for i := range churnKeys {
			if err := s.Delete(t.Context(), fmt.Sprint(i)); err != nil {
				t.Error(err)
			}
		}
	}
	t.Logf("%d records were read while %d processes wrote until they were killed", reads, kills)
}

// missing counts what is not there although it was acknowledged last: each of the four
// writers can have had one Delete under way.
func missing(t *testing.T, s *filestore.Store, acknowledged map[string]string) {
	t.Helper()
	lost, back := map[int]int{}, map[int]int{}
	for key, what := range acknowledged {
		n, _ := strconv.Atoi(key)
		_, found := whole(t, s, key)
		switch writer := n / (churnKeys / 4); {
		case !found && what != "":
			lost[writer]++
		case found && what == "":
			back[writer]++
		}
	}
	for writer := range 4 {
		if lost[writer]+back[writer] > 1 {
			t.Errorf("writer %d had one call under way when it was killed; %d sessions are missing and %d are back", writer, lost[writer], back[writer])
		}
	}
}

// whole loads a record and demands that it is none or a whole one.
func whole(t *testing.T, s *filestore.Store, key string) (rec store.Record, found bool) {
	t.Helper()
	rec, err := s.Load(t.Context(), key)
	if errors.Is(err, store.ErrNotFound) {
		return rec, false
	}
	if err != nil {
		t.Fatal(err)
	}
	a, _ := rec.Fields.Get("a")
	b, _ := rec.Fields.Get("b")
	if a == "" || a != b || !strings.HasSuffix(rec.Owner, "-"+a) {
		t.Fatalf("%s: the fields and the owner are %s, %s and %s", key, a, b, rec.Owner)
	}
	return rec, true
}

// isOwned demands that the index knows the record.
func isOwned(t *testing.T, s *filestore.Store, key, owner string) {
	t.Helper()
	for got, err := range s.ListOwner(t.Context(), owner) {
		if err != nil {
			t.Fatal(err)
		}
		if got == key {
			return
		}
	}
	t.Errorf("ListOwner of %s does not yield its record %s", owner, key)
}

// A process that was stopped with a lock in its hands keeps nobody longer than they want.
func TestAWriterThatWaitsForAnotherProcessLeavesWithItsContext(t *testing.T) {
	dir := fresh(t)
	s := open(t, dir, filestore.SyncNone)
	create(t, s, "k", "u")
	release := holdLock(t, filepath.Dir(pathOf(dir, "k")))

	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, save := s.Save(ctx, "k", store.Change{Set: fields(t, "a", "2")})
	for call, err := range map[string]error{"Save": save, "Delete": s.Delete(ctx, "k")} {
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: %v", call, err)
		}
	}
	rec, err := s.Load(t.Context(), "k") // which waits for nobody
	if a, _ := rec.Fields.Get("a"); a != "1" || err != nil {
		t.Errorf("Load returned %+v, %v", rec, err)
	}

	saved := make(chan error, 1)
	go func() {
		_, err := s.Save(t.Context(), "k", store.Change{Set: fields(t, "a", "3")})
		saved <- err
	}()
	select {
	case err := <-saved:
		t.Fatalf("Save did not wait: %v", err)
	case <-time.After(20 * time.Millisecond):
	}
	release()
	if err := <-saved; err != nil {
		t.Error(err)
	}
}
