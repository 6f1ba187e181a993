package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/cloakroom-go/cloakroom/cmd/cloakroom/internal/demo"
	"github.com/cloakroom-go/cloakroom/cmd/cloakroom/internal/open"
)

const (
	defaultAddr = "127.0.0.1:8080"
	// stopTimeout is what requests under way get to finish; the slowest takes 1.5 seconds.
	stopTimeout = 10 * time.Second
)

type demoFlags struct {
	addr      string
	addrGiven bool
	store     string // "" for the default
	secure    bool
}

func parseDemoFlags(args []string, stdout io.Writer) (demoFlags, error) {
	var f demoFlags
	fs := flag.NewFlagSet("cloakroom demo", flag.ContinueOnError)
	fs.SetOutput(io.Discard) // an error is one line, which run prints
	fs.StringVar(&f.addr, "addr", defaultAddr, "listen on `HOST:PORT`; port 0 chooses a free one")
	fs.StringVar(&f.store, "store", "", "keep sessions in `STORE`: "+open.Forms()+" (default: sqlite: with cloakroom/demo.db in your cache directory)")
	fs.BoolVar(&f.secure, "secure", false, "keep Secure __Host- cookies on an address that is not loopback; browsers then need HTTPS")
	err := fs.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(stdout, "Usage: cloakroom demo [flags]\n\nServes a tour of a session to your browser.\n\n")
		fs.SetOutput(stdout)
		fs.PrintDefaults()
		return f, err
	case err != nil:
		return f, usageError{fmt.Errorf("%w; see cloakroom demo -h", err)}
	case fs.NArg() > 0:
		return f, usageError{fmt.Errorf("unexpected argument %q: demo takes flags only; see cloakroom demo -h", fs.Arg(0))}
	}
	fs.Visit(func(given *flag.Flag) { f.addrGiven = f.addrGiven || given.Name == "addr" })
	return f, nil
}

func runDemo(ctx context.Context, args []string, stdout, stderr io.Writer) (err error) {
	flags, err := parseDemoFlags(args, stdout)
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}
	if err != nil {
		return err
	}
	opened, err := openDemoStore(ctx, flags.store)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, opened.Close()) }()

	listener, err := listen(flags.addr, flags.addrGiven)
	if err != nil {
		return err
	}
	defer listener.Close() // for the errors below; Serve closes it too
	report := func(problem string) { fmt.Fprintln(stderr, "cloakroom demo:", problem) }
	insecure := !flags.secure && !loopback(flags.addr)
	if insecure {
		report(fmt.Sprintf("%s is not a loopback address, so session cookies travel over plain HTTP; -secure keeps them for HTTPS", flags.addr))
	}
	if _, port := hostPort(listener); !flags.addrGiven && listener.Addr().String() != defaultAddr {
		report(fmt.Sprintf("%s is taken, so port %s was chosen", defaultAddr, port))
	}
	site, err := demo.New(opened.Store, &demo.Options{Kept: opened.Kind, Insecure: insecure, Report: report})
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, "Open %s\n", address(listener))
	fmt.Fprintf(stdout, "Sessions are kept in %s. Stop with Ctrl-C.\n", opened.Place)
	return serve(ctx, listener, site)
}

func openDemoStore(ctx context.Context, url string) (*open.Opened, error) {
	if url == "" {
		path, err := open.CacheFile("demo.db")
		if err != nil {
			return nil, fmt.Errorf("%w; choose a file with -store, such as -store sqlite:demo.db", err)
		}
		url = "sqlite:" + path
	}
	opened, err := open.Open(ctx, url)
	if err != nil {
		var mistake *open.URLError
		if errors.As(err, &mistake) {
			return nil, usageError{fmt.Errorf("-store: %w", err)}
		}
		return nil, fmt.Errorf("-store: %w", err)
	}
	return opened, nil
}

// listen takes another port when nobody asked for the one that is taken.
func listen(addr string, given bool) (net.Listener, error) {
	listener, err := net.Listen("tcp", addr)
	if err == nil {
		return listener, nil
	}
	if !given {
		if listener, err := net.Listen("tcp", "127.0.0.1:0"); err == nil {
			return listener, nil
		}
	}
	return nil, fmt.Errorf("-addr: %w; choose another, such as -addr 127.0.0.1:0", err)
}

// loopback reports whether only this machine reaches addr.
func loopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return false
	}
	if ip, err := netip.ParseAddr(host); err == nil {
		return ip.IsLoopback()
	}
	return strings.EqualFold(host, "localhost")
}

func hostPort(l net.Listener) (host, port string) {
	addr := l.Addr().(*net.TCPAddr)
	return addr.IP.String(), strconv.Itoa(addr.Port)
}

// address is what to open in a browser on this machine. Browsers take Secure cookies
// from localhost without HTTPS.
func address(l net.Listener) string {
	host, port := hostPort(l)
	ip, err := netip.ParseAddr(host)
	if err != nil || ip.IsUnspecified() || ip == netip.IPv6Loopback() || ip.Unmap() == netip.AddrFrom4([4]byte{127, 0, 0, 1}) {
		host = "localhost"
	}
	return "http://" + net.JoinHostPort(host, port)
}

// serve serves until ctx ends, and then lets the requests under way finish.
func serve(ctx context.Context, listener net.Listener, site *demo.Site) error {
	runCtx, stopRun := context.WithCancel(context.WithoutCancel(ctx))
	defer stopRun()
	swept := make(chan error, 1)
	go func() { swept <- site.Run(runCtx) }()

	server := &http.Server{Handler: site, ReadHeaderTimeout: 10 * time.Second}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	var err error
	select {
	case err = <-served:
	case <-ctx.Done():
		stopCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
		defer cancel()
		if err = server.Shutdown(stopCtx); err != nil {
			err = fmt.Errorf("requests did not finish in %v: %w", stopTimeout, errors.Join(err, server.Close()))
		}
	}
	stopRun()
	return errors.Join(err, <-swept)
}
