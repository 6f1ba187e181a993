package explorer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing/synctest"
	"time"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/store"
)

// maxSteps is far above what any request needs: who reaches it does not end.
const maxSteps = 80

// A schedule is one interleaving, under way.
type schedule struct {
	model
	setting  setting
	manager  *cloakroom.Manager
	requests []*request
	jars     [2]string  // by client
	arrived  []*request // whose response had a cookie, in the order of arrival
	done     int        // how many requests have ended
	over     atomic.Bool

	choices    []choice // taken so far
	everyOrder bool
	asleep     []step // that need not be taken now, see search.go
	told       *strings.Builder
	names      map[string]string // of keys, for the report
}

// A choice is which of the possible steps was taken.
type choice struct{ taken, of int }

// A script says how to play a schedule.
type script struct {
	choices    []int // to take; then always the first one
	limit      int   // give up after so many steps; 0 for never
	everyOrder bool  // also of steps whose order makes no difference
	tell       bool  // write the story
}

// A result is what came of a schedule.
type result struct {
	choices []choice
	breach  *breach
	whole   bool // played to its end, or to a breach
	story   string
}

// play runs one schedule over st. It must be called in a bubble.
func play(st store.Store, set setting, script script) result {
	if b, ok := st.(*bridge); ok {
		b.begin()
	}
	s := &schedule{model: model{store: st}, setting: set, everyOrder: script.everyOrder}
	if script.tell {
		s.told, s.names = &strings.Builder{}, map[string]string{}
	}
	var err error
	s.manager, err = cloakroom.New(gate{st}, &cloakroom.Config{
		IdleTimeout: idleTimeout, Lifetime: lifetime, TouchInterval: touchInterval,
		StoreTimeout: storeTimeout, Observer: observer{},
	})
	if err != nil {
		panic(err)
	}
	s.prepare()
	defer s.abandon()
	for s.breach == nil {
		steps := s.possible()
		if len(steps) == 0 {
			if s.stuck() {
				continue
			}
			s.checkClients()
			break
		}
		if steps = s.awake(steps); len(steps) == 0 || script.limit > 0 && s.step == script.limit {
			return result{choices: s.choices}
		}
		if s.step == maxSteps {
			s.fail(ends, "a request makes call after call")
			break
		}
		n := 0
		if s.step < len(script.choices) {
			n = script.choices[s.step]
		}
		if n >= len(steps) {
			panic(errUnsteady)
		}
		s.step++
		s.choices = append(s.choices, choice{n, len(steps)})
		s.sleep(steps[:n], steps[n])
		s.take(steps[n])
	}
	return result{choices: s.choices, breach: s.breach, whole: true, story: s.story()}
}

// errUnsteady: then nothing that the search says can be relied on.
var errUnsteady = errors.New("explorer: a schedule is not the same when it is run again")

// prepare makes the scene, and the requests that have not begun.
func (s *schedule) prepare() {
	for i, p := range s.setting.plans {
		s.requests = append(s.requests, &request{
			name: planName(i, p), no: i + 1, plan: p, m: s.manager, http: s.setting.http, turn: make(chan struct{}), over: &s.over,
		})
	}
	if s.setting.holder == nobody {
		return
	}
	first := s.prepared("", setA, setB, updateN)
	s.jars = [2]string{first, first}
	if s.setting.holder == alice {
		s.jars[browser] = s.prepared(first, signInAlice)
	}
	switch s.setting.age {
	case stale:
		time.Sleep(2 * touchInterval)
	case old:
		for range 3 {
			time.Sleep(lifetime * 3 / 10)
			s.prepared(s.jars[browser])
		}
	}
	for _, x := range s.sessions {
		rec, _ := s.store.Load(context.Background(), x.id)
		x.version = rec.Version
	}
}

// prepared has a request done before the schedule begins, and returns the client's token.
func (s *schedule) prepared(token string, ops ...op) string {
	r := &request{name: "before", plan: plan{program: ops}, m: s.manager, presented: token, startedAt: time.Now()}
	r.runOpen(context.Background())
	s.see(r)
	if r.answer.token != "" {
		token = r.answer.token
	}
	return token
}

// A step is something that can happen next.
type step struct {
	r    *request
	what what
}

// What a step is. Those that come late in this list are put off, so that a schedule has
// in front of a breach only what leads to it.
type what int

