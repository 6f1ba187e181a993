package sqlstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
)

// onServers runs a test over the dialects that swap.
func onServers(t *testing.T, test func(t *testing.T, d Dialect)) {
	for name, d := range map[string]Dialect{"PostgreSQL": PostgreSQL(), "MySQL": MySQL()} {
		t.Run(name, func(t *testing.T) { test(t, d) })
	}
}

// A stateError is an error as PostgreSQL's drivers have it.
type stateError string

func (e stateError) Error() string    { return "ERROR: something (SQLSTATE " + string(e) + ")" }
func (e stateError) SQLState() string { return string(e) }

// busyErrors are those by which a database says that it did nothing and may be asked again.
func busyErrors(d Dialect) []error {
	if d.name == "PostgreSQL" {
		return []error{stateError("40001"), stateError("40P01"), stateError("55P03")}
	}
	return []error{
		errors.New("Error 1213 (40001): Deadlock found when trying to get lock; try restarting transaction"),
		errors.New("Error 1205 (HY000): Lock wait timeout exceeded; try restarting transaction"),
		errors.New("Error 1020 (HY000): Record has changed since last read in table 'cloakroom_sessions'"),
	}
}

// base is a record as it is stored, with its row as a load finds it.
func base(t *testing.T) (rec store.Record, row []driver.Value) {
	t.Helper()
	end := time.Now().Add(time.Hour).Truncate(time.Millisecond)
	return store.Record{Version: 5, ExpiresAt: end, Fields: fieldsOf(t, "a", "1")},
		[]driver.Value{int64(5), "", end.UnixMilli(), `{"a":1}`}
}

func TestAnUncontendedSaveIsOneStatement(t *testing.T) {
	onServers(t, func(t *testing.T, d Dialect) {
		rec, _ := base(t)
		owner := "u1"
		for step, change := range map[string]store.Change{
			"edit":    {Base: &rec, Set: fieldsOf(t, "b", "2")},
			"extend":  {Base: &rec, ExpiresAt: rec.ExpiresAt.Add(time.Hour)},
			"replace": {Base: &rec, Owner: &owner},
			"create":  creation(t),
		} {
			s, sc := newScript(t, d)
			sc.answer = plain
			version, err := s.Save(t.Context(), "k", change)
			want := uint64(6)
			if change.Create {
				want = 7 // the database's to tell
			}
			if err != nil || version != want || !slices.Equal(sc.steps(), []string{step}) {
				t.Errorf("%s: version %d, %v; steps %q", step, version, err, sc.steps())
			}
		}
	})
}

func TestASaveThatOthersWereFasterThanReadsAndThenHoldsTheRow(t *testing.T) {
	onServers(t, func(t *testing.T, d Dialect) {
		rec, row := base(t)
		s, sc := newScript(t, d)
		sc.answer = func(step string, args []driver.NamedValue) (reply, error) {
			r, err := plain(step, args)
			switch step {
			case "load", "claim":
				r.row = row
			case "edit":
				r.affected = 0
			}
			return r, err
		}
		version, err := s.Save(t.Context(), "k", store.Change{Base: &rec, Set: fieldsOf(t, "b", "2")})
		want := []string{"edit", "load", "edit", "begin", "claim", "held edit", "commit"}
		if err != nil || version != 6 || !slices.Equal(sc.steps(), want) {
			t.Errorf("version %d, %v; steps %q", version, err, sc.steps())
		}
		if !slices.Equal(sc.isolations, []driver.IsolationLevel{driver.IsolationLevel(sql.LevelReadCommitted)}) {
			t.Errorf("isolation %v", sc.isolations)
		}
	})
}

