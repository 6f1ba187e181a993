package explorer

import (
	"fmt"
	"slices"

	"github.com/cloakroom-go/cloakroom/store"
)

// A finding is the shortest schedule that breaks a promise.
type finding struct {
	setting setting
	promise promise
	detail  string
	steps   int
	story   string
}

func (f *finding) String() string {
	return fmt.Sprintf("%s\n\n%s\nbroken after %d steps: %s\n\n%s", f.promise, f.setting, f.steps, f.detail, f.story)
}

// explore runs all schedules of the settings over st, and returns how many there were
// and the shortest that breaks a promise, or nil. Once one is known, schedules are
// followed only as long as they can be shorter. It must be called in a bubble.
func explore(st store.Store, settings []setting, everyOrder bool) (schedules int, found *finding) {
	limit := 0
	for _, set := range settings {
		for choices := []int{}; choices != nil; {
			r := play(st, set, script{choices: choices, limit: limit, everyOrder: everyOrder})
			if r.whole {
				schedules++
			}
			if r.breach != nil {
				found = tell(st, set, r, everyOrder)
				if limit = found.steps - 1; limit == 0 {
					return schedules, found
				}
			}
			choices = next(r.choices)
		}
	}
	return schedules, found
}

// tell plays a schedule again, for the report.
func tell(st store.Store, set setting, r result, everyOrder bool) *finding {
	var choices []int
	for _, c := range r.choices {
		choices = append(choices, c.taken)
	}
	again := play(st, set, script{choices: choices, everyOrder: everyOrder, tell: true})
	if again.breach == nil || again.breach.promise != r.breach.promise {
		panic(fmt.Errorf("%w: %s\n%s\n%s", errUnsteady, set, r.breach.promise, r.breach.detail))
	}
	return &finding{set, r.breach.promise, again.breach.detail, len(choices), again.story}
}

// next returns the choices that lead to the next schedule, or nil after the last one:
// the last step that has an alternative takes it, and what came after it is open again.
func next(taken []choice) []int {
	for i := len(taken) - 1; i >= 0; i-- {
		if taken[i].taken+1 == taken[i].of {
			continue
		}
		choices := []int{}
		for _, c := range taken[:i] {
			choices = append(choices, c.taken)
		}
		return append(choices, taken[i].taken+1)
	}
	return nil
}

// Schedules that differ only in the order of two neighbours that cannot tell which of
// them came first are one, and are run once. This is done with sleep sets (Godefroid,
// "Partial-Order Methods for the Verification of Concurrent Systems", 1996): when the
// alternatives a and then b of a point have been followed, the schedules that take b
// first and a later, with nothing in between that depends on a, are known already. So
// a sleeps from b on, until something that depends on it wakes it.

// awake returns the steps that do not sleep.
func (s *schedule) awake(steps []step) []step {
	return slices.DeleteFunc(steps, func(st step) bool { return slices.Contains(s.asleep, st) })
}

// sleep puts to sleep what was tried before taken, and wakes what depends on taken.
func (s *schedule) sleep(tried []step, taken step) {
	if s.everyOrder {
		return
	}
	s.asleep = slices.DeleteFunc(append(s.asleep, tried...), func(st step) bool { return st.depends(taken) })
}

// depends reports whether the order of two steps can make a difference. To begin reads
// the client's cookie and the clock, and no more; to arrive writes the cookie; a first
// Load reads the store and the clock.
func (a step) depends(b step) bool {
	if a.what > b.what {
		a, b = b, a
	}
	switch {
	case a.r == b.r:
		return true
	case b.what == begins && a.what == begins: // twins begin in order
		return a.r.client == b.r.client && slices.Equal(a.r.program, b.r.program)
	case b.what == begins:
		return a.what == leaps || a.what == arrives && a.r.client == b.r.client
	case b.what == loads:
		return a.what == calls || a.what == leaps
	case b.what == arrives:
		return a.what == arrives && a.r.client == b.r.client
	}
	return true
}