const (
	calls   what = iota // a store call happens, but for the first Load of a request
	leaps               // time passes
	arrives             // a response arrives
	loads               // the first Load happens
	begins              // a request begins
)

// possible lists the steps that can be taken.
func (s *schedule) possible() (steps []step) {
	for i, r := range s.requests {
		at := r.at.Load()
		switch {
		case !r.started:
			if twin, ok := s.setting.twin(i); ok && !s.requests[twin].started {
				continue
			}
			switch r.program[0] {
			case expire:
				steps = append(steps, step{r, leaps})
			case sweep:
				steps = append(steps, step{r, calls})
			default:
				steps = append(steps, step{r, begins})
			}
		case at != nil && at.verb == "load" && len(r.happened()) == 0:
			steps = append(steps, step{r, loads})
		case at != nil:
			steps = append(steps, step{r, calls})
		case r.finished.Load() && !r.delivered && !r.answer.empty():
			steps = append(steps, step{r, arrives})
		}
	}
	slices.SortStableFunc(steps, func(a, b step) int { return int(a.what - b.what) })
	return steps
}

// take does one step, has what follows from it happen, and checks.
func (s *schedule) take(st step) {
	r := st.r
	switch {
	case st.what == arrives:
		r.delivered = true
		s.jars[r.client] = r.answer.token
		s.arrived = append(s.arrived, r)
		s.tell(r, "the response arrives", s.holds(r.client))
		return
	case r.at.Load() != nil:
		s.grant(r)
	case st.what == leaps:
		r.started = true
		r.finished.Store(true)
		time.Sleep(s.setting.age.leap())
		s.tell(r, fmt.Sprintf("%v pass", s.setting.age.leap()), "")
	case st.what == calls:
		r.started = true
		go func() {
			defer r.finished.Store(true)
			_, _ = gate{s.store}.Sweep(context.WithValue(context.Background(), requestKey{}, r), 1000)
		}()
		synctest.Wait()
		s.grant(r)
	default:
		r.started, r.presented, r.startedAt = true, s.jars[r.client], time.Now()
		go r.run(context.Background())
		s.settle()
		s.tell(r, "begins, with "+s.tokenName(r.presented), "")
	}
	for _, r := range s.requests {
		s.see(r)
	}
	s.pass()
	s.check(st)
	if s.breach == nil {
		s.breach = s.worry
	}
}

// grant has the call happen that r waits for.
func (s *schedule) grant(r *request) {
	c := r.at.Load()
	r.turn <- struct{}{}
	s.settle()
	if _, err, done := c.answer(); c.verb == "delete" && done && err == nil {
		s.deleting(r, c.key)
	}
	s.tell(r, c.describe(s.name), c.result())
}

// see takes over what a request was answered since the last time.
func (s *schedule) see(r *request) {
	if r.finished.Load() && r.endedAt == 0 {
		s.done++
		r.endedAt = s.done
	}
	for _, o := range r.news() {
		s.tellOutcome(r, o)
		s.learn(r, o)
	}
}

// nap is longer than the manager ever waits before it tries again.
const nap = 40 * time.Millisecond

// settle returns when all requests wait for their turn, have ended, or wait for each
// other. Who was only sleeping is woken at once: what others do meanwhile can as well
// come just before or just after.
func (s *schedule) settle() {
	synctest.Wait()
	if s.resting() {
		time.Sleep(nap)
		synctest.Wait()
	}
}

// resting reports whether a request is neither at its turn nor at its end.
func (s *schedule) resting() bool {
	for _, r := range s.requests {
		if r.started && !r.finished.Load() && r.at.Load() == nil {
			return true
		}
	}
	return false
}

// stuck reports whether requests wait for each other with nobody to wake them. The time
// after which they must give up is over then.
func (s *schedule) stuck() bool {
	if !s.resting() {
		return false
	}
	time.Sleep(2 * storeTimeout)
	synctest.Wait()
	for _, r := range s.requests {
		s.see(r)
	}
	if len(s.possible()) == 0 && s.resting() {
		s.fail(ends, "the requests that are left wait for each other")
	}
	return true
}

// abandon ends all requests that are under way.
func (s *schedule) abandon() {
	s.over.Store(true)
	for _, r := range s.requests {
		if r.at.Load() != nil {
			r.turn <- struct{}{}
		}
	}
	synctest.Wait()
	for range 10 {
		if !s.resting() {
			return
		}
		time.Sleep(storeTimeout)
		synctest.Wait()
	}
}
