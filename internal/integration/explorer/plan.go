package explorer

import (
	"slices"
	"strings"
	"time"
)

// An op is one thing that a request does.
type op string

const (
	load        op = "load"
	setA        op = "set a"
	setB        op = "set b"
	updateN     op = "update n"
	renew       op = "renew"
	signInAlice op = "sign in as alice"
	signInBob   op = "sign in as bob"
	saveNow     op = "Save now"
	destroy     op = "destroy"

	// These two are no requests: each happens in one step, by itself.
	sweep  op = "sweep"
	expire op = "expire"
)

// owner returns whom the op signs in, or "".
func (o op) owner() string {
	switch o {
	case signInAlice:
		return "alice"
	case signInBob:
		return "bob"
	}
	return ""
}

// A program is what one request does, after loading its session and before the commit
// with which every request ends.
type program []op

func (p program) String() string {
	words := make([]string, len(p))
	for i, o := range p {
		words[i] = string(o)
	}
	return strings.Join(words, ", ")
}

func (p program) request() bool { return p[0] != sweep && p[0] != expire }

// A client keeps the cookie that it was sent last.
type client int

const (
	// browser is the user: it follows every response.
	browser client = iota
	// fixed is somebody else who knows the session's first cookie: one that was planted
	// in the browser before the user signed in, say.
	fixed
)

func (c client) String() string { return [...]string{"the browser", "the fixed cookie"}[c] }

// A plan is one request to come.
type plan struct {
	program program
	client  client
}

// A holder is whose session there is at the beginning.
type holder string

const (
	nobody    holder = "no session"
	anonymous holder = "an anonymous session"
	alice     holder = "a session of alice"
)

// An age is how far the times of the session are when the schedule begins.
type age string

const (
	fresh age = "just used"
	stale age = "so that a touch is due"
	old   age = "just used, near the end of its lifetime"
)

const (
	idleTimeout   = 100 * time.Second
	lifetime      = 250 * time.Second
	touchInterval = 10 * time.Second
	// storeTimeout is far above what a schedule takes, also one in which time passes.
	storeTimeout = 15 * time.Minute
)

// leap is how far the clock jumps when the session shall expire. A stale session that
// was touched in the schedule outlives it, and so does an old one that was signed in.
func (a age) leap() time.Duration {
	switch a {
	case stale:
		return idleTimeout - touchInterval
	case old:
		return lifetime / 5
	}
	return idleTimeout + time.Second
}

// A scene is what there is at the beginning, and the way that requests take.
type scene struct {
	holder holder
	age    age
	http   bool // through the middleware, else through Open and Commit
}

// A setting is a scene and the requests that meet in it: all their interleavings are
// explored.
type setting struct {
	scene
	plans []plan
}

func (s scene) String() string {
	text := string(s.holder)
	if s.holder != nobody {
		text += ", " + string(s.age)
	}
	if s.http {
		return text + ", through the middleware"
	}
	return text + ", through Open and Commit"
}

func (s setting) String() string {
	lines := []string{s.scene.String()}
	for i, p := range s.plans {
		lines = append(lines, "  "+planName(i, p)+": "+p.program.String())
	}
	return strings.Join(lines, "\n") + "\n"
}

func planName(i int, p plan) string {
	if !p.program.request() {
		return string(p.program[0])
	}
	return "request " + string(rune('1'+i)) + ", of " + p.client.String()
}

// twin reports whether request i is the same as an earlier one, so that only one order
// of their beginnings needs to be explored, and returns that one.
func (s setting) twin(i int) (int, bool) {
	for j := i - 1; j >= 0; j-- {
		if s.plans[j].client == s.plans[i].client && slices.Equal(s.plans[j].program, s.plans[i].program) {
			return j, true
		}
	}
	return 0, false
}

// programs are what is put together in pairs. One that only loads is a touch when the
// session is stale.
var programs = []program{
	{load},
	{setA},
	{setB},
	{updateN},
	{renew},
	{signInAlice},
	{signInBob},
	{destroy},
	{sweep},
	{expire},
	{setA, saveNow, setB},
	{updateN, saveNow, updateN},
	{updateN, renew},
	{setB, signInAlice},
	{renew, saveNow, setA},
	{signInBob, saveNow, updateN},
	{destroy, setA},
	{destroy, signInBob},
}

// atOnce are the programs that commit at their end only. What Save has for the client
// shows before the end through the middleware alone.
func atOnce() []program {
	return slices.DeleteFunc(slices.Clone(programs), func(p program) bool { return slices.Contains(p, saveNow) })
}

// alone returns a setting for each program.
func alone(sc scene, programs []program) (settings []setting) {
	for _, p := range programs {
		settings = append(settings, setting{sc, []plan{{p, browser}}})
	}
	return settings
}

// pairs returns a setting for every two of the programs, the second of another client.
func pairs(sc scene, programs []program, other client) (settings []setting) {
	for i, p := range programs {
		for _, q := range others(programs, i, other) {
			settings = append(settings, setting{sc, []plan{{p, browser}, {q, other}}})
		}
	}
	return settings
}

// triples returns a setting for every three of the programs, the third of another client.
func triples(sc scene, programs []program, other client) (settings []setting) {
	for i, p := range programs {
		for j, q := range programs[i:] {
			for _, r := range others(programs, i+j, other) {
				settings = append(settings, setting{sc, []plan{{p, browser}, {q, browser}, {r, other}}})
			}
		}
	}
	return settings
}

// others returns the programs to put with that at from: of the same client each is
// enough once, and what is no request is nobody's.
func others(programs []program, from int, c client) []program {
	if c == browser {
		return programs[from:]
	}
	return slices.DeleteFunc(slices.Clone(programs), func(p program) bool { return !p.request() })
}