// Each of these may have reached the database and have been done.
func TestASaveIsNeverRepeatedWhenItMayHaveLanded(t *testing.T) {
	onServers(t, func(t *testing.T, d Dialect) {
		rec, row := base(t)
		owner := "u1"
		lost := []error{io.ErrUnexpectedEOF, errors.New("invalid connection"), stateError("57P01"), stateError("08006"), context.DeadlineExceeded}
		for step, change := range map[string]store.Change{
			"edit":      {Base: &rec, Set: fieldsOf(t, "b", "2")},
			"extend":    {ExpiresAt: rec.ExpiresAt.Add(time.Hour)},
			"replace":   {Base: &rec, Owner: &owner},
			"create":    creation(t),
			"held edit": {Set: fieldsOf(t, "b", "2")},
			"commit":    {Set: fieldsOf(t, "b", "2")},
		} {
			for _, loss := range lost {
				s, sc := newScript(t, d)
				tries := 0
				sc.answer = func(name string, args []driver.NamedValue) (reply, error) {
					r, err := plain(name, args)
					if name == "load" || name == "claim" {
						r.row = row
					}
					if name == "edit" && (step == "commit" || step == "held edit") {
						r.affected = 0
					}
					if name == step {
						tries++
						return r, loss
					}
					return r, err
				}
				version, err := s.Save(t.Context(), "k", change)
				if version != 0 || !errors.Is(err, loss) || isAnswer(err) || tries != 1 {
					t.Errorf("%s with %v: version %d, %v, after %d tries", step, loss, version, err, tries)
				}
			}
		}
	})
}

func TestWhatDidNothingIsTriedAgain(t *testing.T) {
	onServers(t, func(t *testing.T, d Dialect) {
		for _, busy := range busyErrors(d) {
			synctest.Test(t, func(t *testing.T) {
				rec, row := base(t)
				s, sc := newScript(t, d)
				tries := map[string]int{}
				sc.answer = func(step string, args []driver.NamedValue) (reply, error) {
					if tries[step]++; tries[step] <= 3 && step != "packet" {
						return reply{}, busy
					}
					r, err := plain(step, args)
					if step == "load" || step == "claim" {
						r.row = row
					}
					if step == "edit" {
						r.affected = 0 // so that the row is held
					}
					return r, err
				}
				if _, err := s.Load(t.Context(), "k"); err != nil {
					t.Errorf("load: %v", err)
				}
				if version, err := s.Save(t.Context(), "k", store.Change{Base: &rec}); version != 6 || err != nil {
					t.Errorf("save: version %d, %v", version, err)
				}
				if version, err := s.Save(t.Context(), "k", creation(t)); version != 7 || err != nil {
					t.Errorf("create: version %d, %v", version, err)
				}
				if err := s.Delete(t.Context(), "k"); err != nil {
					t.Errorf("delete: %v", err)
				}
				if n, err := s.Sweep(t.Context(), 10); n != 1 || err != nil {
					t.Errorf("sweep: %d, %v", n, err)
				}
				for _, step := range []string{"load", "edit", "create", "remove", "claim", "begin", "held edit", "commit"} {
					if tries[step] < 4 {
						t.Errorf("%s was tried %d times", step, tries[step])
					}
				}
				if sc.open != 0 {
					t.Errorf("%d transactions are open", sc.open)
				}
			})
		}
	})
}

