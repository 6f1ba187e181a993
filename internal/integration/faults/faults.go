// Package faults examines a store on a real server while the server is killed, hangs, or
// is cut off: through a manager, a real HTTP server and clients that hold cookies.
package faults

import (
	"runtime"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom/internal/integration/proxy"
	"github.com/cloakroom-go/cloakroom/store"
)

// storeTimeout is what the managers of the tests give a request for its store calls, and
// limit is when its answer has to be there.
const (
	storeTimeout = time.Second
	limit        = storeTimeout + 500*time.Millisecond
)

// A Subject is a store, and the server behind it.
type Subject struct {
	// Server is examined while it is running, and is running afterwards. Nobody else may
	// use it meanwhile.
	Server Server
	// Open returns a new store whose connections all go to addr, and a function that
	// closes them. The tables it needs are there already.
	Open func(t testing.TB, addr string) (s store.Store, closeStore func())
	// Conns is how many connections a store from Open may hold.
	Conns int
	// Durable says that what the server has acknowledged outlives a SIGKILL.
	Durable bool
}

// A Server can be treated badly. It is what package servers starts.
type Server interface {
	Addr() string
	Kill()
	Stop()
	Start()
	Pause()
	Resume()
}

// A trial is one thing that happens to a store, and what must be true then.
type trial struct {
	name string
	run  func(testing.TB, Subject)
}

// onNetwork are the trials between store and server, which do not touch the server.
var onNetwork = []trial{
	{"AnUpdateWhoseAnswerIsLostHappensOnce", loseUpdate},
	{"ACreateWhoseAnswerIsLostCanBeginAgain", loseCreate},
	{"ARenewWhoseAnswerIsLostIsSettled", loseRenew},
	{"ASignInWhoseAnswerIsLostIsSettled", loseSignIn},
	{"ASignOutWhoseAnswerIsLostIsFinal", loseSignOut},
	{"AStallIsAnsweredInTime", stall},
	{"CutConnectionsAreReplaced", cut},
	{"AnOutageEndsByItself", refuse},
}

// onServer are the trials in which the server itself goes away.
var onServer = []trial{
	{"AServerThatIsKilledKeepsItsWord", killServer},
	{"AServerThatIsRestartedIsMissedBriefly", restartServer},
	{"AServerThatHangsIsAnsweredFor", pauseServer},
}

// Run examines a store.
func Run(t *testing.T, s Subject) {
	before := runtime.NumGoroutine()
	t.Run("Network", func(t *testing.T) {
		for _, tr := range onNetwork {
			t.Run(tr.name, func(t *testing.T) {
				t.Parallel()
				tr.run(t, s)
			})
		}
	})
	for _, tr := range onServer {
		t.Run(tr.name, func(t *testing.T) { tr.run(t, s) })
	}
	settled(t, before)
}

// settled checks that there are no more goroutines than before.
func settled(t testing.TB, before int) {
	t.Helper()
	if !within(recovery, func() bool { return runtime.NumGoroutine() <= before }) {
		stacks := make([]byte, 1<<20)
		t.Errorf("goroutines are left: there were %d before, and are %d now:\n%s",
			before, runtime.NumGoroutine(), stacks[:runtime.Stack(stacks, true)])
	}
}

// within waits until ok, for as long as d.
func within(d time.Duration, ok func() bool) bool {
	for deadline := time.Now().Add(d); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			return false
		}
	}
	return true
}

// A rig is a site over a store behind a proxy.
type rig struct {
	*site
	proxy *proxy.Proxy
}

func newRig(t testing.TB, s Subject) *rig {
	t.Helper()
	p := proxy.New(t, s.Server.Addr())
	st, closeStore := s.Open(t, p.Addr())
	t.Cleanup(func() {
		if open := p.Counts().Open; open > s.Conns {
			t.Errorf("connections leak: %d are open, and %d are allowed", open, s.Conns)
		}
		closeStore()
		if !within(recovery, func() bool { return p.Counts().Open == 0 }) {
			t.Errorf("connections leak: %d are open after the store was closed", p.Counts().Open)
		}
	})
	r := &rig{newSite(t, st), p}
	r.warmUp()
	return r
}

// warmUp has the store do once all that it will be asked for, so that it has prepared its
// statements when an answer is to get lost.
func (r *rig) warmUp() {
	r.t.Helper()
	v := &visitor{site: r.site}
	for _, path := range []string{"/add?mark=warm", "/add?mark=up", "/renew?mark=x", "/signin?mark=x&owner=u", "/signout"} {
		v.insist(path)
	}
}
