package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/cloakroom-go/cloakroom/internal/integration/servers"
)

// A storeServer is what a store needs outside the process. Those that can be asked to have
// every change on the disk when they acknowledge it, but for Redis, do so.
type storeServer struct {
	name  string
	start func(testing.TB) place
}

var storeServers = []storeServer{
	{"redis", func(t testing.TB) place { return of(servers.Redis(t)) }},
	{"postgres", func(t testing.TB) place { return of(servers.PostgreSQL(t, servers.Durable)) }},
	{"mariadb", func(t testing.TB) place {
		s := servers.MariaDB(t, servers.Durable)
		return place{s.Addr(), s.DSN()}
	}},
	{"memcached", func(t testing.TB) place { return of(servers.Memcached(t)) }},
	{"sqlite", inFolder},
	{"files", inFolder}, // of other kinds
	{"process", func(testing.TB) place { return place{} }},
}

func inFolder(t testing.TB) place { return place{URL: t.TempDir()} }

func of(s *servers.Server) place { return place{s.Addr(), s.URL()} }

// A farm has servers and proxies, which are made for tests.
type farm struct{ cleanups []func() }

// add starts something. missing says why it is not to be had on this machine, if so.
func (f *farm) add(start func(testing.TB)) (missing string, err error) {
	t := &yard{farm: f}
	done := make(chan struct{})
	go func() { // a test that fails ends its goroutine
		defer close(done)
		start(t)
	}()
	<-done
	return t.skipped, t.err
}

func (f *farm) close() {
	for i := len(f.cleanups) - 1; i >= 0; i-- {
		f.cleanups[i]()
	}
	f.cleanups = nil
}

// A yard is a test as far as servers need one. The methods of the TB within, which is nil,
// are not called.
type yard struct {
	testing.TB
	farm    *farm
	skipped string
	err     error
}

func (y *yard) Helper() {}

func (y *yard) Name() string { return "bench" }

func (y *yard) Context() context.Context { return context.Background() }

func (y *yard) Cleanup(f func()) { y.farm.cleanups = append(y.farm.cleanups, f) }

func (y *yard) TempDir() string {
	dir, err := os.MkdirTemp("", "cloakroom-bench")
	if err != nil {
		y.Fatal(err)
	}
	y.Cleanup(func() { os.RemoveAll(dir) })
	inner := filepath.Join(dir, "001") // as a test's folder it has one above it
	if err := os.Mkdir(inner, 0o777); err != nil {
		y.Fatal(err)
	}
	return inner
}

func (y *yard) Logf(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }

func (y *yard) Errorf(format string, args ...any) {
	y.err = errors.Join(y.err, fmt.Errorf(format, args...))
}

func (y *yard) Fatalf(format string, args ...any) {
	y.Errorf(format, args...)
	runtime.Goexit()
}

func (y *yard) Fatal(args ...any) { y.Fatalf("%s", fmt.Sprint(args...)) }

func (y *yard) Skipf(format string, args ...any) {
	y.skipped = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

func (y *yard) Skip(args ...any) { y.Skipf("%s", fmt.Sprint(args...)) }