func TestTryingAgainEndsWithTheContextAndWithPatience(t *testing.T) {
	onServers(t, func(t *testing.T, d Dialect) {
		synctest.Test(t, func(t *testing.T) {
			s, sc := newScript(t, d)
			busy := busyErrors(d)[0]
			sc.answer = func(step string, args []driver.NamedValue) (reply, error) {
				if step == "create" {
					return reply{}, busy
				}
				return plain(step, args)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			defer cancel()
			c := start(ctx, s, "k", creation(t))
			<-c.done
			if !errors.Is(c.err, context.DeadlineExceeded) || !errors.Is(c.err, busy) || c.after != 2*time.Second {
				t.Errorf("%v after %v", c.err, c.after)
			}
			c = start(t.Context(), s, "k", creation(t))
			<-c.done
			if !errors.Is(c.err, busy) || errors.Is(c.err, context.DeadlineExceeded) || c.after < patience || c.after > patience+time.Second {
				t.Errorf("%v after %v", c.err, c.after)
			}
		})
	})
}

// Writers of one session must not take all connections while they wait for one another.
func TestOneWriterOfAKeyHoldsARowAtATime(t *testing.T) {
	onServers(t, func(t *testing.T, d Dialect) {
		synctest.Test(t, func(t *testing.T) {
			_, row := base(t)
			s, sc := newScript(t, d)
			sc.answer = func(step string, args []driver.NamedValue) (reply, error) {
				r, err := plain(step, args)
				switch step {
				case "load":
					r.row = row
				case "claim":
					r.row = row
					time.Sleep(time.Second)
				case "edit":
					r.affected = 0
				}
				return r, err
			}
			var wg sync.WaitGroup
			for range 20 {
				wg.Go(func() {
					if _, err := s.Save(t.Context(), "k", store.Change{}); err != nil {
						t.Error(err)
					}
				})
			}
			synctest.Wait()
			// One that cannot wait so long leaves.
			ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
			defer cancel()
			c := start(ctx, s, "k", store.Change{})
			<-c.done
			if !errors.Is(c.err, context.DeadlineExceeded) || c.after != 1500*time.Millisecond {
				t.Errorf("%v after %v", c.err, c.after)
			}
			wg.Wait()
			if sc.most != 1 || sc.open != 0 {
				t.Errorf("%d transactions at a time, %d open", sc.most, sc.open)
			}
			if _, err := s.Save(t.Context(), "k", store.Change{}); err != nil {
				t.Errorf("afterwards: %v", err)
			}
		})
	})
}

func TestAHeldRowThatIsGoneOrExpiresIsNotFound(t *testing.T) {
	onServers(t, func(t *testing.T, d Dialect) {
		_, row := base(t)
		for what, held := range map[string][]driver.Value{"gone": nil, "expires": row} {
			s, sc := newScript(t, d)
			sc.answer = func(step string, args []driver.NamedValue) (reply, error) {
				r, err := plain(step, args)
				switch step {
				case "load":
					r.row = row
				case "claim":
					r.row = held
				case "edit", "held edit":
					r.affected = 0
				}
				return r, err
			}
			if _, err := s.Save(t.Context(), "k", store.Change{}); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("%s: %v", what, err)
			}
			if sc.open != 0 || slices.Contains(sc.steps(), "commit") {
				t.Errorf("%s: steps %q", what, sc.steps())
			}
		}
	})
}

func TestACreateTellsWhatIsInItsWay(t *testing.T) {
	onServers(t, func(t *testing.T, d Dialect) {
		_, live := base(t)
		garbage := slices.Clone(live)
		garbage[3] = "garbage"
		failing := creation(t)
		failing.If = []store.Condition{{Name: "a", Value: "1"}}
		for _, tc := range []struct {
			name   string
			change store.Change
			there  []driver.Value
			want   error
		}{
			{"live", creation(t), live, store.ErrExists},
			{"no record", creation(t), garbage, store.ErrMalformed},
			{"gone meanwhile", creation(t), nil, store.ErrExists},
			{"condition, live", failing, live, store.ErrExists},
			{"condition, no record", failing, garbage, store.ErrMalformed},
			{"condition, free", failing, nil, store.ErrConflict},
		} {
			s, sc := newScript(t, d)
			sc.answer = func(step string, args []driver.NamedValue) (reply, error) {
				switch step {
				case "create":
					return reply{}, nil // no row, and 0
				case "load":
					return reply{row: tc.there}, nil
				}
				return plain(step, args)
			}
			if version, err := s.Save(t.Context(), "k", tc.change); version != 0 || !errors.Is(err, tc.want) {
				t.Errorf("%s: version %d, %v, want %v", tc.name, version, err, tc.want)
			}
			if n := slices.Index(sc.steps(), "create"); n >= 0 != (tc.change.If == nil) {
				t.Errorf("%s: steps %q", tc.name, sc.steps())
			}
		}
	})
}

