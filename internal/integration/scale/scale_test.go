package scale

import (
	"flag"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
)

var (
	sessions = flag.Int("sessions", 2000, "how many sessions to fill")
	stores   = flag.String("stores", "", "which stores to measure, with commas in between; all by default")
)

// measuring reports whether the figures shall mean something.
func measuring() bool { return *sessions >= 100_000 }

// few is what many sessions are compared with.
const few = 1000

// A subject is a kind of store.
type subject struct {
	name string
	most int // sessions; 0 for any number
	open func(t *testing.T) site
}

// A site is an empty store for one run.
type site struct {
	store store.Store
	// room is what the sessions occupy by the server's own account, in bytes.
	room func(t *testing.T) int64
}

var subjects = []subject{
	{"redis", 0, openRedis},
	{"postgres", 0, openPostgres},
	{"mariadb", 0, openMariaDB},
	{"memcached", 0, openMemcached},
	{"sqlite", 0, openSQLite},
	{"bolt", 100_000, openBolt},
	{"file", 100_000, openFile},
}

func TestScale(t *testing.T) {
	for _, s := range subjects {
		if *stores != "" && !slices.Contains(strings.Split(*stores, ","), s.name) {
			continue
		}
		t.Run(s.name, func(t *testing.T) {
			n := max(*sessions, few)
			if s.most > 0 {
				n = min(n, s.most)
			}
			t.Log(measure(t, s, n))
		})
	}
}

func measure(t *testing.T, s subject, n int) string {
	small, large := s.open(t), s.open(t)
	empty := large.room(t)
	fill(t, small.store, few)
	took := fill(t, large.store, n)
	room := large.room(t) - empty

	loads := inTurns(t, small.store, large.store, n, load)
	saves := inTurns(t, small.store, large.store, n, save)
	swept := sweepTenth(t, large.store, n, took)

	var b strings.Builder
	fmt.Fprintf(&b, "%s, %d sessions of %d bytes in %v\n", s.name, n, size(t), took.Round(time.Second/10))
	fmt.Fprintf(&b, "  load   %v\n  save   %v\n", loads, saves)
	fmt.Fprintf(&b, "  room   %d bytes a session\n", room/int64(n))
	fmt.Fprintf(&b, "  sweep  %v", swept)
	return b.String()
}