func TestARecordThatIsTooLargeIsRefusedBeforeAnythingIsWritten(t *testing.T) {
	for _, d := range []Dialect{PostgreSQL(), MySQL()} {
		if d.name == "PostgreSQL" { // a gigabyte is too much for a test
			d.largest = func(context.Context, *ceiling, rowQuerier, int) (int, error) { return 1<<20 - 512, nil }
		}
		s, sc := newScript(t, d)
		sc.answer = plain
		rec, _ := base(t)
		large := fieldsOf(t, "large", `"`+strings.Repeat("x", 1<<20)+`"`)
		create := creation(t)
		create.Set = large
		for what, change := range map[string]store.Change{"edit": {Base: &rec, Set: large}, "create": create} {
			_, err := s.Save(t.Context(), "k", change)
			size := len(`{"large":""}`) + 1<<20 + len("k")
			if what == "edit" {
				size += len(`"a":1,`)
			}
			for _, word := range []string{fmt.Sprint(size), fmt.Sprint(1<<20 - 512), `"k"`, d.name, d.more} {
				if err == nil || isAnswer(err) || !strings.Contains(err.Error(), word) {
					t.Errorf("%s of %s: %v does not say %q", what, d.name, err, word)
				}
			}
		}
		if steps := sc.steps(); len(steps) != 0 {
			t.Errorf("%s: steps %q", d.name, steps)
		}
	}
}

// The database is asked again when it may have been told to take more.
func TestTheLimitOfMySQLIsAskedForWhenItMatters(t *testing.T) {
	s, sc := newScript(t, MySQL())
	packet, asked := int64(1000), 0
	sc.answer = func(step string, args []driver.NamedValue) (reply, error) {
		if step == "packet" {
			asked++
			return reply{row: []driver.Value{packet}}, nil
		}
		return plain(step, args)
	}
	sized := func(n int) error {
		c := creation(t)
		c.Set = fieldsOf(t, "a", `"`+strings.Repeat("x", n)+`"`)
		_, err := s.Save(t.Context(), "k", c)
		return err
	}
	if err := sized(10); err != nil || asked != 1 {
		t.Errorf("small: %v, asked %d times", err, asked)
	}
	if err := sized(20); err != nil || asked != 1 {
		t.Errorf("small again: %v, asked %d times", err, asked)
	}
	if err := sized(2000); err == nil || asked != 2 {
		t.Errorf("large: %v, asked %d times", err, asked)
	}
	packet = 5000
	if err := sized(2000); err != nil || asked != 3 {
		t.Errorf("large, when more is taken: %v, asked %d times", err, asked)
	}
	sc.answer = func(step string, args []driver.NamedValue) (reply, error) {
		return reply{}, io.ErrUnexpectedEOF
	}
	if err := sized(20000); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("when it cannot be asked: %v", err)
	}
}

func TestFieldsThatAreNotUTF8AreRefusedBeforeAnythingIsWritten(t *testing.T) {
	onServers(t, func(t *testing.T, d Dialect) {
		s, sc := newScript(t, d)
		sc.answer = plain
		c := creation(t)
		c.Set = fieldsOf(t, "a", "\"\xff\"")
		if _, err := s.Save(t.Context(), "k", c); err == nil || isAnswer(err) || !strings.Contains(err.Error(), "UTF-8") {
			t.Error(err)
		}
		if steps := sc.steps(); len(steps) != 0 {
			t.Errorf("steps %q", steps)
		}
	})
}

func TestServersAreAskedNothingAfterTheContextHasEnded(t *testing.T) {
	onServers(t, func(t *testing.T, d Dialect) {
		s, sc := newScript(t, d)
		sc.answer = plain
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, save := s.Save(ctx, "k", creation(t))
		_, load := s.Load(ctx, "k")
		_, sweep := s.Sweep(ctx, 1)
		for what, err := range map[string]error{"save": save, "load": load, "sweep": sweep, "delete": s.Delete(ctx, "k")} {
			if !errors.Is(err, context.Canceled) {
				t.Errorf("%s: %v", what, err)
			}
		}
		if steps := sc.steps(); len(steps) != 0 {
			t.Errorf("steps %q", steps)
		}
	})
}

// The driver says so only when nothing was sent, and database/sql acts on it.
func TestAConnectionThatIsKnownToBeDeadIsReplaced(t *testing.T) {
	onServers(t, func(t *testing.T, d Dialect) {
		s, sc := newScript(t, d)
		dead := 1
		sc.answer = func(step string, args []driver.NamedValue) (reply, error) {
			if step == "create" && dead > 0 {
				dead--
				return reply{}, driver.ErrBadConn
			}
			return plain(step, args)
		}
		if version, err := s.Save(t.Context(), "k", creation(t)); version != 7 || err != nil {
			t.Errorf("version %d, %v", version, err)
		}
	})
}
